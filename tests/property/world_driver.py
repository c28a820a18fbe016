"""Random operations: :class:`Driver` turns tuples of small integers into histories of a node."""

from __future__ import annotations

from dataclasses import replace

from ryu_apps.control import messages as msg
from ryu_apps.control.kinds import Attachment
from vrouter_ovs.state import Endpoint, collector

from .world_configuration import COLLECTORS, ConfigurationDriver
from .world_node import Node
from .world_peers import PeerDriver
from .world_universe import (
    ELEMENTS,
    ENCAPSULATIONS,
    FOREIGN_VTEPS,
    INTERFACES,
    PHYSICAL_NETWORKS,
    PORTS,
    vteps,
)


class Driver(ConfigurationDriver, PeerDriver):
    """Turns tuples of small integers into operations on a node.

    ``conflicts``: whether ports are claimed twice and peers announce MACs of our ports.
    """

    OPERATIONS = (
        "network", "subnet", "port", "port", "port", "router", "attach", "attach", "swap",
        "connect", "disconnect", "vtep", "paths", "forget", "lose", "interface", "interface",
        "interface", "tunnel", "tunnel", "link", "ack", "ack", "ack_all", "reject", "path", "path",
        "path", "withdraw", "elsewhere", "peer_down", "peer_up", "end_of_rib", "tick", "flush",
        "flush", "group", "rule", "rule", "remac", "readdress", "resubnet", "regroup", "rename",
        "replug", "move", "drop", "catch_up", "encapsulations", "provide", "provide", "attachment",
        "attachment", "chain", "chain", "limit", "limited", "limited", "trunk", "trunk",
        "gateway", "floating", "floating",
        "mirror", "mirror", "collector",
    )  # fmt: skip

    def __init__(self, node: Node, conflicts: bool = True) -> None:
        super().__init__(node)
        self.conflicts = conflicts

    def run(self, operations: list[tuple[int, int, int, int]]) -> None:
        for code, a, b, c in operations:
            getattr(self, self.OPERATIONS[code % len(self.OPERATIONS)])(a, b, c)

    def populate(self) -> None:
        """A start that is worth changing: everything exists, two hypervisors hold ports."""
        for n in range(3):
            self.network(n, 1, 0)
            self.subnet(n * 2, 1, 0)
        for n in range(2):
            self.group(n, 1, 0)
            self.rule(n, 1 + n, n)
            self.router(n, 1, 0)
            self.attach(n * 2, 1 + n, 0)
        for n in range(6):
            self.port(n, 1, 0)
        for n in range(4):
            self.chain(n, 1, 5 + n)
        for n in range(3):
            self.connect(n, 0, 0)
            self.interface(n, 0, 1)
            self.interface(n, 1, 1)
        self.gateway(0, 3, 0)
        self.floating(0, 0, 1)

    # -- hypervisors

    def _element(self, a: int) -> str:
        return ELEMENTS[a % len(ELEMENTS)]

    def _connected(self, a: int) -> str | None:
        name = self._element(a)
        one = self.node.inputs.elements.get(name)
        return name if one is not None and one.connected else None

    def connect(self, a: int, b: int, c: int) -> None:
        name = self._element(a)
        known = self.node.inputs.elements.get(name)
        vtep = vteps(name)[1] if b % 6 == 5 else (known.info.vtep if known else None)
        self.node.connect(name, vtep)

    def disconnect(self, a: int, b: int, c: int) -> None:
        if name := self._connected(a):
            self.node.disconnect(name)

    def vtep(self, a: int, b: int, c: int) -> None:
        if name := self._connected(a):
            number = ELEMENTS.index(name) + 1
            self.node.change_vtep(name, (*vteps(name), f"fd00:16::1:{number}")[b % 3])

    def paths(self, a: int, b: int, c: int) -> None:
        if name := self._connected(a):
            number = ELEMENTS.index(name) + 1
            further = (f"172.16.1.{number}", f"172.16.2.{number}", f"fd00:16::{number}")[c % 3]
            self.node.change_paths(name, (further,) if b % 3 else ())

    def encapsulations(self, a: int, b: int, c: int) -> None:
        """With the next connection or at once."""
        if name := self._connected(a):
            names = ENCAPSULATIONS[b % 4 :][: 1 + c % 3]
            if c % 4 == 3:
                self.node.disconnect(name)
                known = self.node.inputs.elements[name]
                self.node.connect(name, facts=replace(known.info.facts, encapsulations=names))
            else:
                self.node.change_encapsulations(name, names[::-1] if c % 3 else names)

    def attachment(self, a: int, b: int, c: int) -> None:
        """It is attached to physical networks, or not; the patch ports are there, or not yet, or
        are made anew."""
        if name := self._connected(a):
            self.node.change_facts(name, attachments=tuple(
                Attachment(physical, f"br-{physical}", "", (-1, number, number + 2)[c % 3])
                for number, physical in enumerate(PHYSICAL_NETWORKS, 900)
                if b >> (number - 900) & 1
            ))

    def forget(self, a: int, b: int, c: int) -> None:
        if b % 3 == 0:
            self.node.forget(self._element(a))

    def lose(self, a: int, b: int, c: int) -> None:
        if b % 3 == 0 and (name := self._connected(a)):
            self.node.lose(name, serving=bool(c % 2))

    def interface(self, a: int, b: int, c: int) -> None:
        name = self._connected(a)
        if name is None:
            return
        tap = INTERFACES[b % len(INTERFACES)]
        number = int(tap[3:])
        if c % 5 == 0:
            self.node.interface(name, tap, None)
            return
        if self.conflicts:
            port = (*PORTS, "unknown")[(a + b + c // 5) % (len(PORTS) + 1)]
        else:
            # Each interface stands for one port of its own.
            port = f"port{(ELEMENTS.index(name) * len(INTERFACES) + number) % 12}"
            rows = self.node.inputs.elements[name].interfaces.values()
            if any(row.iface_id == port and row.name != tap for row in rows):
                return  # One that was renamed has it.
        ofport = self._number_for(name, tap, number + 1 + 10 * (c % 3))
        if c % 11 == 10:
            row = msg.Interface(tap, port, -1, error="no such device")
        else:
            row = msg.Interface(tap, port, ofport)
        self.node.interface(name, tap, row)

    def _number_for(self, name: str, tap: str, ofport: int) -> int:
        """This OpenFlow number, or the next: Open vSwitch gives none to two interfaces."""
        rows = self.node.inputs.elements[name].interfaces
        taken = {row.ofport for other, row in rows.items() if other != tap}
        while ofport in taken:
            ofport += 100
        return ofport

    def _plugged(self, a: int, b: int) -> tuple[str, msg.Interface] | None:
        """An interface of a connected hypervisor that claims a port."""
        name = self._connected(a)
        rows = self.node.inputs.elements[name].interfaces if name is not None else {}
        taps = sorted(rows)
        return (name, rows[taps[b % len(taps)]]) if name is not None and taps else None

    def rename(self, a: int, b: int, c: int) -> None:
        """The same port and OpenFlow number under another name, in one change or two."""
        if found := self._plugged(a, b):
            name, row = found
            new = INTERFACES[c % len(INTERFACES)]
            if new == row.name or new in self.node.inputs.elements[name].interfaces:
                return
            changes = [(row.name, None), (new, replace(row, name=new))]
            if c % 3:
                self.node.interfaces(name, *changes)
            else:
                for change in changes:
                    self.node.interfaces(name, change)

    def replug(self, a: int, b: int, c: int) -> None:
        """Out and in again, with another OpenFlow number or that of an interface that leaves."""
        if found := self._plugged(a, b):
            name, row = found
            rows = self.node.inputs.elements[name].interfaces
            other = sorted(rows)[c % len(rows)]
            mine = self._number_for(name, row.name, 40 + c)
            ofport = rows[other].ofport if other != row.name else mine
            if c % 2:
                self.node.interface(name, row.name, None)
            gone = [(other, None)] if other != row.name else []
            self.node.interfaces(name, *gone, (row.name, replace(row, ofport=ofport)))

    def move(self, a: int, b: int, c: int) -> None:
        """To another hypervisor, which claims the port before or after this one lets it go."""
        found, target = self._plugged(a, b), self._connected(a + 1 + c % 2)
        if found is None or target is None or target == found[0]:
            return
        name, row = found
        steps = [lambda: self.node.interface(name, row.name, None),
                 lambda: self.node.bind(
                     target, "tap3", row.iface_id, self._number_for(target, "tap3", 50 + c))]
        for step in steps if b % 2 else reversed(steps):
            step()
            if c % 3 == 0:
                self.node.flush()

    def tunnel(self, a: int, b: int, c: int) -> None:
        name = self._connected(a)
        if name is None:
            return
        others = [vteps(other)[0] for other in ELEMENTS if other != name]
        far = Endpoint((*others, *FOREIGN_VTEPS)[b % 4], path=b // 4 % 2)
        ofport = -1 if c % 4 == 3 else 100 + b % 8 + 10 * (c % 2)
        bfd = ("", "up", "down", "init")[c // 5 % 4]
        self.node.tunnel(name, far, msg.TunnelStatus(far, ofport, bfd) if c % 5 else None)

    def collector(self, a: int, b: int, c: int) -> None:
        """The tunnel port to one comes, gets another number or goes."""
        if (name := self._connected(a)) is None:
            return
        far = collector(COLLECTORS[0], ("gre", "erspanv1")[b % 2], 7 + b // 2 % 2)
        ofport = -1 if c % 4 == 3 else 300 + b % 4 + 10 * (c % 2)
        self.node.tunnel(name, far, msg.TunnelStatus(far, ofport) if c % 5 else None)

    def link(self, a: int, b: int, c: int) -> None:
        """BFD of all tunnels of a path, or of one: a link that fails or comes back."""
        if (name := self._connected(a)) is None:
            return
        tunnels = self.node.inputs.elements[name].tunnels
        on_path = [far for far in sorted(tunnels) if far.path == b % 2]
        for far in on_path if c % 2 else on_path[:1]:
            bfd = ("up", "down")[b // 2 % 2]
            self.node.tunnel(name, far, replace(tunnels[far], bfd=bfd))
        if c % 3 == 0:
            self.node.tick(c % 4)

    def ack(self, a: int, b: int, c: int) -> None:
        self.node.ack(self._element(a), b % 12)

    def ack_all(self, a: int, b: int, c: int) -> None:
        for name in ELEMENTS:
            self.node.ack(name)

    def reject(self, a: int, b: int, c: int) -> None:
        """The switch refuses a port of the last revision, which it has not confirmed."""
        name = self._element(a)
        program = self.node.last_program.get(name)
        if program is None or self.node.acked.get(name, 0) >= program.revision:
            return
        wanted = self.node.world.desired.objects.get(name, {})
        keys = [key for key, item in program.changes if key[0] == "port" and key in wanted and
                wanted[key] == item]
        if keys:
            tell = self.node.refuse_late if c % 4 == 3 else self.node.refuse
            tell(name, keys[b % len(keys)])

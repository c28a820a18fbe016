"""Random operations of the peers and the clock."""

from __future__ import annotations

from ryu_apps.control.routes import Attributes, Imet, IpPrefix, MacIp, Path
from vrouter_ovs.encapsulation import in_order

from .world_node import Node
from .world_universe import (
    ELEMENTS,
    FOREIGN_VTEPS,
    NETWORKS,
    PEERS,
    ROUTERS,
    host,
    mac,
    target,
    vteps,
)

OFFERED = (
    ("vxlan",), ("vxlan",), ("geneve",), ("vxlan", "geneve", "nvgre"), ("nvgre", "mpls"),
    ("mpls-in-gre",),
)  # fmt: skip
"""What a foreign VTEP takes."""


class PeerDriver:
    node: Node
    conflicts: bool

    def make_path(self, a: int, b: int, c: int) -> Path:
        number = a % 3
        network, router = f"net{number}", f"router{number % 2}"
        evi, vrf = NETWORKS[network][0], ROUTERS[router][0]
        far = FOREIGN_VTEPS[b % 2]
        if self.conflicts and b % 13 == 12:
            far = vteps(ELEMENTS[c % 3])[0]
        attrs = Attributes(
            far, (), mobility=c % 3, sticky=b % 17 == 16, local_pref=(100, 100, 200)[b % 3],
            encaps=in_order(OFFERED[(a + b + c) % len(OFFERED)]),
        )
        rd = f"{FOREIGN_VTEPS[b // 2 % 2]}:{1 + number}"
        kind = c // 3 % 8
        if kind == 0:
            return Path(Imet(rd, 0, far), attrs._replace(rts=(target(evi),)), (evi + a % 2,))
        if kind in (1, 2):
            prefix = ("0.0.0.0/0", "10.0.0.0/24", "10.0.0.10/32", "172.31.0.0/16")[a // 3 % 4]
            attrs = attrs._replace(
                rts=(target(vrf),), router_mac="02:76:c0:00:02:09" if b % 5 else ""
            )
            if b % 4 == 3:  # Behind an address that a port may have.
                return Path(IpPrefix(rd, 0, prefix), attrs._replace(router_mac=""), (0,), "",
                            host(f"{network}-a", 10 + c % 3))
            return Path(IpPrefix(rd, 0, prefix), attrs, (vrf,))
        if self.conflicts and kind in (3, 4):
            # A MAC, and perhaps an address, of one of our ports.
            where = mac(network, 16 + b // 4 % 3)
            ip = host(f"{network}-a", 10 + a // 3 % 3)
        elif kind == 5:
            # The gateway's own.
            where, ip = mac(network, 1 + a % 2), host(f"{network}-a", 1 + b // 4 % 2)
        else:
            where, ip = mac(network, 200 + b // 4 % 2), host(f"{network}-a", 20 + a // 3 % 2)
        if kind == 6:
            return Path(MacIp(rd, 0, where, ""), attrs._replace(rts=(target(evi),)), (evi,))
        rts = tuple(sorted((target(evi), target(vrf))))
        if a % 5 == 4:
            rts = (target(vrf),)  # For the VRF alone.
        attrs = attrs._replace(rts=rts, router_mac="02:76:c0:00:02:09")
        return Path(MacIp(rd, 0, where, ip), attrs, (evi, vrf))

    def path(self, a: int, b: int, c: int) -> None:
        self.node.receive(PEERS[(a + b) % 2], (self.make_path(a, b, c),))

    def withdraw(self, a: int, b: int, c: int) -> None:
        peer = PEERS[a % 2]
        known = list(self.node.inputs.paths.get(peer, ()))
        if known:
            self.node.receive(peer, (), (known[b % len(known)],))

    def elsewhere(self, a: int, b: int, c: int) -> None:
        """A foreign VTEP becomes a node's, or a router's."""
        self.node.elsewhere(FOREIGN_VTEPS[a % 2], bool(b % 2))

    def peer_down(self, a: int, b: int, c: int) -> None:
        self.node.peer_down(PEERS[a % 2])

    def peer_up(self, a: int, b: int, c: int) -> None:
        """Back, with some of its routes."""
        peer = PEERS[a % 2]
        self.node.peer_up(peer)
        known = [path for path, _ in self.node.inputs.paths.get(peer, {}).values()]
        self.node.receive(peer, tuple(path for n, path in enumerate(known) if (n + b) % 3))

    def catch_up(self, a: int, b: int, c: int) -> None:
        self.node.catch_up()

    def end_of_rib(self, a: int, b: int, c: int) -> None:
        self.node.end_of_rib(PEERS[a % 2])

    def tick(self, a: int, b: int, c: int) -> None:
        self.node.tick(1 + b * 7)

    def flush(self, a: int, b: int, c: int) -> None:
        self.node.flush()

"""The vrouters of this node: what they are sent, and what their switches answer."""

from __future__ import annotations

from collections.abc import Iterable

from ryu_apps.control import messages as msg
from ryu_apps.control.forwarding.segments import Segments
from ryu_apps.control.graph.graph import Marks
from ryu_apps.control.ownership.targets import StandbyTargets
from ryu_apps.control.ports.ports import Ports
from ryu_apps.control.tables import Tables
from vrouter_ovs.encapsulation import IPV6_HEADER_MORE
from vrouter_ovs.state import (
    OPENFLOW,
    OVSDB,
    TARGET_OF,
    ControllerTarget,
    Metadata,
    MeterPool,
    Vrouter,
    session_of,
)

CONTROLLERS = ("controllers",)
"""The scope of the controllers of a vrouter that stand by."""
WHO = dict.fromkeys(OPENFLOW, "switch") | {OVSDB: "database"}


class Vrouters:
    """Reads: elements and their desired state.
    Marks: the tunnels of a vrouter that joins.
    Emits: Program, Defer and Notice, appended to ``effects``.

    ``overlay_mtus``: see :class:`~vrouter_ovs.state.Vrouter`.  ``constant``: what else every
    vrouter has."""

    def __init__(
        self,
        tables: Tables,
        marks: Marks,
        ports: Ports,
        segments: Segments,
        overlay_mtus: tuple[tuple[str, int], ...],
        constant: tuple[MeterPool | Metadata, ...],
        standby_targets: StandbyTargets,
        effects: list,
    ) -> None:
        self._elements = tables.elements
        self._desired = tables.desired
        self._marks = marks
        self._ports = ports
        self._segments = segments
        self._overlay_mtus = overlay_mtus
        self._constant = constant
        self._standby_targets = standby_targets
        self._effects = effects

    # ------------------------------------------------------------ OpenFlow

    def connected(self, event: msg.VrouterConnected) -> None:
        """The switch speaks OpenFlow with this node."""
        element = self._elements.accepted.get(event.element)
        if element is not None:
            element.openflow = True

    def disconnected(self, event: msg.VrouterDisconnected) -> None:
        """It no longer does; what it was sent stays in it."""
        element = self._elements.accepted.get(event.element)
        if element is not None:
            element.openflow = False
            element.numbers.forget()

    def acked(self, event: msg.VrouterAcked) -> None:
        """The switch has all that it was sent up to a revision."""
        element = self._elements.accepted.get(event.element)
        if element is not None:
            done = element.confirmations.confirmed(
                event.revision, event.targets, event.recovered
            )
            self._segments.confirm(event.element, done)
            self._ports.confirm(event.element, done)

    def object_refused(self, event: msg.ObjectRefused) -> None:
        """A target refused one object; the rest of the revision is done."""
        element = self._elements.accepted.get(event.element)
        if element is None or self._desired.get(event.element, event.key) is None:
            return
        if not element.confirmations.refused(event.key, event.reason, event.revision):
            return
        if event.key[0] == "port":
            self._ports.refuse(event.element, event.key[1])
        who, what = WHO[TARGET_OF[event.key[0]]], " ".join(map(str, event.key))
        self._effects.append(msg.Notice(
            "error", f"vrouter {event.element}", f"the {who} refused {what}: {event.reason}"
        ))

    # ------------------------------------------------------------ flush

    def describe(self, name: str) -> None:
        """Give the vrouter of an element what it has of its own."""
        element = self._elements.accepted.get(name)
        if element is None:
            return
        self._desired.add_element(name)
        sent = element.encapsulations
        mtus = tuple((encap, mtu) for encap, mtu in self._overlay_mtus if encap in sent)
        if any(":" in vtep for vtep in element.info.vteps):
            # A packet may take any path, and has to fit on that with the largest header.
            mtus = tuple((encap, mtu - IPV6_HEADER_MORE) for encap, mtu in mtus)
        for item in (Vrouter(element.router_mac, mtus), *self._constant):
            self._desired.put(name, ("element",), item)
        controllers = {
            item.key: item for item in map(ControllerTarget, self._standby_targets.of(name))
        }
        for key in self._desired.keys(name, CONTROLLERS):
            if key not in controllers:
                self._desired.delete(name, CONTROLLERS, key)
        for item in controllers.values():
            self._desired.put(name, CONTROLLERS, item)
        self._marks.tunnels.mark_all(
            (name, endpoint._replace(path=0)) for endpoint in element.tunnels
            if session_of(endpoint) is None
        )

    def program(self, name: str) -> None:
        """Tell a switch all changes of its desired state since it was told last; one that another
        node is taking over is told nothing more."""
        element = self._elements.accepted.get(name)
        if element is None or element.leaving is not None:
            return
        confirmations = element.confirmations
        program = self._desired.flush(name, confirmations.revision + 1)
        if program is not None:
            confirmations.programmed(program.revision, program.changes)
            self._effects.append(program)

    def release(self, names: Iterable[str]) -> None:
        """These vrouters are deferred no longer, and keep what they need alone."""
        self._effects.extend(msg.Defer(name, False) for name in names)

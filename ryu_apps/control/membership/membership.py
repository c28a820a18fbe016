"""How elements join this node, change, disconnect and are forgotten."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ryu_apps.control import messages as msg
from ryu_apps.control.desired.confirmations import Confirmations
from ryu_apps.control.elements.admission import ElementAdmission, Refusals
from ryu_apps.control.elements.elements import RECORDS, Element, record, vteps_of
from ryu_apps.control.elements.unknown_ports import UnknownPorts
from ryu_apps.control.graph.graph import Marks
from ryu_apps.control.kinds import datapath_id, datapath_of, kind_of
from ryu_apps.control.links.tunnels import Tunnels
from ryu_apps.control.local_paths import LocalPaths
from ryu_apps.control.membership.assignment import Assignment
from ryu_apps.control.membership.convergence import Convergence
from ryu_apps.control.ownership.records import OWNERS, PINS
from ryu_apps.control.tables import Tables

ABSENCE = 10.0
"""Seconds after a start; a hypervisor of ours that has not come back by then is recorded as not
connected, so that it may join another node, or from elsewhere."""
MOVE_PATIENCE = 10.0
"""Seconds that an element which has a new owner is kept, until that serves it."""


class Membership:
    """Reads: elements and the records of all.
    Marks: elements that join or leave, claims that their interfaces make, what was held back from
    an element that stays after all.
    Emits: AcceptElement, RefuseElement, ExpectElement, ReleaseElement, Defer, RecordStatus and
    Notice, appended to ``effects``."""

    def __init__(
        self,
        tables: Tables,
        marks: Marks,
        local_paths: LocalPaths,
        tunnels: Tunnels,
        convergence: Convergence,
        assignment: Assignment,
        effects: list,
    ) -> None:
        self._elements = elements = tables.elements
        self._marks = marks
        self._local_paths = local_paths
        self._tunnels = tunnels
        self._convergence = convergence
        self._assignment = assignment
        self._effects = effects
        self._admission = ElementAdmission(elements)
        self.unknown_ports = UnknownPorts(tables.config, elements, effects)
        self.refusals = Refusals(elements, self._admission, effects)
        self._absent: dict[str, float] = {}
        """Ours by the records, but not here -> since when."""
        self._yielded: set[str] = set()
        """Those that were left to another node, and not accepted here since."""
        self._arriving: dict[str, None] = {}
        """Those that this node took in, and whose switch has not confirmed everything since."""
        self._revisions: dict[str, int] = {}
        """Where the count of an element goes on that was forgotten: a late acknowledgement of its
        former channel must confirm nothing."""

    # ------------------------------------------------------------ joining

    def connected(self, event: msg.ElementConnected, now: float) -> None:
        """An OVSDB session shows its element: accept it, unless something stands against it."""
        info = event.info
        rejection = self._admission.rejection(event.session, info)
        if rejection is not None:
            self.refusals.refuse(event.session, info, rejection, now)
            return
        known = self._elements.accepted.get(info.element)
        if known is not None and (known.vtep, known.info.kind) != (info.vtep, info.kind):
            self.forget(info.element)
        element = self._elements.accept(event.session, info)
        if element is not known:
            self._enter(element, now)
        self._marks.vrouters.mark(info.element)
        self._accepted(event.session, info)
        self._record(element)
        rows: dict[str, Any] = dict.fromkeys(element.interfaces)
        rows.update((row.name, row) for row in event.interfaces)
        self._set_interfaces(element, rows, now)
        if not element.deferred:
            self._effects.append(msg.Defer(info.element, False))
        tunnels: dict[str, Any] = dict.fromkeys(element.tunnels)
        tunnels.update((tunnel.endpoint, tunnel) for tunnel in event.tunnels)
        self._tunnels.set(element, tunnels, now)
        self._marks.tunnel_ports.mark(info.element)

    def _enter(self, element: Element, now: float) -> None:
        name = element.info.element
        self._arriving[name] = None
        element.joined = now
        self._convergence.joined(name)
        element.confirmations = Confirmations(self._revisions.pop(name, 0))
        self._yielded.discard(name)
        self._marks.vteps.mark_all(element.info.vteps)

    def _accepted(self, session: int, info: msg.ElementInfo) -> None:
        self.refusals.look_again()
        self.refusals.touched.add(info.element)
        element = self._elements.accepted[info.element]
        owner = self._elements.ownership.owners[info.element]
        element.epoch = owner.epoch
        self._effects.append(msg.AcceptElement(session, info, owner.epoch))

    # ------------------------------------------------------------ records

    def tick(self, now: float) -> None:
        """Record the hypervisors that do not come back after a start, tell of unknown ports, and
        let those go that another node was given a while ago."""
        self.unknown_ports.tick(now)
        for name, element in list(self._elements.accepted.items()):
            if element.leaving is not None and now - element.leaving >= MOVE_PATIENCE:
                self._late(name, element, now)
        for name, since in list(self._absent.items()):
            known = self._elements.records.get(name)
            if known is None or name in self._elements.accepted or not self._is_ours(known):
                del self._absent[name]
            elif now - since >= ABSENCE:
                del self._absent[name]
                self._put_record(name, {**known, "connected": False})

    def _is_ours(self, known: dict[str, Any]) -> bool:
        return (
            known["owner"] == self._elements.node and known["connected"]
            and self._elements.owner_of(known["element"]) == self._elements.node
        )

    def _record(self, element: Element) -> None:
        name = element.info.element
        if element.leaving is not None:
            return  # The next owner's word counts.
        value = record(
            element.info, self._elements.node, element.session is not None, element.served,
            element.serving,
        )
        if self._elements.records.get(name) != value:
            self._put_record(name, value)

    def served(self, name: str) -> None:
        """The switch of an element speaks OpenFlow with this node."""
        element = self._elements.accepted.get(name)
        if element is not None and not element.served:
            element.served = True
            self._record(element)

    def arrivals(self, now: float) -> None:
        """Tell former owners of those whose switches have confirmed everything; part of each
        flush."""
        for name in list(self._arriving):
            element = self._elements.accepted.get(name)
            if element is None:
                del self._arriving[name]
            elif element.settled and element.leaving is None:
                del self._arriving[name]
                element.serving = True
                self._record(element)

    def sessions(self, now: float) -> None:
        """Have the assignment know which elements this node has sessions with; part of each
        flush."""
        touched = self.refusals.touched
        if not touched:
            return
        standing_by = {
            one.element: one.info for one in self._elements.refused.values() if one.standby
        }
        for name in touched:
            element = self._elements.accepted.get(name)
            info = standing_by.get(name)
            if element is not None and element.session is not None:
                info = element.info
            self._assignment.session(name, info, now)
        touched.clear()

    def _put_record(self, name: str, value: dict[str, Any] | None) -> None:
        self._elements.set_record(name, value)
        self.refusals.look_again()
        self._effects.append(msg.RecordStatus(RECORDS + name, value))

    def recorded(self, name: str, value: dict[str, Any] | None, now: float) -> None:
        """The store's record of an element, of this node or another, is ``value`` now."""
        elements = self._elements
        element = elements.accepted.get(name)
        if element is not None and value is not None and value["owner"] == elements.node:
            return  # An echo of ours, and what was written since is newer.
        before = {name}
        if value is not None:
            before |= {
                *(elements.by_vtep.get(vtep, name) for vtep in vteps_of(value)),
                elements.by_datapath.get(datapath_of(value), name),
            }
        elements.set_record(name, value)
        if value is None:
            self._local_paths.end_release(name)
        self.refusals.look_again()
        if element is not None:
            self._reconcile(name, element, value, now)
        elif value is not None and self._is_ours(value):
            self._missing(name, value, now)
        for other in before:
            self._yield_what_is_taken(other, now)

    def _missing(self, name: str, value: dict[str, Any], now: float) -> None:
        """By its record, ``value``, an element is connected here, and it is not."""
        if name not in self._yielded:
            if name not in self._absent:
                self._absent[name] = now
                self._effects.append(msg.ExpectElement(name, value["address"], kind_of(value)))
        elif not any(known.element == name for known in self._elements.refused.values()):
            # The record was under way when this node yielded, and the session has ended since.
            self._put_record(name, {**value, "connected": False})

    def _reconcile(
        self, name: str, element: Element, value: dict[str, Any] | None, now: float
    ) -> None:
        """The record of an element that is accepted here, of another node or gone."""
        if self._elements.owned_by_former(name):
            # A node that knows no owners' records: the store puts all words in one order, so both
            # come to the same end.
            self._hand_over(name, element, now)
        elif element.leaving is not None:
            self._look_whether_served(name, element, now)
        elif element.session is None and self._elements.owner_of(name) != self._elements.node:
            if value is not None:
                self._hand_over(name, element, now)
        elif element.session is not None or value is not None:
            self._record(element)

    # ------------------------------------------------------------ owners

    def owner_changed(self, name: str, now: float) -> None:
        """The store's record of the owner of an element is another, or gone."""
        self._assignment.owner_changed(name)
        self.refusals.look_again()
        elements = self._elements
        element, owner = elements.accepted.get(name), elements.ownership.owners.get(name)
        if element is None or owner is None or elements.owned_by_former(name):
            return
        if owner.owner == elements.node:
            if owner.epoch > max(elements.ownership.void.get(name, 0), element.epoch):
                self._stays(name, element)
        elif element.session is None:
            self._hand_over(name, element, now)
        else:
            if element.leaving is None:
                element.leaving = now
                self._effects.append(msg.Notice(
                    "info", f"hypervisor {element.info.hostname}",
                    f"it goes to node {owner.owner}: {owner.why}",
                ))
            self._look_whether_served(name, element, now)

    def _stays(self, name: str, element: Element) -> None:
        """It is this node's, with a new epoch."""
        if element.leaving is not None:
            element.leaving = None
            self._marks.programs.mark(name)
        if element.session is not None:
            self._accepted(element.session, element.info)
        self._record(element)

    def _look_whether_served(self, name: str, element: Element, now: float) -> None:
        """An element has another owner: let it go when that serves it."""
        owner = self._elements.ownership.owners.get(name)
        record = self._elements.records.get(name)
        if (
            owner is not None and owner.owner != self._elements.node
            and record is not None and record["owner"] == owner.owner and record.get("serving")
        ):
            self._hand_over(name, element, now)

    def _late(self, name: str, element: Element, now: float) -> None:
        """An element has had another owner for a while, which does not say that it serves."""
        owner = self._elements.owner_of(name)
        if owner != self._elements.node:
            self._effects.append(msg.Notice(
                "warning", f"hypervisor {element.info.hostname}",
                f"node {owner} does not serve it, {MOVE_PATIENCE:g} s after it became its owner",
            ))
            self._hand_over(name, element, now)

    def _hand_over(self, name: str, element: Element, now: float) -> None:
        """Let an element go that is another node's; its routes go on until that announces them."""
        session, info = element.session, element.info
        self._local_paths.release(name, now)
        self.forget(name, keep_record=True)
        self._yielded.add(name)
        if session is None:
            return
        rejection = self._admission.rejection(session, info)
        if rejection is not None:
            self.refusals.refuse(session, info, rejection, now)
        else:
            self._effects.append(msg.ReconsiderElement(session, info.kind))

    def mastership_lost(self, event: msg.MastershipLost, now: float) -> None:
        """The element heeds a later owner: it is told nothing more, until the records say who is
        in charge."""
        self._assignment.lost(event.element, event.epoch, now)
        element = self._elements.accepted.get(event.element)
        if element is None or element.epoch > event.epoch:
            return
        if element.leaving is None:
            element.leaving = now
            self._effects.append(msg.Notice(
                "warning", f"hypervisor {element.info.hostname}",
                f"it has another owner, of epoch {event.epoch}; nothing more is written to it",
            ))

    def _yield_what_is_taken(self, name: str, now: float) -> None:
        """Two nodes accepted one VTEP or one datapath id at once: the higher system-id leaves,
        everywhere."""
        element = self._elements.accepted.get(name)
        if element is None or element.session is None:
            return
        info = element.info
        if (
            all(self._elements.by_vtep.get(vtep) == name for vtep in info.vteps)
            and self._elements.by_datapath.get(datapath_id(info.facts), name) == name
        ):
            return
        rejection = self._admission.rejection(element.session, info)
        if rejection is not None:
            self.refusals.refuse(element.session, info, rejection, now)
            self.forget(name)

    # ------------------------------------------------------------ what an element shows

    def changed(self, event: msg.ElementChanged, now: float) -> None:
        """What an element is called, or where it is, has changed."""
        info = event.info
        element = self._elements.of_session(event.session, info.element)
        if element is None:
            self.refusals.changed(event.session, info)
            self.refusals.touched.add(info.element)
            return
        if info.vtep != element.vtep or info.identity != element.info.identity:
            # Another VTEP is another vrouter: everything that names it starts again.
            interfaces = tuple(element.interfaces.values())
            tunnels = tuple(element.tunnels.values())
            self.forget(info.element)
            self.connected(msg.ElementConnected(event.session, info, interfaces, tunnels), now)
            return
        of_datapath = datapath_id(info.facts) != datapath_id(element.info.facts)
        if of_datapath or info.vteps != element.info.vteps:
            rejection = self._admission.rejection(event.session, info)
            if rejection is not None:
                # What it was accepted with stays in charge of its ports.
                element.session = None
                element.reason = rejection.reason
                self._record(element)
                self.refusals.refuse(event.session, info, rejection, now)
                return
            if of_datapath:
                self._accepted(event.session, info)
        element.info = info
        self._marks.vrouters.mark(info.element)  # Its paths may carry less.
        self.refusals.touched.add(info.element)
        self._record(element)

    def interfaces_changed(self, event: msg.InterfacesChanged, now: float) -> None:
        """Rows of interfaces, and with them claims, came, went or changed."""
        element = self._elements.of_session(event.session, event.element)
        if element is not None:
            self._set_interfaces(element, dict(event.changes), now)

    def port_status(self, event: msg.PortStatus, now: float) -> None:
        """The switch tells the number of a port, before the database does."""
        element = self._elements.accepted.get(event.element)
        if element is None:
            return
        row = element.interfaces.get(event.name)
        if event.ofport is not None:
            element.numbers.announced(event.name, event.ofport)
        elif not element.numbers.gone(event.name) or row is None:
            return
        else:
            row = replace(row, ofport=-1)
        if row is not None:
            self._set_interfaces(element, {event.name: row}, now)

    def _set_interfaces(
        self, element: Element, rows: dict[str, msg.Interface | None], now: float
    ) -> None:
        self.unknown_ports.changed(element.info.element, rows.items(), now)
        element_id = element.info.element
        for name, row in rows.items():
            if row is None:
                self._marks.interfaces.mark((element_id, name))
        self._marks.claims.mark_all(self._elements.set_interfaces(element, element_id, rows))

    # ------------------------------------------------------------ leaving

    def disconnected(self, event: msg.ElementDisconnected, now: float) -> None:
        """A session ended.  An element that was accepted stays: its switch forwards on."""
        name = event.element
        self._elements.refused.pop(event.session, None)
        self.refusals.touched.add(name)
        element = self._elements.of_session(event.session, name)
        if element is None:
            return
        element.session = None
        element.reason = event.reason
        self._record(element)
        self._effects.append(msg.Notice(
            "warning", f"hypervisor {element.info.hostname}",
            f"OVSDB disconnected ({event.reason}); its switch forwards on",
        ))
        if element.leaving is not None and self._elements.owner_of(name) != self._elements.node:
            self._hand_over(name, element, now)

    def gone_for_good(self, name: str) -> None:
        """An operator says so: it may come back as a new one."""
        self.forget(name)
        ownership = self._elements.ownership
        for prefix, known in ((OWNERS, ownership.owners), (PINS, ownership.pins)):
            if name in known:
                self._effects.append(msg.RecordStatus(prefix + name, None))

    def forget(self, name: str, keep_record: bool = False) -> None:
        """Let an element go with all that it had: its ports, its paths, its vrouter.

        ``keep_record``: it is another node's now, and the record is of that.
        """
        self._yielded.discard(name)
        self._arriving.pop(name, None)
        self.refusals.look_again()
        self.refusals.touched.add(name)
        if not keep_record:
            self._local_paths.end_release(name)
            if name in self._elements.records:
                self._put_record(name, None)
        element = self._elements.accepted.get(name)
        if element is None:
            return
        self._revisions[name] = element.confirmations.revision
        self.unknown_ports.changed(name, dict.fromkeys(element.interfaces).items(), 0.0)
        self._marks.claims.mark_all(self._elements.forget(name))
        self._tunnels.forget(element)
        self._marks.vteps.mark_all(element.info.vteps)
        self._marks.departures.mark(name)
        self._effects.append(msg.ReleaseElement(name))

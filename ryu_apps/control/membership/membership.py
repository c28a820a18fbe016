"""How elements join this node, change, disconnect and are forgotten."""

from __future__ import annotations

from typing import Any

from ryu_apps.control import ids
from ryu_apps.control import messages as msg
from ryu_apps.control.elements.elements import Element, vteps_of
from ryu_apps.control.graph.graph import Marks
from ryu_apps.control.kinds import attachments_of, datapath_id, datapath_of
from ryu_apps.control.links.tunnels import Tunnels
from ryu_apps.control.local_paths import LocalPaths
from ryu_apps.control.membership.acceptance import Acceptance
from ryu_apps.control.membership.assignment import Assignment
from ryu_apps.control.ownership.records import OWNERS, PINS
from ryu_apps.control.tables import Tables

MOVE_PATIENCE = 10.0
"""Seconds that an element which has a new owner is kept, until that serves it."""


class Membership:
    """Reads: elements and the records of all.
    Marks: elements that join or change, and what was held back from one that stays after all.
    Emits: RefuseElement, ReconsiderElement, Defer, RecordStatus and Notice, appended to
    ``effects``."""

    def __init__(
        self,
        tables: Tables,
        marks: Marks,
        acceptance: Acceptance,
        local_paths: LocalPaths,
        tunnels: Tunnels,
        assignment: Assignment,
        effects: list,
    ) -> None:
        self._elements = tables.elements
        self._marks = marks
        self._acceptance = acceptance
        self._local_paths = local_paths
        self._tunnels = tunnels
        self._assignment = assignment
        self._effects = effects
        self._admission = acceptance.admission
        self.refusals = acceptance.refusals
        self.records = acceptance.records
        self.interfaces = acceptance.interfaces

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
            self._acceptance.forget(info.element)
        before = known.info if known is not None else info
        element = self._elements.accept(event.session, info)
        if element is not known:
            self._acceptance.enter(element, now)
        else:
            self._follow(before, element)
        self._marks.vrouters.mark(info.element)
        self._acceptance.tell(event.session, info)
        self.records.write(element)
        rows: dict[str, Any] = dict.fromkeys(element.interfaces)
        rows.update((row.name, row) for row in event.interfaces)
        self.interfaces.set(element, rows, now)
        if not element.deferred:
            self._effects.append(msg.Defer(info.element, False))
        tunnels: dict[str, Any] = dict.fromkeys(element.tunnels)
        tunnels.update((tunnel.endpoint, tunnel) for tunnel in event.tunnels)
        self._tunnels.set(element, tunnels, now)
        self._marks.tunnel_ports.mark(info.element)

    # ------------------------------------------------------------ records

    def tick(self, now: float) -> None:
        """Let those go that another node was given a while ago, record those that do not come back,
        and tell of unknown ports."""
        self.interfaces.unknown_ports.tick(now)
        for name, element in list(self._elements.accepted.items()):
            if element.leaving is not None and now - element.leaving >= MOVE_PATIENCE:
                self._late(name, element, now)
        self.records.tick(now)

    def sessions(self, now: float) -> None:
        """Have the assignment know which elements this node has sessions with; part of each
        flush."""
        touched = self.refusals.touched
        if not touched:
            return
        standing_by = self.refusals.standing_by()
        for name in touched:
            element = self._elements.accepted.get(name)
            info = standing_by.get(name)
            if element is not None and element.session is not None:
                info = element.info
            self._assignment.session(name, info, now)
        touched.clear()

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
        elif value is not None and self.records.is_ours(value):
            self.records.missing(name, value, now)
        for other in before:
            self._yield_what_is_taken(other, now)

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
            self.records.write(element)

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
            self._acceptance.tell(element.session, element.info)
        self.records.write(element)

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
        self._acceptance.forget(name, keep_record=True)
        self.records.yielded.add(name)
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
            and self._elements.by_router_id.get(ids.router_id(info.vtep)) == name
            and self._elements.by_datapath.get(datapath_id(info.facts), name) == name
        ):
            return
        rejection = self._admission.rejection(element.session, info)
        if rejection is not None:
            self.refusals.refuse(element.session, info, rejection, now)
            self._acceptance.forget(name)

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
            self._acceptance.forget(info.element)
            self.connected(msg.ElementConnected(event.session, info, interfaces, tunnels), now)
            return
        of_datapath = datapath_id(info.facts) != datapath_id(element.info.facts)
        if of_datapath or info.vteps != element.info.vteps:
            rejection = self._admission.rejection(event.session, info)
            if rejection is not None:
                # What it was accepted with stays in charge of its ports.
                element.session = None
                element.reason = rejection.reason
                self.records.write(element)
                self.refusals.refuse(event.session, info, rejection, now)
                return
            if of_datapath:
                self._acceptance.tell(event.session, info)
        before, element.info = element.info, info
        self._follow(before, element)
        self._marks.vrouters.mark(info.element)  # Its paths may carry less.
        self.refusals.touched.add(info.element)
        self.records.write(element)

    def _follow(self, before: msg.ElementInfo, element: Element) -> None:
        """An element that stays says other things of itself than ``before``."""
        if element.info.hosts != before.hosts:
            self.interfaces.renamed(element)
        if attachments_of(element.info.facts) != attachments_of(before.facts):
            self._marks.attachments.mark(element.info.element)
        if element.encapsulations != before.facts.encapsulations:
            self._marks.offers.mark(element.info.element)

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
        self.records.write(element)
        self._effects.append(msg.Notice(
            "warning", f"hypervisor {element.info.hostname}",
            f"OVSDB disconnected ({event.reason}); its switch forwards on",
        ))
        if element.leaving is not None and self._elements.owner_of(name) != self._elements.node:
            self._hand_over(name, element, now)

    def gone_for_good(self, name: str) -> None:
        """An operator says so: it may come back as a new one."""
        self._acceptance.forget(name)
        ownership = self._elements.ownership
        for prefix, known in ((OWNERS, ownership.owners), (PINS, ownership.pins)):
            if name in known:
                self._effects.append(msg.RecordStatus(prefix + name, None))

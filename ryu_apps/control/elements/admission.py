"""Which hypervisors may join this node, and why others may not.  Pure.

A session that may not join is *refused*, where something is wrong that an operator has to mend, or
*stands by*, where the hypervisor is in good hands already: at another node that it is connected to,
or with another session of its own.  Neither is written to.
"""

from __future__ import annotations

from typing import NamedTuple

from ryu_apps.control import ids
from ryu_apps.control import messages as msg
from ryu_apps.control.elements.elements import Elements, Refusal
from ryu_apps.control.kinds import OvsFacts
from ryu_apps.control.messages import ElementInfo
from ryu_apps.control.ownership.records import MAX_EPOCH

OWN_ID = (
    "give this one its own: ovs-vsctl set Open_vSwitch . external_ids:system-id=$(uuidgen)"
)


class Rejection(NamedTuple):
    """Why a hypervisor may not join, with what to do about it.  ``standby``: there is nothing to
    do, and it may join when the other goes.  ``warm``: it is another node's, or nobody's yet, and
    this one may be given it at any time.  ``passing``: that is about to be decided."""

    reason: str
    standby: bool = False
    warm: bool = False
    passing: bool = False


class ElementAdmission:
    """Judges by what ``elements`` knows: our own, and the records of the whole system."""

    def __init__(self, elements: Elements) -> None:
        self._elements = elements

    def rejection(self, session: int, info: ElementInfo) -> Rejection | None:
        """Why this hypervisor may not join with this session; None: it may."""
        return (
            self._connected_here(session, info)
            or self._connected_elsewhere(info)
            or self._taken(info)
            or self._owned(info)
        )

    def _owned(self, info: ElementInfo) -> Rejection | None:
        """This node is not in charge of it, or not with an epoch that the element would heed."""
        elements, name = self._elements, info.element
        if elements.owned_by_former(name):
            return Rejection(f"owned by {elements.records[name]['owner']}", True, True)
        if info.epoch >= MAX_EPOCH:
            return Rejection(
                f"its database says that epoch {info.epoch} was its owner's, which no node can "
                "follow: ovs-vsctl remove Open_vSwitch . external_ids vnc-epoch"
            )
        owner = elements.ownership.owners.get(name)
        if owner is None:
            return Rejection("it has no owner yet", True, True, True)
        if owner.owner != elements.node:
            return Rejection(f"owned by {owner.owner}", True, True)
        if owner.epoch <= elements.ownership.void.get(name, 0) or owner.epoch < info.epoch:
            return Rejection("owned by this node, which takes a new epoch", True, True, True)
        return None

    def _connected_here(self, session: int, info: ElementInfo) -> Rejection | None:
        """Of two sessions with one system-id the older stays.  Whether it is still there was found
        out before the newer was posted."""
        elements = self._elements
        other = elements.accepted.get(info.element)
        if other is None:
            record = elements.records.get(info.element)
            if (
                record is not None and record["owner"] == elements.node and record["connected"]
                and record["address"] != info.address
            ):
                return Rejection(
                    f"hypervisor {info.element} was connected from {record['address']} before this "
                    f"node started, and may come back from there; if this is another: {OWN_ID}"
                )
            return None
        if other.session in (None, session):
            return None
        if other.info.identity == info.identity and other.info.address == info.address:
            return Rejection(
                f"connected already, by another session from {info.address}", standby=True
            )
        return Rejection(
            f"another hypervisor with system-id {info.element} is connected from "
            f"{other.info.address}{_copied(other.info.identity, info)}; {OWN_ID}"
        )

    def _connected_elsewhere(self, info: ElementInfo) -> Rejection | None:
        elements = self._elements
        record = elements.records.get(info.element)
        if record is None or record["owner"] == elements.node or not record["connected"]:
            return None
        owner = record["owner"]
        # On its way to this node it may have another address than to that one: that of its VTEP.
        if record["identity"] == info.identity and (
            owner not in elements.nodes or info.address in (record["address"], record["vtep"])
        ):
            return None
        return Rejection(
            f"another hypervisor with system-id {info.element} is connected to node {owner} from "
            f"{record['address']}{_copied(record['identity'], info)}; {OWN_ID}"
        )

    def _taken(self, info: ElementInfo) -> Rejection | None:
        """Something of it that must be its own belongs to another."""
        elements = self._elements
        for vtep in info.vteps:
            holder = elements.by_vtep.get(vtep)
            if holder not in (None, info.element):
                return Rejection(
                    f"VTEP {vtep} belongs to hypervisor {elements.records[holder]['hostname']} "
                    f"({holder}); set another address: {_set_vteps(info, vtep)}{_gone(holder)}"
                )
        holder = elements.by_router_id.get(ids.router_id(info.vtep))
        if holder not in (None, info.element):
            return Rejection(
                f"the route distinguishers of VTEP {info.vtep} would be those of hypervisor "
                f"{elements.records[holder]['hostname']} ({holder}); set another address: "
                f"{_set_vteps(info, info.vtep)}{_gone(holder)}"
            )
        if isinstance(info.facts, OvsFacts):
            rejection = self._datapath_taken(info.element, info.facts)
            if rejection is not None:
                return rejection
        for vtep in info.vteps:
            node = elements.node_at(vtep)
            if node and info.address != vtep:
                return Rejection(
                    f"VTEP {vtep} is the address of node {node}; set the hypervisor's own: "
                    f"{_set_vteps(info, vtep)}"
                )
        return None

    def _datapath_taken(self, name: str, facts: OvsFacts) -> Rejection | None:
        elements = self._elements
        holder = elements.by_datapath.get(facts.datapath_id)
        if holder in (None, name):
            return None
        return Rejection(
            f"datapath id {facts.datapath_id:016x} belongs to hypervisor "
            f"{elements.records[holder]['hostname']} ({holder}); give this one its own: "
            f"ovs-vsctl set Bridge {facts.bridge} "
            f"other_config:datapath-id={ids.bridge_datapath_id(name):016x}{_gone(holder)}"
        )


def _set_vteps(info: ElementInfo, bad: str) -> str:
    """The command that gives a hypervisor another address than ``bad``."""
    another = "A:B::C" if ":" in bad else "A.B.C.D"
    addresses = ",".join(another if vtep == bad else vtep for vtep in info.vteps)
    return f"ovs-vsctl set Open_vSwitch . external_ids:vnc-encap-ip={addresses}"


def _copied(identity: str, info: ElementInfo) -> str:
    return ", and this one has a copy of its database" if identity == info.identity else ""


def _gone(holder: str) -> str:
    return f", or if that hypervisor is gone for good, DELETE /v1/elements/{holder}"


class Refusals:
    """The sessions that may not join: told, shown (``elements.refused``), and looked at again when
    something has changed.  ``effects``: what is to be done is appended to it."""

    def __init__(self, elements: Elements, admission: ElementAdmission, effects: list) -> None:
        self._elements = elements
        self._admission = admission
        self._effects = effects
        self._changed = False
        self.touched: set[str] = set()
        """Elements with which this node may have a session that it had not, or the reverse."""

    def refuse(self, session: int, info: ElementInfo, rejection: Rejection, now: float) -> None:
        """The session may not join now, or no longer."""
        reason, standby, warm, passing = rejection
        self.touched.add(info.element)
        refused = self._elements.refused.get(session)
        self._elements.refused[session] = Refusal(
            info.address, info.element, info.hostname, info.vtep, reason,
            refused.since if refused is not None else now, standby, info,
        )
        self._effects.append(msg.RefuseElement(session, info, reason, standby, warm))
        if passing:
            return
        self._effects.append(msg.Notice(
            "info" if standby else "error", f"hypervisor {info.hostname} ({info.address})",
            f"{'standby' if standby else 'refused'}: {reason}",
        ))

    def unusable(self, event: msg.ElementUnusable, now: float) -> None:
        """A hypervisor says nothing that could be judged; or that is over."""
        if event.reason:
            self._elements.refused[event.session] = Refusal(
                event.address, event.element, event.hostname, "", event.reason, now
            )
        else:
            self._elements.refused.pop(event.session, None)

    def changed(self, session: int, info: ElementInfo) -> None:
        """What a session says of itself has changed; nothing where it was not refused."""
        refused = self._elements.refused.get(session)
        if refused is not None:
            self._elements.refused[session] = refused._replace(
                hostname=info.hostname, vtep=info.vtep, info=info
            )
            self._changed = True

    def standing_by(self) -> dict[str, ElementInfo | None]:
        """The elements whose sessions stand by, with what those say of them."""
        return {one.element: one.info for one in self._elements.refused.values() if one.standby}

    def look_again(self) -> None:
        """Something has changed that a refusal may rest on: an element, a record, a node."""
        self._changed = True

    def reconsider(self, now: float) -> None:
        """Judge again, if there was a reason to :meth:`look_again`."""
        if not self._changed:
            return
        self._changed = False
        for session, refused in list(self._elements.refused.items()):
            if refused.info is None:
                continue
            rejection = self._admission.rejection(session, refused.info)
            if rejection is None:
                del self._elements.refused[session]
                self._effects.append(msg.ReconsiderElement(session, refused.info.kind))
            elif rejection[:2] != (refused.reason, refused.standby):
                self.refuse(session, refused.info, rejection, now)

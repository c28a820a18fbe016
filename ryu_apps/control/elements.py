"""The hypervisors of this node: who may join, what they show, and which ports they claim."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ryu_apps.control import ids
from ryu_apps.control.messages import ElementInfo, Interface, Program, TunnelStatus
from ryu_apps.control.port_numbers import PortNumbers
from vrouter_ovs.state import Key

RECORDS = "/status/elements/"
MESH = 64
"""In a system of at most so many hypervisors each has its tunnels to all others from the start: a
tunnel costs ovs-vswitchd a look at all of its ports, which is cheap while there are none."""
OWN_ID = (
    "give this one its own: ovs-vsctl set Open_vSwitch . external_ids:system-id=$(uuidgen)"
)


@dataclass(slots=True)
class Element:
    """One hypervisor that was accepted here.  ``session`` None: its OVSDB is not connected; what it
    showed last stands, because its switch forwards on."""

    info: ElementInfo
    session: int | None
    interfaces: dict[str, Interface] = field(default_factory=dict)
    tunnels: dict[str, TunnelStatus] = field(default_factory=dict)
    router_mac: str = ""
    revision: int = 0
    acked: int = 0
    numbers: PortNumbers = field(default_factory=PortNumbers)
    unconfirmed: dict[Key, int] = field(default_factory=dict)
    """Objects of the desired state that changed since -> the revision of their last change."""
    openflow: bool = False
    reason: str = ""

    @property
    def vtep(self) -> str:
        return self.info.vtep

    @property
    def settled(self) -> bool:
        return self.openflow and self.acked >= self.revision

    def programmed(self, program: Program) -> None:
        self.revision = program.revision
        for key, item in program.changes:
            if item is None:
                self.unconfirmed.pop(key, None)
            else:
                self.unconfirmed[key] = program.revision

    def confirmed(self, revision: int) -> None:
        self.acked = max(self.acked, revision)
        if revision >= self.revision:
            self.unconfirmed.clear()
        else:
            self.unconfirmed = {
                key: needed for key, needed in self.unconfirmed.items() if needed > revision
            }


class Claim(NamedTuple):
    element: str
    interface: str


def record(info: ElementInfo, owner: str, connected: bool) -> dict[str, Any]:
    """The store's record of an element, below RECORDS."""
    return {
        "element": info.element,
        "hostname": info.hostname,
        "vtep": info.vtep,
        "identity": info.identity,
        "address": info.address,
        "ovs_version": info.ovs_version,
        "datapath_id": f"{info.datapath_id:016x}",
        "owner": owner,
        "connected": connected,
    }


class Elements:
    """Accepted elements, refused sessions, the records of other nodes, and all claims."""

    def __init__(self, node: str) -> None:
        self.node = node
        self.accepted: dict[str, Element] = {}
        self.refused: dict[int, tuple[ElementInfo, str]] = {}
        self.records: dict[str, dict[str, Any]] = {}
        self.by_vtep: dict[str, str] = {}
        """VTEP -> system-id, from the records of the whole system."""
        self.passed: dict[str, None] = {}
        """VTEPs that became a hypervisor's of the system, or of this node, or ceased to be, since
        the consumer last emptied it."""
        self.claims: dict[str, dict[Claim, Interface]] = {}
        """Port id -> its claims, the oldest first."""

    # ------------------------------------------------------------ admission

    def objection(self, session: int, info: ElementInfo) -> str | None:
        """Why this hypervisor may not join, with what to do about it; None: it may."""
        for other in self.accepted.values():
            if other.info.element == info.element:
                same = other.info.identity == info.identity
                if other.session not in (None, session) and not same:
                    return (
                        f"another hypervisor with system-id {info.element} is connected from "
                        f"{other.info.address}; {OWN_ID}"
                    )
            elif other.vtep == info.vtep:
                return self._same_vtep(info, other.info.element, other.info.hostname)
        known = self.records.get(info.element)
        if (
            known
            and known["owner"] != self.node
            and known["connected"]
            and known["identity"] != info.identity
        ):
            return (
                f"another hypervisor with system-id {info.element} is connected to node "
                f"{known['owner']} from {known['address']}; {OWN_ID}"
            )
        holder = self.by_vtep.get(info.vtep)
        if holder is not None and holder != info.element and holder in self.records:
            return self._same_vtep(info, holder, self.records[holder]["hostname"])
        return None

    @staticmethod
    def _same_vtep(info: ElementInfo, holder: str, hostname: str) -> str:
        return (
            f"VTEP {info.vtep} belongs to hypervisor {hostname} ({holder}); set another address: "
            "ovs-vsctl set Open_vSwitch . external_ids:vnc-encap-ip=A.B.C.D, or if that "
            f"hypervisor is gone for good, DELETE /v1/elements/{holder}"
        )

    def accept(self, session: int, info: ElementInfo) -> Element:
        element = self.accepted.get(info.element)
        if element is None:
            element = self.accepted[info.element] = Element(info, session)
        element.info = info
        element.session = session
        element.reason = ""
        element.router_mac = ids.router_mac(info.vtep)
        self.refused.pop(session, None)
        return element

    def forget(self, name: str) -> list[str]:
        """Drop an element; returns the ports that it claimed."""
        element = self.accepted.pop(name)
        return self.set_interfaces(element, name, dict.fromkeys(element.interfaces))

    def hears(self, session: int, name: str) -> Element | None:
        """The element of a session that may speak for it, else None."""
        element = self.accepted.get(name)
        return element if element is not None and element.session == session else None

    def mesh(self, name: str) -> frozenset[str]:
        """The VTEPs of all other hypervisors of the system, while they are few."""
        if len(self.records) > MESH:
            return frozenset()
        own = self.accepted[name].vtep
        return frozenset(vtep for vtep in self.by_vtep if vtep != own)

    def set_record(self, name: str, value: dict[str, Any] | None) -> None:
        old = self.records.pop(name, None)
        vteps = [one["vtep"] for one in (old, value) if one is not None]
        known = [vtep in self.by_vtep for vtep in vteps]
        if old is not None and self.by_vtep.get(old["vtep"]) == name:
            del self.by_vtep[old["vtep"]]
            if value is None or value["vtep"] != old["vtep"]:
                left = [one for one, known in self.records.items() if known["vtep"] == old["vtep"]]
                if left:
                    self.by_vtep[old["vtep"]] = min(left)
        if value is not None:
            self.records[name] = value
            # Two records with one VTEP: the lower system-id keeps it, on every node alike.
            holder = self.by_vtep.get(value["vtep"])
            if holder is None or name < holder:
                self.by_vtep[value["vtep"]] = name
        for vtep, before in zip(vteps, known, strict=True):
            if (vtep in self.by_vtep) != before:
                self.passed[vtep] = None

    # ------------------------------------------------------------ claims

    def set_interfaces(
        self, element: Element, name: str, changes: dict[str, Interface | None]
    ) -> list[str]:
        """Apply changed interface rows; returns the ids of the ports whose claims changed.

        A claim keeps its age while its interface names the same port.
        """
        touched: dict[str, None] = {}
        numbers = element.numbers
        changes = {**changes, **numbers.contradicted(changes, element.interfaces)}
        for interface, row in changes.items():
            if row is not None:
                row = numbers.effective(interface, row)
            old = element.interfaces.get(interface)
            if old == row:
                continue
            numbers.changed(interface, old, row)
            claim = Claim(name, interface)
            if old is not None and (row is None or row.iface_id != old.iface_id):
                claims = self.claims[old.iface_id]
                del claims[claim]
                if not claims:
                    del self.claims[old.iface_id]
                touched[old.iface_id] = None
            if row is None:
                element.interfaces.pop(interface, None)
            else:
                element.interfaces[interface] = row
                self.claims.setdefault(row.iface_id, {})[claim] = row
                touched[row.iface_id] = None
        return list(touched)

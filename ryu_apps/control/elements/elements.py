"""The hypervisors of this node and of the system: what they show, and which ports they claim."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from ryu_apps.control import ids
from ryu_apps.control.desired.confirmations import Confirmations
from ryu_apps.control.elements.port_numbers import PortNumbers
from ryu_apps.control.graph.graph import Marks
from ryu_apps.control.kinds import datapath_of, encapsulations_of, is_gateway
from ryu_apps.control.messages import ElementInfo, Interface, TunnelStatus
from ryu_apps.control.ownership.records import OwnershipRecords
from vrouter_ovs.state import Endpoint

RECORDS = "/status/elements/"
MAX_VTEPS = 2
"""Addresses of a hypervisor in the underlay, and so underlay paths to it."""
MESH = 64
"""In a system of at most so many hypervisors each has its tunnels to all others from the start: a
tunnel costs ovs-vswitchd a look at all of its ports, which is cheap while there are none."""


@dataclass(slots=True)
class Element:
    """One hypervisor that was accepted here.  ``session`` None: its OVSDB is not connected; what it
    showed last stands, because its switch forwards on."""

    info: ElementInfo
    session: int | None
    interfaces: dict[str, Interface] = field(default_factory=dict)
    tunnels: dict[Endpoint, TunnelStatus] = field(default_factory=dict)
    unreachable: dict[str, None] = field(default_factory=dict)
    """VTEPs of other hypervisors that no underlay path leads to at present, by BFD."""
    router_mac: str = ""
    confirmations: Confirmations = field(default_factory=Confirmations)
    numbers: PortNumbers = field(default_factory=PortNumbers)
    openflow: bool = False
    served: bool = False
    """Its switch spoke OpenFlow with a node once: it is not a name that somebody made up."""
    serving: bool = False
    """Its switch has confirmed everything since this node took it over: a former owner may let go
    of it."""
    epoch: int = 0
    """Of this node's ownership."""
    leaving: float | None = None
    """Since when it has another owner, or may have, and is told nothing more; its ports and routes
    stay until the other serves it."""
    reason: str = ""
    joined: float = 0.0
    """When it was accepted, by the core's clock."""
    deferred: bool = True
    """It has not been let go since it joined: see
    :class:`~ryu_apps.control.membership.convergence.Convergence`."""

    @property
    def vtep(self) -> str:
        return self.info.vtep

    @property
    def encapsulations(self) -> tuple[str, ...]:
        """Of the tunnels that it sends and takes, the one that it sends by rather first."""
        return self.info.facts.encapsulations

    @property
    def settled(self) -> bool:
        """Its switch is connected and has confirmed everything."""
        return self.openflow and self.confirmations.settled()


class Claim(NamedTuple):
    element: str
    interface: str


class Refusal(NamedTuple):
    """A session that may not join.  ``element``, ``hostname``, ``vtep``: "" where it does not say,
    or says what cannot be used.  ``since``: when it was first refused, by the core's clock.
    ``standby``: it may join when another goes, and nothing is wrong.  ``info``: None where it
    cannot join whatever the others do."""

    address: str
    element: str
    hostname: str
    vtep: str
    reason: str
    since: float
    standby: bool = False
    info: ElementInfo | None = None


def record(
    info: ElementInfo, owner: str, connected: bool, served: bool = False, serving: bool = False
) -> dict[str, Any]:
    """The store's record of an element, below RECORDS.  ``serving``: see :class:`Element`."""
    return {
        "element": info.element,
        "hostname": info.hostname,
        "vtep": info.vtep,
        "vteps": list(info.vteps),
        "identity": info.identity,
        "address": info.address,
        **info.facts.record(),
        "owner": owner,
        "connected": connected,
        "served": served,
        "serving": serving,
    }


def vteps_of(value: dict[str, Any]) -> tuple[str, ...]:
    """The addresses of the element that a record is of; that of an earlier version names one."""
    return tuple(value.get("vteps", ())) or (value["vtep"],)


def _router_ids_of(value: dict[str, Any]) -> tuple[str, ...]:
    return (ids.router_id(value["vtep"]),)


def _datapaths_of(value: dict[str, Any]) -> tuple[int, ...]:
    return (datapath_of(value),)


def _host_of(node: dict[str, Any]) -> str:
    try:
        return urlsplit(str(node.get("url", ""))).hostname or ""
    except ValueError:
        return ""


class Elements:
    """Accepted elements, refused sessions, the records of all nodes, and all claims."""

    def __init__(self, node: str, marks: Marks) -> None:
        self.node = node
        self._marks = marks
        self.accepted: dict[str, Element] = {}
        self.refused: dict[int, Refusal] = {}
        """Session -> why it may not join.  Bounded by the sessions that there may be."""
        self.records: dict[str, dict[str, Any]] = {}
        self.by_vtep: dict[str, str] = {}
        """VTEP -> system-id, from the records of the whole system; every address of each."""
        self.by_datapath: dict[int, str] = {}
        """Datapath id of the integration bridge -> system-id, likewise; 0, unknown, is left out."""
        self.by_router_id: dict[str, str] = {}
        """What names a vrouter in RDs (:func:`~ryu_apps.control.ids.router_id`) -> system-id,
        likewise."""
        self.nodes: dict[str, dict[str, Any]] = {}
        """The nodes that are alive -> their records."""
        self.claims: dict[str, dict[Claim, Interface]] = {}
        """Port id -> its claims, the oldest first.  Who claims a trunk's parent claims its subports
        too, whose OpenFlow ports are their numbers; the interface still names the parent."""
        self.carried: dict[str, dict[str, int]] = {}
        """Port id -> the subports that it carries, as a trunk's parent, and their numbers."""
        self._node_addresses: dict[str, str] = {}
        self.ownership = OwnershipRecords()

    def accept(self, session: int, info: ElementInfo) -> Element:
        element = self.accepted.get(info.element)
        if element is None:
            element = self.accepted[info.element] = Element(info, session)
            element.served = self.records.get(info.element, {}).get("served", False)
        element.info = info
        element.session = session
        element.reason = ""
        element.router_mac = ids.router_mac(info.vtep)
        self.refused.pop(session, None)
        if is_gateway(self.records.get(info.element, {})):
            self._marks.ways_out.mark("")
        return element

    def forget(self, name: str) -> list[str]:
        """Drop an element; returns the ports that it claimed."""
        element = self.accepted.pop(name)
        return self.set_interfaces(element, name, dict.fromkeys(element.interfaces))

    def of_session(self, session: int, name: str) -> Element | None:
        """The element of a session that may speak for it, else None."""
        element = self.accepted.get(name)
        return element if element is not None and element.session == session else None

    def owned_by_former(self, name: str) -> bool:
        """Whether a node of a version that knows no owners' records has it connected: its word in
        the element's record counts."""
        record = self.records.get(name)
        if record is None or not record["connected"] or record["owner"] == self.node:
            return False
        node = self.nodes.get(record["owner"])
        return node is not None and not node.get("ownership")

    def owner_of(self, name: str) -> str:
        """The node in charge of an element, as far as is known, or ""."""
        owner = self.ownership.owners.get(name)
        if owner is not None and not self.owned_by_former(name):
            return owner.owner
        return str(self.records.get(name, {}).get("owner", ""))

    def mesh(self, name: str) -> frozenset[str]:
        """The VTEPs of all other hypervisors of the system, while they are few."""
        if len(self.records) > MESH:
            return frozenset()
        own = self.accepted[name].vtep
        vteps = {self.records[one]["vtep"] for one in self.by_vtep.values()}
        return frozenset(vteps - {own})

    def encapsulations_with(self, name: str, vtep: str) -> tuple[str, ...]:
        """Those by which an accepted element and the VTEP may send to each other: each chooses by
        itself.  What one takes that is no hypervisor of this system is for its routes to say."""
        own, other = self.accepted[name].encapsulations, self.by_vtep.get(vtep)
        if other is None:
            return own
        theirs = encapsulations_of(self.records[other])
        return tuple(one for one in own if one in theirs)

    def addresses_of(self, vtep: str) -> tuple[str, ...]:
        """All addresses of the hypervisor that has ``vtep``, its first one before the others; ()
        where it is no hypervisor of this system."""
        name = self.by_vtep.get(vtep)
        return vteps_of(self.records[name]) if name is not None else ()

    def name_of(self, vtep: str) -> str:
        """The address by which nodes know the hypervisor that has ``vtep``."""
        name = self.by_vtep.get(vtep)
        return self.records[name]["vtep"] if name is not None else vtep

    def set_record(self, name: str, value: dict[str, Any] | None) -> None:
        old = self.records.pop(name, None)
        if value is not None:
            self.records[name] = value
        before = vteps_of(old) if old is not None else ()
        after = vteps_of(value) if value is not None else ()
        known = {vtep: vtep in self.by_vtep for vtep in (*before, *after)}
        for holders, read in (
            (self.by_vtep, vteps_of), (self.by_datapath, _datapaths_of),
            (self.by_router_id, _router_ids_of),
        ):
            self._index(
                holders, read, name,
                read(old) if old is not None else (), read(value) if value is not None else (),
            )
        changed = [vtep for vtep, was in known.items() if (vtep in self.by_vtep) != was]
        self._marks.vteps.mark_all(changed)
        if is_gateway(old or {}) != is_gateway(value or {}) or (before != after and old):
            self._marks.ways_out.mark("")
        if changed or before != after or encapsulations_of(old or {}) != (
            encapsulations_of(value or {})
        ):
            self._marks.tunnel_ports.mark_all(self.accepted)
            self._marks.tunnels.mark_all(
                (element, Endpoint(vtep)) for element in self.accepted for vtep in known
            )

    def _index(
        self, holders: dict, read: Callable[[dict[str, Any]], tuple], name: str, old: tuple,
        new: tuple,
    ) -> None:
        """Keep ``holders`` as the records are.  Of two with one value the lower system-id has it,
        on every node alike."""
        for item in old:
            if item and item not in new and holders.get(item) == name:
                left = [one for one, value in self.records.items() if item in read(value)]
                if left:
                    holders[item] = min(left)
                else:
                    del holders[item]
        for item in new:
            if item and name <= holders.get(item, name):
                holders[item] = name

    def set_node(self, name: str, value: dict[str, Any] | None) -> None:
        """The record of a node; None: it is not alive."""
        old = self.nodes.pop(name, None)
        if old is not None:
            self._node_addresses.pop(_host_of(old), None)
        if value is not None:
            self.nodes[name] = value
            self._node_addresses[_host_of(value)] = name

    def node_at(self, address: str) -> str:
        """The node whose API is at ``address``, or ""."""
        return self._node_addresses.get(address, "")

    # ------------------------------------------------------------ claims

    def set_interfaces(
        self, element: Element, name: str, changes: dict[str, Interface | None]
    ) -> list[str]:
        """Apply changed interface rows; returns the ids of the ports whose claims changed.

        A claim keeps its age while its interface names the same port.
        """
        touched: dict[str, None] = {}
        numbers = element.numbers
        contradicted = numbers.contradicted(changes, element.interfaces)
        if contradicted:
            changes = {**changes, **contradicted}
        for interface, row in changes.items():
            if row is not None:
                row = numbers.effective(interface, row)
            old = element.interfaces.get(interface)
            if old == row:
                continue
            numbers.changed(interface, old, row)
            claim = Claim(name, interface)
            if old is not None and (row is None or row.iface_id != old.iface_id):
                for port_id in (old.iface_id, *self.carried.get(old.iface_id, ())):
                    self._unclaim(port_id, claim)
                    touched[port_id] = None
            if row is None:
                element.interfaces.pop(interface, None)
            else:
                element.interfaces[interface] = row
                self.claims.setdefault(row.iface_id, {})[claim] = row
                touched[row.iface_id] = None
                for port_id, number in self.carried.get(row.iface_id, {}).items():
                    self.claims.setdefault(port_id, {})[claim] = _carried(row, number)
                    touched[port_id] = None
        return list(touched)

    def carry(self, port_id: str, subports: dict[str, int]) -> list[str]:
        """The subports that a port carries, and their numbers; returns those whose claims
        changed."""
        before = self.carried.pop(port_id, {})
        if subports:
            self.carried[port_id] = subports
        claims = {
            claim: row for claim, row in self.claims.get(port_id, {}).items()
            if row.iface_id == port_id
        }
        if not claims:
            return []
        for subport, number in before.items():
            if subports.get(subport) != number:
                for claim in claims:
                    self._unclaim(subport, claim)
        for subport, number in subports.items():
            if before.get(subport) != number:
                for claim, row in claims.items():
                    self.claims.setdefault(subport, {})[claim] = _carried(row, number)
        return list({**before, **subports})

    def _unclaim(self, port_id: str, claim: Claim) -> None:
        claims = self.claims.get(port_id, {})
        claims.pop(claim, None)
        if not claims:
            self.claims.pop(port_id, None)


def _carried(row: Interface, number: int) -> Interface:
    """The interface of a trunk's parent, as that of a subport."""
    return replace(row, ofport=number) if row.ofport > 0 else row

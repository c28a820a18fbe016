"""What vrouters have for the ways out of routers.

At a gateway that is its :class:`~vrouter_ovs.state.GatewayPort`; at all others routes to the
gateways, and on the external network the MAC and the addresses of the port.  Which gateway takes a
packet is the choice of the switch that sends it, by BFD, in the order that is made here: gateways
that it is not up with, and those that have to wait after a failure, come behind the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from ryu_apps.control import ids
from ryu_apps.control.elements.elements import MAX_VTEPS, Element
from ryu_apps.control.graph.graph import Marks
from ryu_apps.control.kinds import is_gateway
from ryu_apps.control.messages import TunnelStatus
from ryu_apps.control.outside.order import in_order
from ryu_apps.control.outside.way_out import WayOut, way_out
from ryu_apps.control.ports.locations import Locations
from ryu_apps.control.tables import Tables
from ryu_apps.control.vpn.encapsulations import endpoint_to
from ryu_apps.control.vpn.instance import Lookup
from vrouter_ovs.encapsulation import carries_vni
from vrouter_ovs.state import (
    OWNER_ROUTER,
    BridgedHop,
    Endpoint,
    GatewayPort,
    Key,
    NatRefusals,
    Neighbor,
    OtherGateway,
    OutsideHop,
    RemoteHop,
    RemoteMac,
    Route,
)

ALL = ""
"""In place of a router's id: all that have a way out."""
UP, UNKNOWN = "up", ""


class Taken(NamedTuple):
    """The gateway port of a VRF at the gateway that takes its frames.  ``mobility``: its sequence
    number (RFC 7432 section 15)."""

    evi: int
    mac: str
    addresses: tuple[str, ...]
    mobility: int


class WaysOut:
    """Reads: the configuration, hypervisors and their tunnels, where ports are, routes.
    Marks: instances that gateways need, lookups that are resolved otherwise, routes of VRFs.
    Emits nothing: what it computes is desired state.

    ``held``: whether an (element, endpoint) has to wait after a failure."""

    def __init__(
        self,
        tables: Tables,
        marks: Marks,
        locations: Locations,
        held: Callable[[tuple[str, Endpoint]], bool],
    ) -> None:
        self._config = tables.config
        self._elements = tables.elements
        self._instances = tables.instances
        self._desired = tables.desired
        self._vrfs = tables.vrfs
        self._needed = tables.needed
        self._marks = marks
        self._local = locations
        self._held = held
        self.ways: dict[str, WayOut] = {}
        """Router id -> its way out."""
        self._at: dict[Lookup, WayOut] = {}
        """Lookup -> the way out that it is resolved by."""
        self._of: dict[int, dict[Lookup, None]] = {}
        """VNI -> lookups of it that are resolved here."""
        self._behind: dict[Lookup, dict[Lookup, None]] = {}
        """Lookup of a next hop's address -> the default routes by it."""
        self._placed: dict[tuple[str, int], Key] = {}
        """(element, L3 VNI) -> the gateway port that is there."""

    # ------------------------------------------------------------ which there are

    def gateways(self) -> list[str]:
        """The system-ids of all hypervisors that are gateways."""
        return [name for name, record in self._elements.records.items() if is_gateway(record)]

    def resolve(self, router_id: str) -> None:
        """A router, its gateway, or what hypervisors are gateways changed."""
        if router_id == ALL:
            self._marks.ways_out.mark_all(
                id for id, router in self._config.routers.items() if router.gateways
            )
            self._marks.ways_out.mark_all(self.ways)
            return
        old, new = self.ways.get(router_id), way_out(self._config, router_id)
        if new is not None:
            new = new._replace(gateways=in_order(router_id, self.gateways()))
            if not new.gateways:
                new = None
        if old == new and old is None:
            return
        for way in (old, new) if old != new else ():
            if way is not None:
                self._marks.lookups.mark_all(way.lookups())
        if old is not None:
            self._forget(old)
        if new is not None:
            self._enter(new)
        for way in (old, new):
            for name in way.gateways if way is not None else ():
                if name in self._elements.accepted:
                    self._marks.evis.mark((name, way.evi))
                    self._marks.vrf_routes.mark((name, way.vrf))
        self._marks.routers.mark(router_id)

    def _forget(self, way: WayOut) -> None:
        del self.ways[way.router_id]
        for lookup in way.lookups():
            if self._at.get(lookup) == way:
                del self._at[lookup]
                of = self._of[lookup[1]]
                del of[lookup]
                if not of:
                    del self._of[lookup[1]]
        for prefix, address in way.next_hops:
            behind = self._behind[("ip", way.evi, address)]
            behind.pop(("prefix", way.vrf, prefix), None)
            if not behind:
                del self._behind[("ip", way.evi, address)]
        for name in way.gateways:
            self._needed[way.evi][name].pop(way.router_id, None)
            if not self._needed[way.evi][name]:
                del self._needed[way.evi][name]
        if not self._needed[way.evi]:
            del self._needed[way.evi]

    def _enter(self, way: WayOut) -> None:
        self.ways[way.router_id] = way
        for lookup in way.lookups():
            self._at[lookup] = way
            self._of.setdefault(lookup[1], {})[lookup] = None
        for prefix, address in way.next_hops:
            behind = self._behind.setdefault(("ip", way.evi, address), {})
            behind[("prefix", way.vrf, prefix)] = None
        for name in way.gateways:
            self._needed.setdefault(way.evi, {}).setdefault(name, {})[way.router_id] = None

    def gateways_of(self, router_id: str) -> tuple[str, ...]:
        """The hypervisors that are gateways of a router."""
        way = self.ways.get(router_id)
        return way.gateways if way is not None else ()

    def prefixes(self, element: str, vrf: int) -> tuple[str, ...]:
        """The default routes that a vrouter announces for a VRF: a gateway's."""
        way = self._at.get(("outside", vrf, ""))
        if way is None or element not in way.gateways:
            return ()
        return tuple(prefix for prefix, _ in way.next_hops)

    def takes(self, element: str, vrf: int) -> Taken | None:
        """What a vrouter announces of a VRF's gateway port: where it sees no gateway alive that
        comes before it.  One that takes over is believed before the one that it takes over from,
        whose routes may be there still."""
        way = self._at.get(("outside", vrf, ""))
        if way is None or element not in way.gateways:
            return None
        before, _ = self._around(self._elements.accepted[element], way)
        if before:
            return None
        return Taken(way.evi, way.mac, way.addresses, way.gateways.index(element))

    def lookups_of(self, vni: int) -> Iterable[Lookup]:
        """What is resolved here of an instance."""
        return self._of.get(vni, ())

    def behind(self, lookup: Lookup) -> Iterable[Lookup]:
        """The default routes whose next hop is the address of a lookup."""
        return self._behind.get(lookup, ())

    def watching(self, vtep: str) -> Iterator[Lookup]:
        """What is resolved otherwise where something changes on the way to a VTEP."""
        name = self._elements.by_vtep.get(vtep)
        if name is not None and is_gateway(self._elements.records[name]):
            for way in self.ways.values():
                if name in way.gateways:
                    yield from way.lookups()

    def remaining(self) -> int:
        """How much is kept of ways out; nothing where there is none."""
        return sum(map(len, (self._at, self._of, self._behind, self._needed)))

    # ------------------------------------------------------------ what vrouters have

    def owns(self, lookup: Lookup) -> bool:
        """Whether a MAC, an address or a prefix is resolved here, on all vrouters."""
        return lookup in self._at

    def remove_element(self, element: str) -> None:
        """The element is forgotten; its desired state goes as a whole."""
        for place in [place for place in self._placed if place[0] == element]:
            del self._placed[place]

    def place(self, lookup: Lookup, elements: Iterable[str]) -> None:
        """Have the vrouters among ``elements`` that are gateways of a VRF be so, and no others."""
        vrf, way = lookup[1], self._at.get(lookup)
        scope = ("vrf", vrf)
        for element in elements:
            item = None
            if way is not None and element in way.gateways:
                item = self._gateway_port(self._elements.accepted[element], way)
            refusals = NatRefusals(vrf)
            if item is not None and item.snat:
                self._desired.put(element, scope, refusals)
            else:
                self._desired.delete(element, scope, refusals.key)
            placed = self._placed.pop((element, vrf), None)
            if placed is not None and (item is None or placed != item.key):
                self._desired.delete(element, scope, placed)
            if item is not None:
                self._placed[element, vrf] = item.key
                if self._desired.get(element, item.key) != item:
                    self._marks.vrf_routes.mark((element, vrf))
                self._desired.put(element, scope, item)

    def _gateway_port(self, here: Element, way: WayOut) -> GatewayPort:
        before, after = self._around(here, way)
        return GatewayPort(
            way.vrf, way.evi, way.mac, way.addresses, here.router_mac, way.snat, way.zone,
            *(
                tuple(
                    OtherGateway(hop, ports) for name in names
                    if (hop := self._bridged(here, way, name)) is not None
                    and (ports := self._ports(here, hop.endpoint))
                )
                for names in (before, after)
            ),
        )

    def route(self, element: str, lookup: Lookup) -> Route:
        """The default route of a VRF at an element."""
        way = self._at[lookup]
        here = self._elements.accepted[element]
        _, vrf, prefix = lookup
        before, _ = self._around(here, way)
        hops, watch = self._watched(
            here, (self._routed(here, way, name, prefix) for name in before)
        )
        if element in way.gateways:
            outside = self._outside(element, way, prefix)
            if outside is not None:
                if not watch:
                    return Route(vrf, prefix, (outside,))
                return Route(vrf, prefix, (*hops, outside), watch=(*watch, ()))
        return Route(vrf, prefix, hops, watch=watch)

    def mac(self, element: str, lookup: Lookup) -> RemoteMac | None:
        """The MAC of a gateway port at an element; None at a gateway, whose own it is."""
        way = self._at[lookup]
        if element in way.gateways:
            return None
        here = self._elements.accepted[element]
        before, _ = self._around(here, way)
        hops, watch = self._watched(here, (self._bridged(here, way, name) for name in before))
        return RemoteMac(way.evi, way.mac, hops, watch=watch) if hops else None

    def neighbor(self, element: str, lookup: Lookup) -> Neighbor | None:
        """Likewise of one of its addresses."""
        way = self._at[lookup]
        if element in way.gateways:
            return None
        return Neighbor(way.evi, lookup[2], way.mac, owner=OWNER_ROUTER)

    # ------------------------------------------------------------ to other gateways

    def _around(self, here: Element, way: WayOut) -> tuple[list[str], list[str]]:
        """The other gateways that come before a vrouter, and those that come after it: all come
        before one that is none."""
        own = here.info.element
        order = sorted(way.gateways, key=lambda name: 0 if name == own else self._life(here, name))
        if own not in order:
            return order, []
        place = order.index(own)
        return order[:place], order[place + 1 :]

    def _life(self, here: Element, name: str) -> int:
        """0: a gateway is alive as far as BFD says; more: it comes behind those with less."""
        vtep = self._elements.records[name]["vtep"]
        ranks = [
            self._rank(here, status) for status in here.tunnels.values()
            if status.endpoint.vtep == vtep and status.ofport > 0
        ]
        return min(ranks, default=2)

    def _rank(self, here: Element, status: TunnelStatus) -> int:
        if status.bfd == UP:
            return 1 if self._held((here.info.element, status.endpoint)) else 0
        return 2 if status.bfd == UNKNOWN else 3

    def _ports(self, here: Element, endpoint: Endpoint) -> tuple[int, ...]:
        """The tunnel ports to a VTEP, on every path."""
        found = (here.tunnels.get(endpoint._replace(path=path)) for path in range(MAX_VTEPS))
        return tuple(status.ofport for status in found if status is not None and status.ofport > 0)

    def _watched(
        self, here: Element, found: Iterable[RemoteHop | BridgedHop | None]
    ) -> tuple[tuple, tuple[tuple[int, ...], ...]]:
        """(hops, the tunnel ports that lead to each).  Those without one wait for it; where there
        is none yet, the first is meant."""
        hops = [hop for hop in found if hop is not None]
        ports = [self._ports(here, hop.endpoint) for hop in hops]
        if not any(ports):
            return tuple(hops[:1]), ()
        pairs = [(hop, of_hop) for hop, of_hop in zip(hops, ports, strict=True) if of_hop]
        return tuple(hop for hop, _ in pairs), tuple(of_hop for _, of_hop in pairs)

    def _endpoint(self, here: Element, name: str) -> Endpoint | None:
        vtep = self._elements.records[name]["vtep"]
        common = self._elements.encapsulations_with(here.info.element, vtep)
        return Endpoint(vtep, common[0]) if common else None

    def _routed(
        self, here: Element, way: WayOut, name: str, prefix: str
    ) -> RemoteHop | None:
        endpoint = self._endpoint(here, name)
        if endpoint is None:
            return None
        if carries_vni(endpoint.encap):
            return RemoteHop(endpoint, way.vrf, ids.router_mac(endpoint.vtep))
        router = self._config.routers.get(way.router_id)
        label = ids.vrf_label(router.rd_index, 6 if ":" in prefix else 4) if router else 0
        return RemoteHop(endpoint, label, "") if label else None

    def _bridged(self, here: Element, way: WayOut, name: str) -> BridgedHop | None:
        endpoint = self._endpoint(here, name)
        if endpoint is None:
            return None
        if carries_vni(endpoint.encap):
            return BridgedHop(endpoint, way.evi)
        instance = self._instances.by_vni.get(way.evi)
        label = ids.evi_label(instance.spec.rd_index) if instance is not None else 0
        return BridgedHop(endpoint, label) if label else None

    # ------------------------------------------------------------ to the next router

    def _outside(self, element: str, way: WayOut, prefix: str) -> OutsideHop | None:
        """The next router on the external network, where it is known."""
        lookup = ("ip", way.evi, way.next_hop(prefix))
        port_id = self._local.local.get((element, lookup))
        if port_id is not None:
            mac = self._local.local_mac(element, lookup)
            return OutsideHop(way.evi, mac, way.mac, self._local.ofport(port_id))
        instance = self._instances.by_vni.get(way.evi)
        path = self._instances.best(instance.ips.get(lookup[2], ())) if instance else None
        here = self._elements.accepted[element]
        if path is None or path.attrs.next_hop == here.vtep:
            return None
        endpoint = endpoint_to(path.attrs, here.encapsulations)
        if endpoint is None:
            return None
        return OutsideHop(way.evi, path.nlri.mac, way.mac, 0, endpoint, path.labels[0])

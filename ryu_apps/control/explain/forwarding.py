"""Where the switches take a packet: the objects that they have confirmed, not the configuration.

A route may be known and of no use, an object refused, held back or not yet confirmed, a tunnel
missing or down.  Of this node's hypervisors all of it is known.  Of another node's only its routes
are, which it announces when its switch has confirmed what they promise.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from ryu_apps.control.config.attachments import attachment, router_networks
from ryu_apps.control.config.model import Port, Subnet
from ryu_apps.control.desired.confirmations import PENDING, REFUSED
from ryu_apps.control.explain.path import DROP, PASS, UNKNOWN, Stage
from ryu_apps.control.explain.rules import Packet
from ryu_apps.control.kinds import attachments_of
from ryu_apps.control.links.paths import underlay_paths
from ryu_apps.control.ports.limits import objects_of as limit_objects
from ryu_apps.control.vpn.encapsulations import choose_encapsulation
from ryu_apps.control.vpn.instance import Lookup
from ryu_apps.control.vpn.translate import BoundPort
from ryu_apps.control.vpn.usable import unusable
from ryu_apps.control.world import World
from vrouter_ovs.encapsulation import carries_vni
from vrouter_ovs.state import (
    BridgedHop,
    Endpoint,
    Evi,
    Key,
    LocalHop,
    OutsideHop,
    RemoteHop,
    Route,
    Segment,
    StateObject,
    Vrf,
    tunnel_key,
)

STAGE = "forwarding"
NAMED = 3
"""So many routes that are of no use are named."""


class Stop(Exception):
    """The packet gets no further, or nobody here knows whether it does."""

    def __init__(self, reason: str, verdict: str = DROP) -> None:
        super().__init__(reason)
        self.stage = verdict, reason


class Forwarding:
    """Reads a World on its own thread."""

    def __init__(self, world: World) -> None:
        self._world = world

    def trace(self, port: Port, subnet: Subnet, packet: Packet, name: str = STAGE) -> Stage:
        """From a port to the address that the packet is for.  ``subnet``: the one that the sender's
        address is of."""
        try:
            verdict, reason = PASS, self._from(port, subnet, packet.source, packet.destination)
        except Stop as stop:
            verdict, reason = stop.stage
        return Stage(name, verdict, reason, port.id)

    def node_answers(self, port: Port, key: Key | None = None) -> Stage | None:
        """Why the node does not get what a port asks of the network itself; None: it does.
        ``key``: an object that this takes besides."""
        try:
            bound = self._bound(port)
            element = self._world.elements.accepted[bound.element]
            for one in (("punt", port.id), *((key,) if key else ())):
                self._have(bound.element, one, "is not told to ask the node")
            if not element.openflow:
                raise Stop(f"the switch of {element.info.hostname} has lost the node that answers")
        except Stop as stop:
            return Stage(STAGE, *stop.stage, port.id)
        return None

    def policy(self, port: Port, rules: list[str]) -> Stage | None:
        """Why a switch does not apply the rules that allow a packet; None: it does."""
        world = self._world
        bound = world.ports.bound.get(port.id)
        if bound is None or not bound.policy:
            return None
        try:
            for scope in world.policies.scopes(bound.element, bound.policy):
                for key in world.desired.keys(bound.element, scope):
                    item = world.desired.get(bound.element, key)
                    if key[0] != "rule" or not set(rules).isdisjoint(item.rules):
                        self._have(bound.element, key, "is not there")
        except Stop as stop:
            return Stage(STAGE, *stop.stage, port.id)
        return None

    def limits(self, port: Port) -> str:
        """Why a port is not held to its limits; "": it is, or another node knows."""
        bound = self._world.ports.bound.get(port.id)
        if bound is None:
            return ""
        try:
            for one in limit_objects(bound):
                self._have(bound.element, one.key, "is not told of them")
        except Stop as stop:
            return stop.stage[1]
        return ""

    # ------------------------------------------------------------ objects

    def is_here(self, port: Port) -> bool:
        """Whether a hypervisor of this node has a port."""
        return port.id in self._world.ports.bound

    def _bound(self, port: Port) -> BoundPort:
        bound = self._world.ports.bound.get(port.id)
        if bound is None:
            raise Stop("its hypervisor is another node's, which knows what the switch has", UNKNOWN)
        return bound

    def _host(self, element: str) -> str:
        return self._world.elements.accepted[element].info.hostname

    def _have(self, name: str, key: Key, missing: str) -> StateObject:
        """An object that the switch has confirmed.  ``missing``: what is wrong where it is not
        wanted of it at all."""
        world = self._world
        host, what = self._host(name), " ".join(map(str, key))
        item = world.desired.get(name, key)
        if item is None:
            raise Stop(f"{host}: {missing}")
        element = world.elements.accepted[name]
        status = element.confirmations.status(key)
        if status.state == REFUSED:
            raise Stop(f"the switch of {host} refused {what}: {status.reason}")
        if status.state == PENDING:
            away = "" if element.openflow else "; it has lost its node"
            raise Stop(f"the switch of {host} has not confirmed {what} yet{away}")
        if item.depends_on_peers and element.deferred:
            began = f"{host} has just joined" if world.convergence.converged else (
                "this node has just started"
            )
            raise Stop(
                f"{began} and holds back changes of {what}: it waits for "
                f"{world.convergence.deferred_for(name)}", UNKNOWN,
            )
        return item

    # ------------------------------------------------------------ the way

    def _from(self, port: Port, subnet: Subnet, source: str, address: str) -> str:
        world, bound = self._world, self._bound(port)
        name = bound.element
        self._have(name, ("port", port.id), "the port is not there")
        attached = attachment(world.config, subnet.id)
        if ipaddress.ip_address(address) in subnet.net:
            if attached and address in (fixed.ip_address for fixed in attached.interface.fixed_ips):
                gateway = "gateway", bound.evi, attached.interface.mac_address
                self._have(name, gateway, "no gateway")
                return f"{self._host(name)} answers for the gateway"
            if self._world.desired.get(name, ("neighbor", bound.evi, address)) is None and (
                to_segment := self._segment(name, bound.evi)
            ):
                return f"{to_segment}, where {address} is asked for"
            neighbor = self._have(
                name, ("neighbor", bound.evi, address),
                f"nobody in EVI {bound.evi} is known to have {address}"
                + self.useless(bound.evi, address),
            )
            return self._bridge(name, bound.evi, neighbor.mac, bound.ofport)
        if attached is None:
            raise Stop(f"no router has an interface in {subnet.cidr}")
        self._have(name, ("gateway", bound.evi, attached.interface.mac_address), "no gateway")
        if out := self._by_floating_ip(bound, source, address):
            return out
        vrf = attached.router.vni
        self._have(name, ("vrf", vrf), f"VRF {vrf} is not there")
        for key in world.desired.keys(name, ("vrf", vrf)):
            if key[0] == "gateway" and address in world.desired.get(name, key).addresses:
                self._have(name, key, "no gateway")
                return f"{self._host(name)} answers for the gateway"
        return self._route(name, vrf, address)

    def _bridge(self, name: str, evi: int, mac: str, from_port: int) -> str:
        world = self._world
        port_id = world.ports.locations.local.get((name, ("mac", evi, mac)))
        if port_id is not None:
            return self._deliver(name, evi, mac, port_id, from_port)
        if world.desired.get(name, ("mac", evi, mac)) is None and (
            to_segment := self._segment(name, evi)
        ):
            return to_segment + self._behind_segment(evi, mac)
        remote = self._have(
            name, ("mac", evi, mac), f"nobody in EVI {evi} is known to have the MAC {mac}"
            + self._not_in_common(name, evi, (("mac", evi, mac),))
        )
        endpoint, label = remote.hops[0]
        far = self._tunnel(name, endpoint)
        how = f"{self._host(name)} sends it to {_to(self._called(endpoint.vtep), remote.hops[0])}"
        if far is None:
            return how + self._stale(evi, "mac", mac, endpoint.vtep)
        label = self._instance(far, "evi", remote.hops[0])
        self._have(far, ("evi", label), f"no port of EVI {label} is there")
        port_id = world.ports.locations.local.get((far, ("mac", label, mac)))
        if port_id is None:
            raise Stop(f"{self._host(far)}: no port there has the MAC {mac}")
        return f"{how}; {self._deliver(far, label, mac, port_id)}"

    def _segment(self, name: str, evi: int) -> str:
        """Where an element sends what is unknown in an EVI; "" where nowhere."""
        world = self._world
        segment = world.desired.get(name, ("segment", evi))
        if not isinstance(segment, Segment) or not segment.sends:
            return ""
        self._have(name, ("segment", evi), "the segment is not there")
        facts = world.elements.accepted[name].info.facts
        physical = next(
            (one.name for one in attachments_of(facts).values() if one.ofport == segment.ofport), ""
        )
        how = f"in VLAN {segment.vlan}" if segment.vlan else "untagged"
        return f"{self._host(name)} sends it to physical network {physical}, {how}"

    def _behind_segment(self, evi: int, mac: str) -> str:
        """Who takes it from there, as far as is known here."""
        world = self._world
        instance = world.instances.by_vni.get(evi)
        path = world.instances.best(instance.macs.get(mac, ())) if instance is not None else None
        if path is None:
            return ""
        vtep = path.attrs.next_hop
        far = world.elements.by_vtep.get(vtep, "")
        if far not in world.elements.accepted:
            return f", from where {self._called(vtep)} takes it"
        self._have(far, ("segment", evi), "it takes nothing from the segment")
        port_id = world.ports.locations.local.get((far, ("mac", evi, mac)))
        if port_id is None:
            raise Stop(f"{self._host(far)}: no port there has the MAC {mac}")
        return f"; {self._deliver(far, evi, mac, port_id)}"

    def _deliver(self, name: str, evi: int, mac: str, port_id: str, from_port: int = 0) -> str:
        bound = self._world.ports.bound[port_id]
        if bound.ofport == from_port:
            raise Stop(
                f"{self._host(name)}: it would go back to the port that it came from, and a switch "
                "sends no frame there"
            )
        self._have(name, ("port", port_id), "the port is not there")
        if mac != bound.mac:
            self._have(name, ("localmac", evi, mac), f"no port has the MAC {mac}")
        if bound.vlan:
            self._have(name, ("trunks",), "nothing puts tags on there")
            return (
                f"{self._host(name)} delivers it to OpenFlow port {bound.parent} in VLAN "
                f"{bound.vlan}"
            )
        return f"{self._host(name)} delivers it to OpenFlow port {bound.ofport}"

    def _by_floating_ip(self, bound: BoundPort, source: str, address: str) -> str:
        """How what a port sends leaves by one of its floating IPs; "": it does not."""
        name = bound.element
        for one in bound.floating:
            item = self._world.desired.get(name, ("floatingip", one.evi, one.mac))
            known = [prefix for prefix in _prefixes(address) if (
                self._world.desired.get(name, ("route", one.vrf, prefix)) is not None
                or prefix in dict(item.onward if item is not None else ())
            )]
            if one.fixed != source or item is None or not known or (
                known[0] not in dict(item.onward)
            ):
                continue
            self._have(name, item.key, "")
            next_hop = dict(item.onward)[known[0]] or address
            out = f"{self._host(name)} sends it as {one.ip}"
            here = self._world.ports.locations.local.get((name, ("ip", one.evi, next_hop)))
            if here is not None and self._world.desired.get(
                name, ("externalneighbor", one.evi, next_hop)
            ) is None:
                there = self._world.ports.bound[here]
                return f"{out}; {self._deliver(name, there.evi, there.mac, here)}"
            neighbor = self._have(
                name, ("externalneighbor", one.evi, next_hop),
                f"nobody in EVI {one.evi} is known to have {next_hop}"
                + self.useless(one.evi, next_hop),
            )
            if neighbor.hop is None:
                return f"{out} to {neighbor.mac} in EVI {one.evi}"
            self._tunnel(name, neighbor.hop.endpoint)
            far = self._called(neighbor.hop.endpoint.vtep)
            return f"{out} to {_to(far, neighbor.hop)}"
        return ""

    def _lookup(self, name: str, vrf: int, address: str) -> Route | None:
        """The longest prefix that the switch has a route of."""
        for prefix in _prefixes(address):
            if self._world.desired.get(name, ("route", vrf, prefix)) is not None:
                return self._have(name, ("route", vrf, prefix), "")
        return None

    def _route(self, name: str, vrf: int, address: str) -> str:
        host = self._host(name)
        route = self._lookup(name, vrf, address)
        if route is None or not route.hops:
            what = "has no route" if route is None else (
                f"knows {route.prefix}, and of nobody who has the address there: no way"
            )  # fmt: skip
            covering = tuple(("prefix", vrf, prefix) for prefix in _prefixes(address))
            raise Stop(
                f"{host}: VRF {vrf} {what} to {address}" + self.useless(vrf, address)
                + self._not_in_common(name, vrf, covering)
            )
        if route.watch:
            return f"route {route.prefix}: {self._first(name, vrf, address, route)}"
        found, failed = [], []
        for hop in route.hops:
            try:
                found.append(self._hop(name, vrf, address, hop))
            except Stop as stop:
                failed.append(stop)
        if not found:
            raise failed[0]
        if failed:
            raise Stop(
                f"{len(failed)} of the {len(route.hops)} equal hops of {route.prefix} fail: "
                f"{failed[0]}", UNKNOWN,
            )
        return f"route {route.prefix}: {' or '.join(found)}" + self._left_out(
            name, vrf, route
        ) + self._stale(vrf, "prefix", route.prefix)

    def _first(self, name: str, vrf: int, address: str, route: Route) -> str:
        """The hop that is taken of those that take over from each other: the first that a tunnel
        leads to which is up; what is outside of the VPN is always there."""
        failed = None
        for hop in route.hops:
            try:
                return self._hop(name, vrf, address, hop)
            except Stop as stop:
                failed = failed or stop
        assert failed is not None, "there are hops to watch"
        raise failed

    def _leave(self, name: str, vrf: int, address: str, hop: OutsideHop) -> str:
        """A gateway sends it outside."""
        port = self._have(
            name, ("gatewayport", hop.evi, hop.gateway_mac), f"no gateway of VRF {vrf}"
        )
        translated = port.snat and ":" not in address
        source = f", with {port.snat} as source" if translated else ""
        return (
            f"{self._host(name)} is a gateway of the router: it sends it to the next router, "
            f"{hop.mac} in EVI {hop.evi}{source}"
        )

    def _left_out(self, name: str, vrf: int, route: Route) -> str:
        """The next hops of a prefix that are not used as they are out of reach, or ""; others' are
        no matter where the router has a route of its own."""
        if route.prefix in self._world.presence.static.get(vrf, ()):
            return ""
        instance = self._world.instances.by_vni.get(vrf)
        used = {hop.endpoint.vtep for hop in route.hops if type(hop) is RemoteHop}
        lost = self._world.elements.accepted[name].unreachable
        vteps = {path.attrs.next_hop for path in instance.usable(route.prefix)} if instance else ()
        left = sorted(vtep for vtep in vteps if vtep in lost and vtep not in used)
        return "".join(
            f"; not by {self._called(vtep)}, which no underlay path leads to now (BFD)"
            for vtep in left[:NAMED]
        )

    def _hop(
        self, name: str, vrf: int, address: str, hop: LocalHop | RemoteHop | OutsideHop
    ) -> str:
        if type(hop) is OutsideHop:
            return self._leave(name, vrf, address, hop)
        if type(hop) is LocalHop:
            # What is routed may go back to the port that it came from.
            port_id = self._world.ports.locations.local[name, ("mac", hop.evi, hop.mac)]
            return self._deliver(name, hop.evi, hop.mac, port_id)
        far = self._tunnel(name, hop.endpoint)
        how = f"{self._host(name)} sends it to {_to(self._called(hop.endpoint.vtep), hop)}"
        if far is None:
            return how
        vrf = self._instance(far, "vrf", hop)
        self._have(far, ("vrf", vrf), f"VRF {vrf} is not there")
        route = self._lookup(far, vrf, address)
        local = next((one for one in route.hops if type(one) is LocalHop), None) if route else None
        outside = route.hops[-1] if route and route.hops else None
        if type(outside) is OutsideHop:
            return f"{how}; {self._leave(far, vrf, address, outside)}"
        if local is None:
            raise Stop(f"{self._host(far)}: no port there has {address}")
        port_id = self._world.ports.locations.local[far, ("mac", local.evi, local.mac)]
        return f"{how}; {self._deliver(far, local.evi, local.mac, port_id)}"

    def _instance(self, far: str, kind: str, hop: RemoteHop | BridgedHop) -> int:
        """The VNI of the EVI or VRF at an element that the label of a hop leads to."""
        if carries_vni(hop.endpoint.encap):
            return hop.label
        for item in self._world.desired.objects[far].values():
            if kind == "evi" and type(item) is Evi and item.label == hop.label:
                return item.evi
            if kind == "vrf" and type(item) is Vrf and hop.label in item.labels:
                return item.vrf
        raise Stop(f"{self._host(far)}: nothing there has the label {hop.label}")

    # ------------------------------------------------------------ tunnels and other VTEPs

    def _tunnel(self, name: str, endpoint: Endpoint) -> str | None:
        """The element at the other end, where it is ours."""
        world = self._world
        vtep = endpoint.vtep
        own = world.elements.accepted[name].info.vteps
        if not underlay_paths(own, world.elements.addresses_of(vtep) or (vtep,)):
            raise Stop(
                f"{self._host(name)} and {self._called(vtep)} have no underlay path in common: the "
                "addresses of one are IPv4, and those of the other IPv6"
            )
        self._have(name, tunnel_key(endpoint), f"there is no tunnel to {self._called(vtep)} yet")
        far = world.elements.by_vtep.get(vtep)
        if vtep in world.elements.accepted[name].unreachable:
            raise Stop(
                f"{self._host(name)}: the tunnel to {self._called(vtep)} is down (BFD), on every "
                "underlay path"
            )
        return far if far in world.elements.accepted else None

    def _called(self, vtep: str) -> str:
        record = self._world.elements.records.get(self._world.elements.by_vtep.get(vtep, ""))
        return record["hostname"] if record else f"VTEP {vtep}, which is of another system"

    def _stale(self, vni: int, table: str, name: str, vtep: str = "") -> str:
        """Where a route is stale, whoever announced it is away: what it says may have changed."""
        world = self._world
        instance = world.instances.by_vni.get(vni)
        paths = instance.candidates((table, vni, name)) if instance is not None else ()
        stale = world.rib.stale_best
        chosen = [path for path in paths if vtep in ("", path.attrs.next_hop)]
        return " (stale: who announced it is away)" if chosen and all(
            path.nlri in stale for path in chosen
        ) else ""  # fmt: skip

    def _not_in_common(self, name: str, vni: int, lookups: tuple[Lookup, ...]) -> str:
        """The VTEPs that take nothing that an element sends, of the routes of lookups; or ""."""
        instance = self._world.instances.by_vni.get(vni)
        sent = self._world.elements.accepted[name].encapsulations
        paths = [
            path for lookup in lookups
            for path in (instance.candidates(lookup) if instance is not None else ())
        ]
        why = {
            f"{self._called(path.attrs.next_hop)} takes {', '.join(path.attrs.encaps)}, and "
            f"{self._host(name)} sends {', '.join(sent)}"
            for path in paths if not choose_encapsulation(path.attrs.encaps, sent)
        }
        return "".join(f"; {one}" for one in sorted(why)[:NAMED])

    def useless(self, vni: int, address: str) -> str:
        """Routes of others that would lead to an address and are not used, and why; or ""."""
        world = self._world
        instance = world.instances.by_vni.get(vni)
        if instance is None:
            return ""
        found = [(path, instance.why_unused(path)) for path in instance.unused_for(address)]
        if instance.spec.kind == "vrf":
            for network_id in router_networks(world.config, instance.spec.id):
                network = world.config.networks.get(network_id)
                evi = world.instances.by_vni.get(network.vni) if network is not None else None
                paths = evi.ips.get(address, ()) if evi is not None else ()
                found += ((path, unusable(path, "vrf")) for path in paths)
        why = {
            f"VTEP {path.attrs.next_hop} announces {getattr(path.nlri, 'prefix', address)}, "
            f"{reason}"
            for path, reason in found if reason
        }  # fmt: skip
        return "".join(f"; {one}" for one in sorted(why)[:NAMED])


def _to(called: str, hop: RemoteHop | BridgedHop) -> str:
    kind = "VNI" if carries_vni(hop.endpoint.encap) else "MPLS label"
    return f"{called}, {kind} {hop.label}"


def _prefixes(address: str) -> Iterator[str]:
    """All that an address is in, the longest first."""
    parsed = ipaddress.ip_address(address)
    for length in range(parsed.max_prefixlen, -1, -1):
        yield str(ipaddress.ip_network((parsed, length), strict=False))

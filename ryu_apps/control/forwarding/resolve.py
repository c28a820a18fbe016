"""From RIB and bound ports to the objects of each vrouter, one lookup at a time.

A lookup is what a switch asks of one instance (a MAC, an address, a prefix, the flood list), and is
computed for the vrouters where its instance is present.  Lookups that are marked are computed;
computing all of them from scratch gives the same objects.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Iterable, Iterator
from dataclasses import replace

from ryu_apps.control import ids
from ryu_apps.control.config.address_owners import owner_of
from ryu_apps.control.config.attachments import router_networks
from ryu_apps.control.config.service_addresses import service_mac
from ryu_apps.control.desired.desired import Scope
from ryu_apps.control.elements.elements import Element
from ryu_apps.control.forwarding.gateways import Gateways
from ryu_apps.control.forwarding.presence import Presence
from ryu_apps.control.forwarding.services import Services
from ryu_apps.control.forwarding.ways import Ways, flood_hops, hop_order, remote_hops, remote_mac
from ryu_apps.control.graph.graph import Marks
from ryu_apps.control.messages import SendGratuitousArp
from ryu_apps.control.outside.ways_out import WaysOut
from ryu_apps.control.ports.locations import Locations, lookups_of
from ryu_apps.control.ports.relays import Relays
from ryu_apps.control.routes import MacIp, Path
from ryu_apps.control.tables import Tables
from ryu_apps.control.vpn.instance import Instance, Lookup
from ryu_apps.control.vpn.translate import onward
from vrouter_ovs.encapsulation import NATIVE
from vrouter_ovs.state import (
    OWNER_NETWORK,
    BridgedHop,
    ExternalNeighbor,
    FloatingIp,
    Flood,
    FloodRemotes,
    LocalHop,
    LocalMac,
    Neighbor,
    RemoteHop,
    RemoteMac,
    Route,
    flood_parts,
    flood_parts_key,
)

MAX_HOPS = 32
"""More equal paths than this are left unused."""


class Resolver:
    """Reads: routes, local ports, presence, gateways, service addresses, ways out.
    Marks: service chains that a MAC has to do with, ports whose mirrors depend on a lookup.
    Emits nothing: what it computes is desired state.

    ``pending``: the lookups that are to be computed everywhere anyhow.  ``chains``: those that have
    to do with a lookup."""

    def __init__(
        self,
        tables: Tables,
        pending: Container[Lookup],
        locations: Locations,
        relays: Relays,
        presence: Presence,
        services: Services,
        gateways: Gateways,
        ways_out: WaysOut,
        marks: Marks,
        chains: Callable[[Lookup], Iterable[str]],
    ) -> None:
        self._marks = marks
        self._chains = chains
        self._config = tables.config
        self._watched = tables.watched
        self._instances = tables.instances
        self._elements = tables.elements
        self._desired = tables.desired
        self._pending = pending
        self._bound = tables.bound
        self._present = tables.present
        self._sending = tables.sending
        self._floating = tables.floating
        self._locations = locations
        self._relays = relays
        self._presence = presence
        self._services = services
        self._gateways = gateways
        self._ways_out = ways_out
        self._ways = Ways(tables.instances)

    def resolve_instance(self, key: tuple[str, Scope]) -> None:
        """An EVI or a VRF came to an element: compute all of its lookups there, but for those that
        are to be computed everywhere."""
        element, scope = key
        for lookup in self._lookups_of(element, scope):
            if lookup not in self._pending:
                self._resolve_lookup(lookup, self._where(lookup, element))

    def resolve_lookup(self, lookup: Lookup) -> None:
        """Bring the objects of a lookup in line wherever its instance is present, and those of the
        prefixes behind it."""
        self._resolve_lookup(lookup, self._where(lookup))
        if lookup in self._watched:
            self._marks.mirrors.mark_all(self._watched[lookup])
        if lookup[0] == "prefix":
            instance = self._instances.by_vni.get(lookup[1])
            behind = dict.fromkeys(instance.behind(lookup) if instance is not None else ())
            for one in {**behind, **dict.fromkeys(self._presence.behind(lookup))}:
                self._resolve_lookup(one, self._where(one))
        elif lookup[0] == "ip":
            for one in self._ways_out.behind(lookup):
                self._resolve_lookup(one, self._where(one))

    def _lookups_of(self, element: str, scope: Scope) -> dict[Lookup, None]:
        """All lookups of an instance that may resolve to something on an element."""
        kind, vni = scope
        found: dict[Lookup, None] = {}
        instance = self._instances.by_vni.get(vni)
        if instance is not None:
            found.update(dict.fromkeys(instance.lookups()))
        if kind == "evi":
            found.update(dict.fromkeys(self._services.addresses(vni)))
        else:
            prefixes = (*self._presence.connected.get(vni, ()), *self._presence.static.get(vni, ()))
            found.update((("prefix", vni, prefix), None) for prefix in prefixes)
        found.update(dict.fromkeys(self._ways_out.lookups_of(vni)))
        if kind == "evi":
            for port_id, may_come in self._floating.get(vni, {}).get(element, ()):
                if not may_come:
                    own = lookups_of(self._bound[port_id])
                    found.update((one, None) for one in own if one[1] == vni)
            if element in self._presence.outside.get(vni, ()):
                found.update((("ip", vni, address), None) for address in self._on_segment(vni))
        for network_vni in self._networks_of(scope):
            for port_id in self._present.get(network_vni, {}).get(element, ()):
                for lookup in lookups_of(self._bound[port_id]):
                    if lookup[1] == vni:
                        found[lookup] = None
        return found

    def _networks_of(self, scope: Scope) -> Iterator[int]:
        """The L2 VNIs of an instance: that of an EVI, those that the router of a VRF joins."""
        kind, vni = scope
        if kind == "evi":
            yield vni
            return
        for of, id in self._config.by_vni.get(vni, ()):
            for network_id in router_networks(self._config, id) if of == "router" else ():
                network = self._config.networks.get(network_id)
                if network is not None:
                    yield network.vni

    def _where(self, lookup: Lookup, element: str | None = None) -> Iterable[str]:
        """The elements where a lookup's instance is present; of these ``element`` alone, if that is
        given."""
        of_vrf = lookup[0] in ("prefix", "outside")
        present = self._presence.vrfs if of_vrf else self._presence.evis
        found = present.get(lookup[1], ())
        return found if element is None else (element,) if element in found else ()

    # ------------------------------------------------------------ addresses that moved

    def notification_cost(self, vni: int) -> int:
        """How many ports are notified when an address of a network has moved."""
        return sum(map(len, self._present.get(vni, {}).values()))

    def move_notifications(self, vni: int, address: str) -> list[SendGratuitousArp]:
        """What each vrouter answers for an address now, for its ports of that network."""
        lookup = ("ip", vni, address)
        router = self._gateways.taken.get(lookup, "")
        effects = []
        for element in self._presence.evis.get(vni, ()):
            known = self._desired.get(element, ("neighbor", vni, address))
            mac = router or (known.mac if known is not None else "")
            if mac:
                port_id = None if router else self._locations.local.get((element, lookup))
                ofport = self._bound[port_id].ofport if port_id is not None else 0
                effects.append(SendGratuitousArp(element, vni, address, mac, ofport, bool(router)))
        return effects

    # ------------------------------------------------------------ lookups

    def _resolve_lookup(self, lookup: Lookup, elements: Iterable[str]) -> None:
        instance = self._instances.by_vni.get(lookup[1])
        match lookup[0]:
            case "outside":
                self._ways_out.place(lookup, elements)
            case "mac":
                self._resolve_mac(lookup, instance, elements)
                self._marks.chains.mark_all(self._chains(lookup))
            case "ip":
                self._resolve_ip(lookup, instance, elements)
            case "prefix":
                self._resolve_prefix(lookup, instance, elements)
            case "imet":
                self._resolve_flood(lookup, instance, elements)

    def _resolve_mac(
        self, lookup: Lookup, instance: Instance | None, elements: Iterable[str]
    ) -> None:
        _, vni, mac = lookup
        scope = ("evi", vni)
        free = lookup not in self._gateways.taken
        outside = free and self._ways_out.owns(lookup)
        paths = instance.macs.get(mac, ()) if instance and free else ()
        remotes: dict[tuple[str, ...], tuple[Path | None, RemoteMac | None]] = {}
        for element in elements:
            port_id = self._locations.local.get((element, lookup))
            floating = self._floating_ip(element, lookup) if free else None
            if floating is not None:
                self._desired.put(element, ("outside", vni), floating)
            elif element in self._presence.outside.get(vni, ()):
                self._desired.delete(element, ("outside", vni), ("floatingip", vni, mac))
            if floating is None and port_id is not None and free and (
                mac != self._bound[port_id].mac
            ):
                # A MAC that passes from port to port.
                item = LocalMac(vni, mac, self._bound[port_id].ofport)
                self._desired.put(element, scope, item)
            else:
                self._desired.delete(element, scope, ("localmac", vni, mac))
            remote = None
            if outside:
                remote = self._ways_out.mac(element, lookup)
            elif paths and port_id is None:
                here = self._elements.accepted[element]
                supported = self._bridged_by(element, vni)
                if supported not in remotes:
                    path = self._ways.best(paths, supported)
                    remotes[supported] = path, path and remote_mac(vni, mac, path, supported)
                path, remote = remotes[supported]
                if path is None or path.attrs.next_hop == here.vtep:
                    remote = None
                elif remote is not None and self._relays.relays(element, lookup, path):
                    remote = replace(remote, relay=True)
            if remote is None:
                self._desired.delete(element, scope, ("mac", vni, mac))
            else:
                self._desired.put(element, scope, remote)

    def _bridged_by(self, element: str, vni: int) -> tuple[str, ...]:
        """How an element sends frames of an EVI: to the physical segment rather than by tunnel."""
        tunnels = self._elements.accepted[element].encapsulations
        return (NATIVE, *tunnels) if element in self._sending.get(vni, ()) else tunnels

    def _resolve_ip(
        self, lookup: Lookup, instance: Instance | None, elements: Iterable[str]
    ) -> None:
        _, vni, ip = lookup
        scope = ("evi", vni)
        free = lookup not in self._gateways.taken
        paths = instance.ips.get(ip, ()) if instance and free else ()
        if free and self._ways_out.owns(lookup):
            self._resolve_own(lookup, paths, elements)
            return
        path = self._instances.best(paths)
        remote: Neighbor | None = None
        outside = self._presence.outside.get(vni, {}) if ":" not in ip else {}
        for element in elements:
            if element in outside:
                self._resolve_neighbor(lookup, paths, element, free)
            port_id = self._locations.local.get((element, lookup)) if free else None
            if port_id is not None:
                mac = self._locations.local_mac(element, lookup)
                ofport = self._bound[port_id].ofport
                floating = self._locations.floating(element, lookup)
                if floating is not None:
                    # It is no port's own: also its port is answered.
                    mac, ofport = floating.mac, 0
                owner = owner_of(self._config, vni, ip, mac)
                item = Neighbor(vni, ip, mac, False, ofport, owner)
                self._desired.put(element, scope, item)
            elif path is None or path.attrs.next_hop == self._elements.accepted[element].vtep:
                if free and lookup in self._services.addresses(vni):
                    item = Neighbor(vni, ip, service_mac(vni), False, owner=OWNER_NETWORK)
                    self._desired.put(element, scope, item)
                else:
                    self._desired.delete(element, scope, ("neighbor", vni, ip))
            else:
                if remote is None:
                    mac = path.nlri.mac
                    remote = Neighbor(vni, ip, mac, owner=owner_of(self._config, vni, ip, mac))
                self._desired.put(element, scope, remote)

    def _floating_ip(self, element: str, lookup: Lookup) -> FloatingIp | None:
        """What has a MAC on this very vrouter, where that is a floating IP."""
        floating = self._locations.floating(element, lookup)
        if floating is None:
            return None
        bound = self._bound[self._locations.local[element, lookup]]
        hop = self._locations.local_hop(
            element, ("prefix", floating.vrf, ids.host_prefix(floating.fixed))
        )
        if hop is None:
            return None
        return FloatingIp(
            floating.evi, floating.mac, floating.ip, floating.vrf, floating.fixed, hop.ofport,
            hop.mac, hop.gateway_mac, onward(self._config, bound, floating),
        )

    def _resolve_neighbor(
        self, lookup: Lookup, paths: Collection[Path], element: str, free: bool
    ) -> None:
        """Where an address of an external network is, for what leaves by floating IPs here."""
        _, vni, ip = lookup
        scope, key = ("outside", vni), ("externalneighbor", vni, ip)
        here = self._elements.accepted[element]
        port_id = self._locations.local.get((element, lookup)) if free else None
        if port_id is not None:
            if self._locations.floating(element, lookup) is None:
                mac = self._locations.local_mac(element, lookup)
                item = ExternalNeighbor(vni, ip, mac, self._bound[port_id].ofport)
                self._desired.put(element, scope, item)
            else:
                self._desired.delete(element, scope, key)  # The floating IP itself leads there.
            return
        path = self._ways.best(paths, here.encapsulations) if paths else None
        if path is not None and path.attrs.next_hop != here.vtep:
            to = remote_mac(vni, path.nlri.mac, path, here.encapsulations)
            if to is not None:
                item = ExternalNeighbor(vni, ip, path.nlri.mac, hop=to.hops[0])
                self._desired.put(element, scope, item)
                return
        elif path is None and (mac := self._beside(vni, ip)):
            self._desired.put(element, scope, ExternalNeighbor(vni, ip, mac))
            return
        self._desired.delete(element, scope, key)

    def _resolve_own(
        self, lookup: Lookup, paths: Collection[Path], elements: Iterable[str]
    ) -> None:
        """An address of a router on an external network."""
        _, vni, ip = lookup
        outside = self._presence.outside.get(vni, {}) if ":" not in ip else {}
        for element in elements:
            if element in outside:
                self._resolve_neighbor(lookup, paths, element, True)
            item = self._ways_out.neighbor(element, lookup)
            if item is not None:
                self._desired.put(element, ("evi", vni), item)
            else:
                self._desired.delete(element, ("evi", vni), ("neighbor", vni, ip))

    def _on_segment(self, vni: int) -> Iterator[str]:
        """The addresses that ports of a network with a physical segment have."""
        for kind, id in self._config.by_vni.get(vni, ()):
            if kind == "network" and self._config.networks[id].physical_network:
                for port_id in self._config.ports_by_network.get(id, ()):
                    yield from (one.ip_address for one in self._config.ports[port_id].fixed_ips)

    def _beside(self, vni: int, address: str) -> str:
        """The MAC of a host on the physical segment of a network, as a port says that is plugged in
        nowhere: the next router there, or a machine; "" where none has the address."""
        for kind, id in self._config.by_vni.get(vni, ()):
            if kind == "network" and self._config.networks[id].physical_network:
                for subnet_id in self._config.subnets_by_network.get(id, ()):
                    for port_id in self._config.ports_by_address.get((subnet_id, address), ()):
                        port = self._config.ports[port_id]
                        if not port.is_system:
                            return port.mac_address
        return ""

    def _resolve_prefix(
        self, lookup: Lookup, instance: Instance | None, elements: Iterable[str]
    ) -> None:
        _, vni, prefix = lookup
        scope = ("vrf", vni)
        usable = instance.usable(prefix) if instance else ()
        remotes: dict[tuple[str, ...], tuple[list[RemoteHop], tuple, tuple]] = {}
        is_connected = prefix in self._presence.connected.get(vni, ())
        static = self._presence.static.get(vni, {}).get(prefix, ())
        if any(type(path.nlri) is MacIp for path in usable):
            static = ()  # It is the address of a port, as where that port is.
        if not static and self._ways_out.owns(lookup):
            for element in elements:
                self._desired.put(element, scope, self._ways_out.route(element, lookup))
            return
        for element in elements:
            local = self._locations.local_hop(element, lookup)
            if local is not None:
                self._desired.put(element, scope, Route(vni, prefix, (local,)))
                continue
            if static:
                # Without a way to a next hop nothing else takes its place.
                found = sorted({*self._through(element, instance, static)}, key=hop_order)
                self._desired.put(element, scope, Route(vni, prefix, tuple(found[:MAX_HOPS])))
                continue
            if is_connected:
                # Nobody announced this address of an attached subnet.
                self._desired.put(element, scope, Route(vni, prefix, ()))
                continue
            hops: list[LocalHop | RemoteHop] = []
            here = self._elements.accepted[element]
            supported = here.encapsulations
            others = self._within_reach(here, instance, usable) if here.unreachable else ()
            if others:
                direct_hops, via, through = self._ways.hops(others, supported)
            else:
                if supported not in remotes:
                    remotes[supported] = self._ways.hops(usable, supported)
                direct_hops, via, through = remotes[supported]
            hops = [hop for hop in direct_hops if hop.endpoint.vtep != here.vtep]
            if through:
                gateways = [path.gateway for path in through]
                hops = sorted({*hops, *self._through(element, instance, gateways)}, key=hop_order)
            if hops:
                relay = len(via) == 1 and not through and (
                    self._relays.relays(element, lookup, via[0])
                )
                route = Route(vni, prefix, tuple(hops[:MAX_HOPS]), relay)
                self._desired.put(element, scope, route)
            else:
                self._desired.delete(element, scope, ("route", vni, prefix))

    def _within_reach(
        self, here: Element, instance: Instance, paths: tuple[Path, ...]
    ) -> tuple[Path, ...]:
        """The paths of a prefix without those to VTEPs that no underlay path leads to; () where
        that makes no difference.  Where nothing else is left all stay: what cannot be delivered
        now may be in a moment, and nobody else has it.  A host is where its own route says."""
        if any(type(path.nlri) is MacIp for path in paths):
            return ()
        near = tuple(
            path for path in paths if self._next_hop(instance, path) not in here.unreachable
        )
        others = [path for path in near if self._next_hop(instance, path) != here.vtep]
        return near if others and len(near) < len(paths) else ()

    def _next_hop(self, instance: Instance, path: Path) -> str:
        """The VTEP that a path leads to in the end."""
        there = self._instances.best(instance.host(path.gateway)) if path.gateway else None
        return (there or path).attrs.next_hop

    def _through(
        self, element: str, instance: Instance | None, addresses: Iterable[str]
    ) -> Iterator[LocalHop | RemoteHop]:
        """The hops to the addresses that a prefix is behind."""
        here = self._elements.accepted[element]
        for address in addresses if instance is not None else ():
            gateway = ("prefix", instance.spec.vni, ids.host_prefix(address))
            local = self._locations.local_hop(element, gateway)
            there = self._ways.best(instance.host(address), here.encapsulations)
            if local is not None:
                yield local
            elif there is not None and there.attrs.next_hop != here.vtep:
                yield from remote_hops([there], here.encapsulations)

    def _resolve_flood(
        self, lookup: Lookup, instance: Instance | None, elements: Iterable[str]
    ) -> None:
        vni = lookup[1]
        scope = ("evi", vni)
        paths = instance.imets.values() if instance is not None else ()
        present = self._present.get(vni, {})
        leaves: dict[tuple[str, ...], list[BridgedHop]] = {}
        for element in elements:
            here = self._elements.accepted[element]
            vtep, supported = here.vtep, self._bridged_by(element, vni)
            hops = leaves.get(supported)
            if hops is None:
                hops = leaves[supported] = flood_hops(paths, supported)
            ports = tuple(sorted(present.get(element, {}).values()))
            others = tuple([hop for hop in hops if hop.endpoint.vtep != vtep])
            self._put_list(element, scope, Flood(vni, ports))
            remotes = FloodRemotes(vni, others)
            if others:
                self._put_list(element, scope, remotes)
            else:
                self._desired.delete(element, scope, remotes.key)
                self._desired.delete(element, scope, flood_parts_key(remotes))

    def _put_list(self, element: str, scope: Scope, flood: Flood | FloodRemotes) -> None:
        """A flood list, and the group of its parts where it has some."""
        self._desired.put(element, scope, flood)
        parts = flood_parts(flood)
        if parts is not None:
            self._desired.put(element, scope, parts)
        else:
            self._desired.delete(element, scope, flood_parts_key(flood))

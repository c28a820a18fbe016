"""From configuration, RIB and bound ports to the objects of each vrouter.

Works entry by entry: an entry is one lookup of one instance (a MAC, an address, a prefix, the flood
list), and is computed for the vrouters where its instance is present.  :meth:`Resolver.resolve`
does the entries that became dirty; computing all of them from scratch gives the same objects.
"""

from __future__ import annotations

from collections.abc import Iterable

from ryu_apps.control import ids
from ryu_apps.control.desired import Desired
from ryu_apps.control.edge import service_mac
from ryu_apps.control.elements import Elements
from ryu_apps.control.instances import Entry, Instance, Instances, select_hops, select_mac
from ryu_apps.control.messages import Gratuitous
from ryu_apps.control.model import Config, Router
from ryu_apps.control.moves import Moves
from ryu_apps.control.ports import Ports
from ryu_apps.control.rib import Rib
from ryu_apps.control.services import Services
from ryu_apps.control.translate import connected, router_networks
from vrouter_ovs.state import (
    Evi,
    Flood,
    Gateway,
    Key,
    LocalMac,
    Neighbor,
    RemoteHop,
    RemoteMac,
    Route,
    Vrf,
)

MAX_HOPS = 32
"""More equal paths than this are left unused."""


def _entries(gateway: Gateway) -> list[Entry]:
    return [
        ("mac", gateway.evi, gateway.mac),
        *(("ip", gateway.evi, address) for address in gateway.addresses),
    ]


class Resolver:
    def __init__(
        self,
        config: Config,
        rib: Rib,
        instances: Instances,
        elements: Elements,
        ports: Ports,
        desired: Desired,
        moves: Moves,
    ) -> None:
        self._config = config
        self._rib = rib
        self._instances = instances
        self._elements = elements
        self._ports = ports
        self._desired = desired
        self._moves = moves
        self.routers: dict[str, None] = {}
        """Routers whose presence, gateways and connected prefixes must be computed again."""
        self.republish_vrfs: dict[tuple[str, int], None] = {}
        self._evis: dict[int, dict[str, None]] = {}
        self.vrfs: dict[int, dict[str, None]] = {}
        """L3 VNI -> elements where the VRF is present."""
        self._connected: dict[int, dict[str, None]] = {}
        self._gateways: dict[int, dict[Key, Gateway]] = {}
        self.services = Services(config, desired)
        self._passing: dict[tuple[str, Entry], None] = {}
        """(element, entry) of the MACs here that pass from port to port."""
        self._taken: dict[Entry, str] = {}
        """MACs and addresses of gateways, and the MAC of each: no route from a peer can take
        them."""

    def resolve(self) -> None:
        """Bring every vrouter's objects in line with what became dirty."""
        entries: dict[Entry, None] = {}
        self._resolve_presence(entries)
        # First all that routers give up, then what they take: a gateway may go from one router to
        # another at once.
        plans = [self._plan_router(router_id, entries) for router_id in self.routers]
        self.routers.clear()
        for plan in plans:
            if plan is not None:
                self._resolve_router(*plan, entries)
        self.services.resolve(self._evis, entries)
        entries.update(self._instances.dirty)
        self._instances.dirty.clear()
        entries.update(self._ports.touched)
        self._ports.touched.clear()
        for entry in entries:
            self._resolve_entry(entry, self._where(entry))

    def _where(self, entry: Entry) -> Iterable[str]:
        present = self.vrfs if entry[0] == "prefix" else self._evis
        return present.get(entry[1], ())

    # ------------------------------------------------------------ presence

    def _resolve_presence(self, entries: dict[Entry, None]) -> None:
        for element, vni in self._ports.presence:
            wanted = element in self._ports.present.get(vni, ())
            held = element in self._evis.get(vni, ())
            entries["imet", vni, ""] = None
            if wanted == held:
                continue
            instance = self._instances.by_vni.get(vni)
            if wanted:
                self._evis.setdefault(vni, {})[element] = None
                self._enter_evi(element, vni, instance)
            else:
                del self._evis[vni][element]
                if not self._evis[vni]:
                    del self._evis[vni]
                self._desired.drop_scope(element, ("evi", vni))
                for place in [one for one in self._passing if one[0] == element]:
                    if place[1][1] == vni:
                        del self._passing[place]
            network_id = self._network_of(vni)
            if network_id is not None:
                for port_id in self._config.interfaces_by_network.get(network_id, ()):
                    self.routers[self._config.ports[port_id].device_id] = None
        self._ports.presence.clear()

    # ------------------------------------------------------------ moves

    def told_of(self, vni: int) -> int:
        """How many ports are told when an address of a network has moved."""
        return sum(map(len, self._ports.present.get(vni, {}).values()))

    def gratuitous(self, vni: int, address: str) -> list[Gratuitous]:
        """What each vrouter answers for an address now, for its ports of that network."""
        entry = ("ip", vni, address)
        router = self._taken.get(entry, "")
        found = []
        for element in self._evis.get(vni, ()):
            known = self._desired.get(element, ("neighbor", vni, address))
            mac = router or (known.mac if known is not None else "")
            if mac:
                port_id = None if router else self._ports.local.get((element, entry))
                besides = self._ports.bound[port_id].ofport if port_id is not None else 0
                found.append(Gratuitous(element, vni, address, mac, besides, bool(router)))
        return found

    def _network_of(self, vni: int) -> str | None:
        for kind, id in self._config.by_vni.get(vni, ()):
            if kind == "network":
                return id
        return None

    def _evi(self, vni: int) -> Evi:
        network = self._config.networks.get(self._network_of(vni) or "")
        if network is None:
            return Evi(vni)
        return Evi(vni, network.flood_unknown, network.mdns)

    def refresh_evi(self, vni: int) -> None:
        """The network of this VNI has changed."""
        for element in self._evis.get(vni, ()):
            self._desired.put(element, ("evi", vni), self._evi(vni))

    def _enter_evi(self, element: str, vni: int, instance: Instance | None) -> None:
        scope = ("evi", vni)
        self._desired.put(element, scope, self._evi(vni))
        for server in self.services.resolvers(vni):
            self._desired.put(element, scope, server)
        if instance is None:
            return
        for entry in (*instance.entries(), *self.services.addresses(vni)):
            self._resolve_entry(entry, (element,))

    def _plan_router(self, router_id: str, entries: dict[Entry, None]) -> tuple | None:
        """Where a router must be present and with which gateways; gives up what it has beyond."""
        router = self._config.routers.get(router_id)
        if router is None:
            return None
        wanted: dict[str, None] = {}
        gateways: dict[Key, Gateway] = {}
        if router.admin_state_up:
            for network_id in router_networks(self._config, router_id):
                network = self._config.networks.get(network_id)
                if network is not None:
                    wanted.update(self._evis.get(network.vni, {}))
            gateways = self._wanted_gateways(router)
        for element in [one for one in self.vrfs.get(router.vni, ()) if one not in wanted]:
            self._leave_vrf(element, router.vni)
            self.republish_vrfs[element, router.vni] = None
        self._drop_gateways(router.vni, gateways, entries)
        return router, wanted, gateways

    def _resolve_router(
        self,
        router: Router,
        wanted: dict[str, None],
        gateways: dict[Key, Gateway],
        entries: dict[Entry, None],
    ) -> None:
        vni = router.vni
        prefixes = connected(self._config, router.id) if router.admin_state_up else {}
        old_prefixes = self._connected.get(vni, {})
        if prefixes != old_prefixes:
            for prefix in prefixes.keys() ^ old_prefixes.keys():
                entries["prefix", vni, prefix] = None
            if prefixes:
                self._connected[vni] = prefixes
            else:
                self._connected.pop(vni, None)
        self._add_gateways(vni, gateways, entries)
        for element in wanted:
            self.republish_vrfs[element, vni] = None
        for element in [one for one in wanted if one not in self.vrfs.get(vni, ())]:
            self._enter_vrf(element, vni)

    def remove_router(self, vni: int) -> None:
        """The router is gone from the configuration."""
        self._drop_gateways(vni, {}, self._ports.touched)
        for element in list(self.vrfs.get(vni, ())):
            self._leave_vrf(element, vni)
            self.republish_vrfs[element, vni] = None
        self._connected.pop(vni, None)

    def remove_element(self, element: str) -> None:
        for place in [one for one in self._passing if one[0] == element]:
            del self._passing[place]
        for vni in [vni for vni, places in self._evis.items() if element in places]:
            del self._evis[vni][element]
            if not self._evis[vni]:
                del self._evis[vni]
        for vni in [vni for vni, places in self.vrfs.items() if element in places]:
            del self.vrfs[vni][element]
            if not self.vrfs[vni]:
                del self.vrfs[vni]
            self.republish_vrfs[element, vni] = None

    def _leave_vrf(self, element: str, vni: int) -> None:
        places = self.vrfs[vni]
        del places[element]
        if not places:
            del self.vrfs[vni]
        self._desired.drop_scope(element, ("vrf", vni))

    def _enter_vrf(self, element: str, vni: int) -> None:
        self.vrfs.setdefault(vni, {})[element] = None
        mac = self._elements.accepted[element].router_mac
        self._desired.put(element, ("vrf", vni), Vrf(vni, mac))
        for gateway in self._gateways.get(vni, {}).values():
            self._desired.put(element, ("vrf", vni), gateway)
        instance = self._instances.by_vni.get(vni)
        places: dict[Entry, None] = {}
        if instance is not None:
            places.update(dict.fromkeys(instance.entries()))
        places.update((("prefix", vni, prefix), None) for prefix in self._connected.get(vni, ()))
        for entry in places:
            self._resolve_entry(entry, (element,))

    # ------------------------------------------------------------ gateways

    def _wanted_gateways(self, router: Router) -> dict[Key, Gateway]:
        """A vrouter with the VRF answers for all of its gateways, also of networks that have no
        port there: a VM may ping any of them."""
        gateways: dict[Key, Gateway] = {}
        interfaces = [
            port
            for port_id in sorted(self._config.ports_by_device.get(router.id, ()))
            if (port := self._config.ports[port_id]).is_router_interface and port.admin_state_up
        ]
        # Where a network has an interface for each family, hosts may know the router by the MAC of
        # either: both have their link-local address.
        with_ipv6 = {
            port.network_id
            for port in interfaces
            if any(":" in fixed.ip_address for fixed in port.fixed_ips)
        }
        for port in interfaces:
            network = self._config.networks.get(port.network_id)
            if network is not None:
                addresses = tuple(sorted(fixed.ip_address for fixed in port.fixed_ips))
                if port.network_id in with_ipv6:
                    addresses += (ids.link_local(port.mac_address),)
                item = Gateway(network.vni, router.vni, port.mac_address, addresses)
                gateways[item.key] = item
        return gateways

    def _drop_gateways(
        self, vni: int, new: dict[Key, Gateway], entries: dict[Entry, None]
    ) -> None:
        """Take away the gateways that are not in ``new``, and the entries those took."""
        old = self._gateways.get(vni, {})
        if new == old:
            return
        kept = {entry for gateway in new.values() for entry in _entries(gateway)}
        for gateway in old.values():
            for entry in _entries(gateway):
                if entry not in kept:
                    if self._taken.pop(entry, None) and entry[0] == "ip":
                        self._moves.left(entry[1:], (gateway.mac, ""))
                    entries[entry] = None
        for key in [key for key in old if key not in new]:
            del old[key]
            for element in self.vrfs.get(vni, ()):
                self._desired.delete(element, ("vrf", vni), key)
        if not old:
            self._gateways.pop(vni, None)

    def _add_gateways(
        self, vni: int, new: dict[Key, Gateway], entries: dict[Entry, None]
    ) -> None:
        """The VRF's gateways are ``new``; what goes was dropped before."""
        if new == self._gateways.get(vni, {}):
            return
        self._gateways[vni] = new
        for gateway in new.values():
            for entry in _entries(gateway):
                was = self._taken.get(entry)
                self._taken[entry] = gateway.mac
                if was is None:
                    entries[entry] = None
                    if entry[0] == "ip":
                        self._moves.arrived(entry[1:], (gateway.mac, ""))
                elif was != gateway.mac:
                    self._moves.tell(entry[1:])
            for element in self.vrfs.get(vni, ()):
                self._desired.put(element, ("vrf", vni), gateway)

    # ------------------------------------------------------------ entries

    def _resolve_entry(self, entry: Entry, elements: Iterable[str]) -> None:
        instance = self._instances.by_vni.get(entry[1])
        match entry[0]:
            case "mac":
                self._resolve_mac(entry, instance, elements)
            case "ip":
                self._resolve_ip(entry, instance, elements)
            case "prefix":
                self._resolve_prefix(entry, instance, elements)
            case "imet":
                self._resolve_flood(entry, instance, elements)

    def _resolve_mac(
        self, entry: Entry, instance: Instance | None, elements: Iterable[str]
    ) -> None:
        _, vni, mac = entry
        paths = instance.macs.get(mac, ()) if instance and entry not in self._taken else ()
        path = select_mac(paths, self._rib.stale_best.__contains__)
        for element in elements:
            place = element, entry
            port_id = self._ports.local.get(place)
            if port_id is not None and entry not in self._taken and (
                mac != self._ports.bound[port_id].mac
            ):
                item = LocalMac(vni, mac, self._ports.bound[port_id].ofport)
                self._desired.put(element, ("evi", vni), item)
                self._passing[place] = None
            elif place in self._passing:
                del self._passing[place]
                self._desired.delete(element, ("evi", vni), ("localmac", vni, mac))
            if (
                path is None
                or path.attrs.next_hop == self._elements.accepted[element].vtep
                or port_id is not None
            ):
                self._desired.delete(element, ("evi", vni), ("mac", vni, mac))
            else:
                item = RemoteMac(vni, mac, path.attrs.next_hop, path.labels[0])
                self._desired.put(element, ("evi", vni), item)

    def _resolve_ip(
        self, entry: Entry, instance: Instance | None, elements: Iterable[str]
    ) -> None:
        _, vni, ip = entry
        free = entry not in self._taken
        paths = instance.ips.get(ip, ()) if instance and free else ()
        path = select_mac(paths, self._rib.stale_best.__contains__)
        for element in elements:
            port_id = self._ports.local.get((element, entry)) if free else None
            if port_id is not None:
                item = Neighbor(vni, ip, self._ports.local_mac(element, entry), remote=False)
                self._desired.put(element, ("evi", vni), item)
            elif path is None or path.attrs.next_hop == self._elements.accepted[element].vtep:
                if free and entry in self.services.addresses(vni):
                    item = Neighbor(vni, ip, service_mac(vni), remote=False)
                    self._desired.put(element, ("evi", vni), item)
                else:
                    self._desired.delete(element, ("evi", vni), ("neighbor", vni, ip))
            else:
                self._desired.put(element, ("evi", vni), Neighbor(vni, ip, path.nlri.mac))

    def _resolve_prefix(
        self, entry: Entry, instance: Instance | None, elements: Iterable[str]
    ) -> None:
        _, vni, prefix = entry
        paths = instance.prefixes.get(prefix, ()) if instance else ()
        paths = select_hops(paths, self._rib.stale_best.__contains__)
        is_connected = prefix in self._connected.get(vni, ())
        for element in elements:
            local = self._ports.local_hop(element, entry)
            if local is not None:
                self._desired.put(element, ("vrf", vni), Route(vni, prefix, (local,)))
                continue
            if is_connected:
                # An address of an attached subnet that nobody announced is nowhere.
                self._desired.put(element, ("vrf", vni), Route(vni, prefix, ()))
                continue
            own = self._elements.accepted[element].vtep
            hops = {
                RemoteHop(path.attrs.next_hop, path.labels[-1], path.attrs.router_mac)
                for path in paths
                if path.attrs.router_mac and path.attrs.next_hop != own
            }
            if hops:
                item = Route(vni, prefix, tuple(sorted(hops)[:MAX_HOPS]))
                self._desired.put(element, ("vrf", vni), item)
            else:
                self._desired.delete(element, ("vrf", vni), ("route", vni, prefix))

    def _resolve_flood(
        self, entry: Entry, instance: Instance | None, elements: Iterable[str]
    ) -> None:
        vni = entry[1]
        remotes: set[tuple[str, int]] = set()
        if instance is not None:
            # One leaf a route, so that a VTEP with two EVIs imported here gets a copy for each.
            remotes.update(
                (path.attrs.next_hop, path.labels[0]) for path in instance.imets.values()
            )
        for element in elements:
            own = self._elements.accepted[element].vtep
            ports = tuple(sorted(self._ports.present[vni][element].values()))
            others = tuple(sorted(item for item in remotes if item[0] != own))
            self._desired.put(element, ("evi", vni), Flood(vni, ports, others))

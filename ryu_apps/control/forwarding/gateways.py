"""The gateways of each VRF, and the MACs and addresses that they take."""

from __future__ import annotations

from collections.abc import Collection

from ryu_apps.control import ids
from ryu_apps.control.config.model import Router
from ryu_apps.control.graph.graph import Marks
from ryu_apps.control.tables import Tables
from ryu_apps.control.vpn.instance import Lookup
from ryu_apps.control.vpn.moves import MoveNotifier
from vrouter_ovs.state import Gateway, Key


def _lookups(gateway: Gateway) -> list[Lookup]:
    return [
        ("mac", gateway.evi, gateway.mac),
        *(("ip", gateway.evi, address) for address in gateway.addresses),
    ]


class Gateways:
    """Reads: the configuration, where VRFs are present.
    Marks: lookups of the MACs and addresses that gateways take or give up.
    Emits nothing: gateways are desired state."""

    def __init__(self, tables: Tables, marks: Marks, moves: MoveNotifier) -> None:
        self._config = tables.config
        self._desired = tables.desired
        self._vrfs = tables.vrfs
        self._marks = marks
        self._moves = moves
        self._gateways: dict[int, dict[Key, Gateway]] = {}
        self._vrf_of: dict[Key, int] = {}
        """Key of a gateway -> the VRF that has it."""
        self.taken: dict[Lookup, str] = {}
        """MACs and addresses of gateways, and the MAC of each: no route from a peer can take
        them."""

    def of(self, vni: int) -> Collection[Gateway]:
        """The gateways of a VRF."""
        return self._gateways.get(vni, {}).values()

    def gateways_of(self, router: Router) -> dict[Key, Gateway]:
        """The gateways that a router has by its interfaces.

        A vrouter with the VRF answers for all of its gateways, also of networks that have no
        port there: a VM may ping any of them.
        """
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

    def drop(self, vni: int, new: dict[Key, Gateway]) -> None:
        """Take away the gateways that are not in ``new``, and the lookups those took."""
        old = self._gateways.get(vni, {})
        if new == old:
            return
        kept = {lookup for gateway in new.values() for lookup in _lookups(gateway)}
        for gateway in old.values():
            for lookup in _lookups(gateway):
                if lookup not in kept:
                    # Unless another router has it already.
                    if self.taken.get(lookup) == gateway.mac:
                        del self.taken[lookup]
                        if lookup[0] == "ip":
                            self._moves.withdrawn(lookup[1:], (gateway.mac, ""))
                    self._marks.lookups.mark(lookup)
        for key in [key for key in old if key not in new]:
            del old[key], self._vrf_of[key]
            for element in self._vrfs.get(vni, ()):
                self._desired.delete(element, ("vrf", vni), key)
        if not old:
            self._gateways.pop(vni, None)

    def add(self, vni: int, new: dict[Key, Gateway]) -> None:
        """The VRF's gateways are ``new``; what goes was dropped before."""
        if new == self._gateways.get(vni, {}):
            return
        for key in new:
            # A router that failed to give it up loses it all the same.
            other = self._vrf_of.get(key, vni)
            if other != vni:
                rest = {one: item for one, item in self._gateways[other].items() if one != key}
                self.drop(other, rest)
            self._vrf_of[key] = vni
        if new:
            self._gateways[vni] = new
        for gateway in new.values():
            for lookup in _lookups(gateway):
                previous = self.taken.get(lookup)
                self.taken[lookup] = gateway.mac
                if previous is None:
                    self._marks.lookups.mark(lookup)
                    if lookup[0] == "ip":
                        self._moves.appeared(lookup[1:], (gateway.mac, ""))
                elif previous != gateway.mac:
                    self._moves.notify(lookup[1:])
            for element in self._vrfs.get(vni, ()):
                self._desired.put(element, ("vrf", vni), gateway)

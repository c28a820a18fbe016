"""Which address a port may hold of those that its allowed address pairs name.

What the configuration gives to somebody comes first: a router's addresses and those from which the
network answers DHCP and DNS always, the fixed address of a port while that port is bound here or
announced by its node.  The MAC of a port is never another's, nor is the link-local address that is
made from it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection

from ryu_apps.control import ids
from ryu_apps.control.config.model import Port
from ryu_apps.control.config.service_addresses import own_service_address
from ryu_apps.control.tables import Tables
from ryu_apps.control.vpn.translate import BoundPort
from vrouter_ovs.addresses import ip_network


class AddressEligibility:
    """Reads: the configuration, bound ports, routes.  Marks and emits nothing."""

    def __init__(self, tables: Tables) -> None:
        self._config = tables.config
        self._instances = tables.instances
        self._bound = tables.bound
        self._fixed: dict[tuple[int, str], dict[str, None]] = {}
        """(L2 VNI, address) -> the ports bound here whose own it is."""

    def on_bound(self, bound: BoundPort) -> None:
        """A port is bound now."""
        for address in bound.addresses:
            self._fixed.setdefault((bound.evi, address.ip), {})[bound.port_id] = None

    def on_unbound(self, bound: BoundPort) -> None:
        """A port is no longer bound as it was."""
        for address in bound.addresses:
            ports = self._fixed.get((bound.evi, address.ip), {})
            ports.pop(bound.port_id, None)
            if not ports:
                self._fixed.pop((bound.evi, address.ip), None)

    def owners(self, key: tuple[int, str]) -> Collection[str]:
        """The ports bound here whose own an address is: (L2 VNI, address)."""
        return self._fixed.get(key, ())

    def denial_reason(self, bound: BoundPort, mac: str, address: str) -> str:
        """Why a port cannot hold an address, or ""."""
        ip = ipaddress.ip_address(address)
        if not any(
            mac == one and ip in ip_network(prefix) for one, prefix in bound.shared
        ):
            return "not allowed"
        if any(address == fixed.ip for fixed in bound.addresses):
            return "its own"
        if ip.is_multicast or ip.is_unspecified or ip.is_loopback or address == "255.255.255.255":
            return "no address of a host"
        if mac != bound.mac and self._ports_with_mac(bound.network_id, mac):
            return "the MAC of another port"
        return self._owned(bound, address)

    def _ports_with_mac(self, network_id: str, mac: str) -> dict[str, None]:
        return self._config.ports_by_mac.get((network_id, mac), {})

    def _owned(self, bound: BoundPort, address: str) -> str:
        own_mac = ids.mac_of_link_local(address)
        if own_mac and own_mac != bound.mac and self._ports_with_mac(bound.network_id, own_mac):
            return "the link-local address of another port"
        if not {bound.port_id}.issuperset(self._fixed.get((bound.evi, address), ())):
            return "the address of another port"
        for port_id in self._config.interfaces_by_network.get(bound.network_id, ()):
            if any(address == fixed.ip_address for fixed in self._config.ports[port_id].fixed_ips):
                return "an address of a router"
        for subnet_id in self._config.subnets_by_network.get(bound.network_id, ()):
            if address == own_service_address(self._config, self._config.subnets[subnet_id]):
                return "an address of the network"
            for port_id in self._config.ports_by_address.get((subnet_id, address), ()):
                if port_id == bound.port_id:
                    return "its own"
                if self._is_active(bound.evi, self._config.ports[port_id], address):
                    return "the address of another port"
        return ""

    def _is_active(self, vni: int, owner: Port, address: str) -> bool:
        """Whether a port has its fixed address: it is bound here, or announced."""
        if owner.id in self._bound:
            return True
        instance = self._instances.by_vni.get(vni)
        paths = instance.ips.get(address, ()) if instance else ()
        return any(path.nlri.mac == owner.mac_address for path in paths)

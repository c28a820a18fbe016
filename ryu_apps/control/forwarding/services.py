"""What a network itself answers at: the service addresses of subnets without a router, and the
addresses where ports ask for names.  Kept for each subnet, as two may share an address."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from ryu_apps.control.config.config import Config
from ryu_apps.control.config.model import Subnet
from ryu_apps.control.config.service_addresses import (
    own_service_address,
    resolver_addresses,
    service_address,
    service_mac,
)
from ryu_apps.control.desired import Desired
from ryu_apps.control.vpn.instance import Entry
from ryu_apps.control.vpn.moves import Moves
from vrouter_ovs.state import DnsServer


class Services:
    """``edges`` gets the ports that are told of another address than before."""

    def __init__(
        self, config: Config, desired: Desired, edges: dict[str, None], moves: Moves
    ) -> None:
        self._config = config
        self._desired = desired
        self._edges = edges
        self._moves = moves
        self.subnets: dict[str, None] = {}
        """Subnets to look at again."""
        self._chosen: dict[str, str] = {}
        """Subnet id -> its service address, also where a router answers."""
        self._address_of: dict[str, Entry] = {}
        self._addresses: dict[int, dict[Entry, dict[str, None]]] = {}
        """L2 VNI -> entry -> the subnets without a router whose DHCP answers come from it."""
        self._resolvers_of: dict[str, tuple[DnsServer, ...]] = {}
        self._resolvers: dict[int, dict[DnsServer, dict[str, None]]] = {}
        """L2 VNI -> resolver -> the subnets whose ports ask it."""

    def addresses(self, vni: int) -> Collection[Entry]:
        """The service addresses of an EVI, as entries."""
        return self._addresses.get(vni, ())

    def resolvers(self, vni: int) -> Iterable[DnsServer]:
        return self._resolvers.get(vni, ())

    def resolve(self, evis: Mapping[int, Iterable[str]], entries: dict[Entry, None]) -> None:
        """Bring everything in line with what became dirty.  ``evis``: L2 VNI -> elements where it
        is present; ``entries`` gets the entries that must be computed again."""
        for subnet_id in self.subnets:
            subnet = self._config.subnets.get(subnet_id)
            network = self._config.networks.get(subnet.network_id) if subnet else None
            address: Entry | None = None
            servers: tuple[DnsServer, ...] = ()
            self._choose(subnet_id, subnet if network is not None else None)
            if network is not None:
                own = own_service_address(self._config, subnet)
                address = ("ip", network.vni, own) if own else None
                servers = tuple(
                    DnsServer(network.vni, one) for one in resolver_addresses(self._config, subnet)
                )
            self._set_address(subnet_id, address, entries)
            self._set_resolvers(subnet_id, servers, evis)
        self.subnets.clear()

    def _choose(self, subnet_id: str, subnet: Subnet | None) -> None:
        """All ports of a subnet are told of its service address."""
        held = self._chosen.pop(subnet_id, None)
        if subnet is not None:
            wanted = self._chosen[subnet_id] = service_address(self._config, subnet)
            if wanted != held:
                self._edges.update(self._config.ports_by_subnet.get(subnet_id, ()))

    def _set_address(
        self, subnet_id: str, wanted: Entry | None, entries: dict[Entry, None]
    ) -> None:
        """Clients renew by unicast and ask the resolver, so they ask for the MAC of the address
        that answered."""
        held = self._address_of.pop(subnet_id, None)
        if wanted is not None:
            self._address_of[subnet_id] = wanted
        if wanted == held:
            return
        if held is not None:
            if _leave(self._addresses, held[1], held, subnet_id):
                # Clients know its MAC, and must hear of the port that has it now, or will.
                self._moves.given(held[1:], service_mac(held[1]))
            entries[held] = None
        if wanted is not None:
            users = self._addresses.setdefault(wanted[1], {}).setdefault(wanted, {})
            if not users:
                self._moves.taken(wanted[1:], service_mac(wanted[1]))
            users[subnet_id] = None
            entries[wanted] = None

    def _set_resolvers(
        self, subnet_id: str, wanted: tuple[DnsServer, ...], evis: Mapping[int, Iterable[str]]
    ) -> None:
        held = self._resolvers_of.pop(subnet_id, ())
        if wanted:
            self._resolvers_of[subnet_id] = wanted
        if wanted == held:
            return
        for item in wanted:
            self._resolvers.setdefault(item.evi, {}).setdefault(item, {})[subnet_id] = None
            for element in evis.get(item.evi, ()):
                self._desired.put(element, ("evi", item.evi), item)
        for item in held:
            if item not in wanted and _leave(self._resolvers, item.evi, item, subnet_id):
                for element in evis.get(item.evi, ()):
                    self._desired.delete(element, ("evi", item.evi), item.key)


def _leave(index: dict, vni: int, key: object, subnet_id: str) -> bool:
    """Take a subnet out of an index; returns whether nobody else has the key."""
    of_vni = index[vni]
    users = of_vni[key]
    del users[subnet_id]
    if users:
        return False
    del of_vni[key]
    if not of_vni:
        del index[vni]
    return True

"""What a network itself answers at: the service addresses of subnets without a router, and the
addresses where ports ask for names.  Kept for each subnet, as two may share an address."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from ryu_apps.control.config.model import Subnet
from ryu_apps.control.config.service_addresses import (
    own_service_address,
    resolver_addresses,
    service_address,
    service_mac,
)
from ryu_apps.control.graph.graph import Marks
from ryu_apps.control.tables import Tables
from ryu_apps.control.vpn.instance import Lookup
from ryu_apps.control.vpn.moves import MoveNotifier
from vrouter_ovs.state import DnsServer


class Services:
    """Reads: the configuration, where EVIs are present.
    Marks: ports whose service address is another one, lookups of addresses.
    Emits nothing: resolvers are desired state."""

    def __init__(self, tables: Tables, marks: Marks, moves: MoveNotifier) -> None:
        self._config = tables.config
        self._desired = tables.desired
        self._evis = tables.evis
        self._marks = marks
        self._moves = moves
        self._chosen: dict[str, str] = {}
        """Subnet id -> its service address, also where a router answers."""
        self._address_of: dict[str, Lookup] = {}
        self._addresses: dict[int, dict[Lookup, dict[str, None]]] = {}
        """L2 VNI -> lookup -> the subnets without a router whose DHCP answers come from it."""
        self._resolvers_of: dict[str, tuple[DnsServer, ...]] = {}
        self._resolvers: dict[int, dict[DnsServer, dict[str, None]]] = {}
        """L2 VNI -> resolver -> the subnets whose ports ask it."""

    def addresses(self, vni: int) -> Collection[Lookup]:
        """The service addresses of an EVI, as lookups."""
        return self._addresses.get(vni, ())

    def resolvers(self, vni: int) -> Iterable[DnsServer]:
        return self._resolvers.get(vni, ())

    def resolve(self, subnet_id: str) -> None:
        """Where the network itself answers in a subnet."""
        subnet = self._config.subnets.get(subnet_id)
        network = self._config.networks.get(subnet.network_id) if subnet else None
        address: Lookup | None = None
        servers: tuple[DnsServer, ...] = ()
        if network is not None:
            own = own_service_address(self._config, subnet)
            address = ("ip", network.vni, own) if own else None
            servers = tuple([
                DnsServer(network.vni, one) for one in resolver_addresses(self._config, subnet)
            ])
        self._choose(subnet_id, subnet if network is not None else None)
        self._set_address(subnet_id, address)
        self._set_resolvers(subnet_id, servers)

    def _choose(self, subnet_id: str, subnet: Subnet | None) -> None:
        """All ports of a subnet learn its service address."""
        if subnet is None:
            self._chosen.pop(subnet_id, None)
            return
        chosen = service_address(self._config, subnet)
        if chosen != self._chosen.get(subnet_id):
            self._chosen[subnet_id] = chosen
            self._marks.edges.mark_all(self._config.ports_by_subnet.get(subnet_id, ()))

    def _set_address(self, subnet_id: str, new: Lookup | None) -> None:
        """Clients renew by unicast and ask the resolver, so they ask for the MAC of the address
        that answered."""
        old = self._address_of.pop(subnet_id, None)
        if new is not None:
            self._address_of[subnet_id] = new
        if new == old:
            return
        if old is not None:
            if _leave(self._addresses, old[1], old, subnet_id):
                # Clients know its MAC, and must hear of the port that has it now, or will.
                self._moves.released_by_network(old[1:], service_mac(old[1]))
            self._marks.lookups.mark(old)
        if new is not None:
            users = self._addresses.setdefault(new[1], {}).setdefault(new, {})
            if not users:
                self._moves.taken_by_network(new[1:], service_mac(new[1]))
            users[subnet_id] = None
            self._marks.lookups.mark(new)

    def _set_resolvers(self, subnet_id: str, new: tuple[DnsServer, ...]) -> None:
        old = self._resolvers_of.pop(subnet_id, ())
        if new:
            self._resolvers_of[subnet_id] = new
        if new == old:
            return
        for item in new:
            self._resolvers.setdefault(item.evi, {}).setdefault(item, {})[subnet_id] = None
            for element in self._evis.get(item.evi, ()):
                self._desired.put(element, ("evi", item.evi), item)
        for item in old:
            if item not in new and _leave(self._resolvers, item.evi, item, subnet_id):
                for element in self._evis.get(item.evi, ()):
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

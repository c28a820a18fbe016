"""Configuration changes: what depends on a network, a subnet, a port or a router."""

from __future__ import annotations

from collections.abc import Iterable

from ryu_apps.control.addresses.learned import Learned
from ryu_apps.control.addresses.macs import LearnedMacs
from ryu_apps.control.config.address_owners import own_addresses
from ryu_apps.control.config.model import (
    FLOATING_IP,
    Change,
    FloatingIP,
    Network,
    Port,
    Router,
    Subnet,
    TapFlow,
    TapMirror,
    TapService,
    Trunk,
    means_the_same,
)
from ryu_apps.control.config.qos import ports_with
from ryu_apps.control.config.service_addresses import is_link_local
from ryu_apps.control.config.service_chains.plan import chains_from, chains_of
from ryu_apps.control.config.trunks import subports_of
from ryu_apps.control.graph.graph import Marks
from ryu_apps.control.policy.sets import Policies
from ryu_apps.control.tables import Tables
from ryu_apps.control.vpn.translate import instance_spec


class Configurer:
    """Applies changes to the :class:`Config` and marks dependents.  Within one batch the order of
    changes does not matter: nothing is computed before all are applied.

    Reads: the configuration, claims, bound ports.
    Marks: whatever is made of a network, a subnet, a port or a router; tells instances, policies
    and learned addresses, which mark what depends on them.
    Emits nothing.
    """

    def __init__(
        self, tables: Tables, marks: Marks, learned: Learned, macs: LearnedMacs, policies: Policies,
        asn: int,
    ) -> None:
        self._config = tables.config
        self._instances = tables.instances
        self._elements = tables.elements
        self._bound = tables.bound
        self._floating = tables.floating
        self._marks = marks
        self._learned = learned
        self._macs = macs
        self._policies = policies
        self._asn = asn

    def apply(self, changes: Iterable[Change]) -> None:
        applied = [(change, self._config.apply(change)) for change in changes]
        for change, old in applied:
            if means_the_same(old, change.resource):
                continue
            match change.kind:
                case "network":
                    self._network(old, change.resource)
                case "subnet":
                    self._subnet(old, change.resource)
                case "port":
                    self._port(old, change.resource)
                case "router":
                    self._router(old, change.resource)
                case "security_group":
                    self._policies.group_changed(change.id)
                case "security_group_rule":
                    for rule in (old, change.resource):
                        if rule is not None:
                            self._policies.rule_changed(rule)
                case "trunk":
                    self._trunk(old, change.resource)
                case "bandwidth_limit_rule" | "packet_rate_limit_rule" | "dscp_marking_rule":
                    for rule in (old, change.resource):
                        if rule is not None:
                            self._claimed(ports_with(self._config, rule.qos_policy_id))
                case "floatingip":
                    for item in (old, change.resource):
                        if item is not None:
                            self._floatingip(item)
                case "tap_mirror" | "tap_service" | "tap_flow":
                    self._mirrors(old, change.resource)
                case "address_group":
                    self._policies.address_group_changed(change.id)
                case "port_chain" | "port_pair_group" | "port_pair" | "flow_classifier":
                    self._marks.chains.mark_all(chains_of(self._config, change.kind, change.id))

    def _mirrors(self, *versions: TapMirror | TapService | TapFlow | None) -> None:
        for one in versions:
            if type(one) is TapFlow:
                self._marks.mirrors.mark(one.source_port)
            elif one is not None:
                self._marks.mirrors.mark(one.port_id)
                self._marks.mirrors.mark_all(
                    self._config.tap_flows[flow_id].source_port
                    for flow_id in self._config.tap_flows_by_service.get(one.id, ())
                )

    def _claimed(self, port_ids: Iterable[str]) -> None:
        claims = self._elements.claims
        self._marks.claims.mark_all(port for port in port_ids if port in claims)

    def _differ(self, old: Network | Router | None, new: Network | Router | None) -> bool:
        """Whether a network or a router is another VPN instance than before."""
        if old is None or new is None:
            return True
        return instance_spec(old, self._asn) != instance_spec(new, self._asn)

    def _network(self, old: Network | None, new: Network | None) -> None:
        for one in (old, new):
            if one is not None:
                self._marks.multicast.mark((one.vni, ""))
        if old is not None and (new is None or new.vni != old.vni):
            self._instances.remove(old.vni)
        network = new or old
        if old is None or new is None or new.vni != old.vni:
            self._marks.subnets.mark_all(self._config.subnets_by_network.get(network.id, ()))
            self._policies.network_changed(network.id)
            self._marks.chains.mark_all(self._config.port_chains)
        if new is not None:
            self._instances.configure(instance_spec(new, self._asn))
            self._marks.evi_settings.mark(new.vni)
        self._marks.networks.mark(network.id)
        for id in self._config.floatingips_by_network.get(network.id, ()):
            self._floatingip(self._config.floatingips[id])
        port_ids = self._config.ports_by_network.get(network.id, ())
        self._claimed(port_ids)
        if self._differ(old, new):
            self._republish(port_ids)
            floating = self._floating.get(network.vni, {})
            self._republish(id for ports in floating.values() for id, _ in ports)
        for port_id in self._config.interfaces_by_network.get(network.id, ()):
            self._marks.routers.mark(self._config.ports[port_id].device_id)
        self._ways_out(network.id)

    def _ways_out(self, network_id: str) -> None:
        """Something changed of a network that routers may have gateways on."""
        for port_id in self._config.gateways_by_network.get(network_id, ()):
            self._marks.ways_out.mark(self._config.ports[port_id].device_id)

    def _subnet(self, old: Subnet | None, new: Subnet | None) -> None:
        subnet = new or old
        self._marks.edges.mark_all(self._config.ports_by_subnet.get(subnet.id, ()))
        self._marks.subnets.mark(subnet.id)
        for one in (old, new):
            if one is not None:
                self._marks.networks.mark(one.network_id)
                self._served(one.network_id)
        self._ways_out(subnet.network_id)
        for one in (old, new):
            if one is not None:
                self._beyond(self._config.floatingips_by_network.get(one.network_id, ()))
        if old is None or new is None or old.cidr != new.cidr:
            self._attachment(subnet.id)
            network = self._config.networks.get(subnet.network_id)
            if network is not None:
                self._claimed(self._learned.ports_in(network.vni))

    def _served(self, network_id: str) -> None:
        """Of a provider network: who answers its ports may be another."""
        network = self._config.networks.get(network_id)
        if network is not None and network.physical_network:
            self._marks.evi_settings.mark(network.vni)
            self._claimed(self._config.ports_by_network.get(network_id, ()))

    def _ports_on(self, subnet_id: str) -> Iterable[str]:
        """Ports with an address of a subnet; it may be one that is nowhere in the configuration."""
        subnet = self._config.subnets.get(subnet_id)
        network = self._config.networks.get(subnet.network_id) if subnet is not None else None
        learned = self._learned.ports_in(network.vni) if network is not None else ()
        return {**self._config.ports_by_subnet.get(subnet_id, {}), **dict.fromkeys(learned)}

    def _attachment(self, subnet_id: str) -> None:
        """The way out of a subnet may have changed."""
        self._marks.subnets.mark(subnet_id)
        for port_id in self._config.interfaces_by_subnet.get(subnet_id, ()):
            self._marks.routers.mark(self._config.ports[port_id].device_id)
        self._claimed(self._ports_on(subnet_id))

    def _port(self, old: Port | None, new: Port | None) -> None:
        port = new or old
        if port.id in self._config.tap_services_by_port:
            self._marks.mirrors.mark(port.id)
        self._policies.port_changed(old, new)
        self._marks.chains.mark_all(chains_from(self._config, port.id))
        self._learned.configured(old, new)
        if new is None or port.id in self._elements.claims:
            self._marks.claims.mark(port.id)
        if old is not None and new is not None and _addresses(old) != _addresses(new):
            # It may be as it was at the end of a batch, and the router above it another meanwhile.
            self._republish((port.id,))
        for one in (old, new):
            if one is None:
                continue
            self._marks.names.mark((one.network_id, port.id))
            network = self._config.networks.get(one.network_id)
            if network is not None and not one.port_security_enabled:
                self._marks.evi_settings.mark(network.vni)
            if network is not None:
                self._macs.configured(network.vni, one.mac_address)
            self._owner(one)
            if old is None or new is None or _addresses(old) != _addresses(new):
                self._service_addresses(one)
            if one.is_router_gateway:
                self._marks.ways_out.mark(one.device_id)
                self._beyond(self._config.floatingips_by_router.get(one.device_id, ()))
            elif one.device_owner == FLOATING_IP:
                item = self._config.floatingips.get(one.device_id)
                if item is not None:
                    self._floatingip(item)
            if one.is_router_interface:
                self._marks.routers.mark(one.device_id)
                # The link-local addresses of a router are those of all its interfaces.
                self._marks.subnets.mark_all(
                    self._config.subnets_by_network.get(one.network_id, ())
                )
                for fixed in one.fixed_ips:
                    self._attachment(fixed.subnet_id)

    def _trunk(self, old: Trunk | None, new: Trunk | None) -> None:
        """Who claims the parent claims its subports."""
        for port_id in {one.port_id: None for one in (old, new) if one is not None}:
            subports = {one.port_id: one.number for one in subports_of(self._config, port_id)}
            self._marks.claims.mark_all(self._elements.carry(port_id, subports))
        for one in (old, new):
            if one is not None:
                self._claimed(sub.port_id for sub in one.sub_ports)

    def _floatingip(self, item: FloatingIP) -> None:
        """It stands for an address of a port, which another port may have as well."""
        port = self._config.ports.get(item.port_id)
        network = self._config.networks.get(port.network_id) if port is not None else None
        learned = self._learned.ports_in(network.vni) if network is not None else ()
        self._claimed({item.port_id: None, **dict.fromkeys(learned)})

    def _beyond(self, floating: Iterable[str]) -> None:
        """What is reached by floating IPs may be another."""
        for id in floating:
            item = self._config.floatingips[id]
            network = self._config.networks.get(item.floating_network_id)
            port = self._config.ports.get(item.floating_port_id)
            if network is not None and port is not None:
                self._marks.lookups.mark(("mac", network.vni, port.mac_address))

    def _owner(self, port: Port) -> None:
        """Routes of other nodes may have come before the port that their addresses are of."""
        network = self._config.networks.get(port.network_id)
        instance = self._instances.by_vni.get(network.vni) if network is not None else None
        if instance is not None:
            for address in own_addresses(port):
                if address in instance.ips or network.vni in self._floating:
                    self._marks.lookups.mark(("ip", network.vni, address))

    def _service_addresses(self, port: Port) -> None:
        """An address that a port has is not the network's own, and becomes it again."""
        addresses = [fixed.ip_address for fixed in port.fixed_ips]
        if port.allowed_address_pairs or any(map(is_link_local, addresses)):
            self._marks.subnets.mark_all(self._config.subnets_by_network.get(port.network_id, ()))
        else:
            for fixed in port.fixed_ips:
                self._marks.subnets.mark(fixed.subnet_id)

    def _router(self, old: Router | None, new: Router | None) -> None:
        if old is not None and (new is None or new.vni != old.vni):
            self._instances.remove(old.vni)
        if new is not None:
            self._instances.configure(instance_spec(new, self._asn))
        router = new or old
        self._marks.routers.mark(router.id)
        self._marks.ways_out.mark(router.id)
        self._beyond(self._config.floatingips_by_router.get(router.id, ()))
        for port_id in self._config.ports_by_device.get(router.id, ()):
            port = self._config.ports[port_id]
            if port.is_router_interface:
                for fixed in port.fixed_ips:
                    self._marks.subnets.mark(fixed.subnet_id)
                    subnet_ports = self._ports_on(fixed.subnet_id)
                    self._claimed(subnet_ports)
                    if self._differ(old, new):
                        self._republish(subnet_ports)

    def _republish(self, port_ids: Iterable[str]) -> None:
        """Paths carry the targets of their instance."""
        self._marks.port_routes.mark_all(port for port in port_ids if port in self._bound)


def _addresses(port: Port) -> tuple:
    return port.fixed_ips, port.allowed_address_pairs

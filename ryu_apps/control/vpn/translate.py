"""From networks and routers to EVIs and VRFs, from bound ports to BGP paths.  Pure functions."""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from typing import NamedTuple

from ryu_apps.control import ids
from ryu_apps.control.config.attachments import (
    attachment,
    beyond,
    connected,
    gateway_ports,
    static_routes,
)
from ryu_apps.control.config.config import Config
from ryu_apps.control.config.model import Network, Port, Router
from ryu_apps.control.config.provider_networks import outward
from ryu_apps.control.config.qos import NO_LIMITS, PortLimits, limits_of
from ryu_apps.control.routes import Attributes, Imet, IpPrefix, MacIp, Path
from vrouter_ovs.addresses import ip_network
from vrouter_ovs.encapsulation import VXLAN, carries_vni, in_order


class VpnInstanceSpec(NamedTuple):
    """An EVI (of a network) or a VRF (of a router): what BGP needs to know of it."""

    kind: str
    id: str
    vni: int
    rd_index: int
    imports: frozenset[str]
    exports: tuple[str, ...]


def instance_spec(item: Network | Router, asn: int) -> VpnInstanceSpec:
    """The VPN instance of a network or a router: its own target plus what the user added."""
    own = ids.route_target(asn, item.vni)
    kind = "evi" if type(item) is Network else "vrf"
    return VpnInstanceSpec(
        kind,
        item.id,
        item.vni,
        item.rd_index,
        frozenset((own, *item.import_targets)),
        tuple(sorted({own, *item.export_targets})),
    )



class BoundAddress(NamedTuple):
    """An address of a bound port; ``vrf`` 0 and ``gateway_mac`` "" where it is not routed."""

    ip: str
    vrf: int
    gateway_mac: str
    router_id: str


class LearnedAddress(NamedTuple):
    """An address of an allowed address pair that a bound port holds now, and how it is announced;
    the rest as in :class:`BoundAddress`."""

    ip: str
    vrf: int
    gateway_mac: str
    router_id: str
    mac: str
    sequence: int


class FloatingAddress(NamedTuple):
    """A floating IP of a bound port: ``ip`` with its own ``mac`` in the EVI of the external network
    ``network_id`` stands for ``fixed`` in the VRF."""

    evi: int
    network_id: str
    mac: str
    ip: str
    vrf: int
    fixed: str


class LearnedMac(NamedTuple):
    """A MAC behind a port without port security, and how it is announced.  ``fresh``: the switch
    need not tell of it for now."""

    mac: str
    sequence: int
    fresh: bool


class BoundPort(NamedTuple):
    """A port that a vrouter of ours holds: all that its objects and paths are made from.

    ``shared``: those of ``allowed`` that other ports may have too; ``learned``: the addresses of
    these that are at this port; ``macs``: those behind it.  ``parent``, ``vlan``: of a trunk's
    subport, and ``outward``: see :class:`~vrouter_ovs.state.LocalPort`.  ``floating``: the floating
    IPs of its own addresses and of the learned ones.
    """

    port_id: str
    element: str
    interface: str
    ofport: int
    network_id: str
    evi: int
    mac: str
    addresses: tuple[BoundAddress, ...]
    allowed: tuple[tuple[str, str], ...]
    port_security: bool
    policy: int = 0
    shared: tuple[tuple[str, str], ...] = ()
    learned: tuple[LearnedAddress, ...] = ()
    parent: int = 0
    vlan: int = 0
    macs: tuple[LearnedMac, ...] = ()
    outward: tuple[str, ...] = ()
    transparent: bool = False
    limits: PortLimits = NO_LIMITS
    floating: tuple[FloatingAddress, ...] = ()


class StandbyPort(NamedTuple):
    """A vrouter of ours that has the flows of a port which is elsewhere and may come.  ``mode``: of
    :class:`~vrouter_ovs.state.LocalPort`, why it waits."""

    place: BoundPort
    mode: str


SHARED_BITS = 8
"""Of an allowed prefix with more host bits than this nothing is learned: such a pair says that the
port forwards for others, and their addresses are not at the port."""


def is_exact(prefix: str) -> bool:
    """Whether a pair's prefix is one address."""
    return ip_network(prefix).num_addresses == 1


def _is_shared(port: Port, mac: str, prefix: str) -> bool:
    """Whether others may have what a pair names, and it can be learned where it is."""
    net = ip_network(prefix)
    own = is_exact(prefix) and any(
        fixed.ip_address == str(net.network_address) for fixed in port.fixed_ips
    )
    return not own and net.max_prefixlen - net.prefixlen <= SHARED_BITS


def shared_keys(config: Config) -> dict[tuple[int, str], None]:
    """(L2 VNI, address) of every address that some port may share with others, where its pair
    names just one."""
    return {
        (network.vni, str(ip_network(pair.ip_address).network_address)): None
        for port in config.ports.values()
        if port.allowed_address_pairs
        and (network := config.networks.get(port.network_id)) is not None
        for pair in port.allowed_address_pairs
        if is_exact(pair.ip_address)
    }


def learned_address(
    config: Config, network_id: str, ip: str, mac: str, sequence: int
) -> LearnedAddress:
    """Resolve an address that a port of this network holds; it is routed where it is in a subnet
    with a router."""
    address = ipaddress.ip_address(ip)
    for subnet_id in config.subnets_by_network.get(network_id, ()):
        inside = address in ip_network(config.subnets[subnet_id].cidr)
        if inside and not address.is_link_local:
            attached = attachment(config, subnet_id)
            if attached is not None:
                router, gateway = attached
                return LearnedAddress(
                    ip, router.vni, gateway.mac_address, router.id, mac, sequence
                )
    return LearnedAddress(ip, 0, "", "", mac, sequence)


def floating_addresses(config: Config, bound: BoundPort) -> tuple[FloatingAddress, ...]:
    """The floating IPs of the addresses that a bound port has now.  Of an address that it shares,
    they are those of the port that has it as a fixed one."""
    if not config.floatingips:
        return ()
    found = []
    for address in (*bound.addresses, *bound.learned):
        if not address.vrf or ":" in address.ip:
            continue
        own = type(address) is BoundAddress
        holders = (bound.port_id,) if own else tuple(
            id for subnet_id in config.subnets_by_network.get(bound.network_id, ())
            for id in config.ports_by_address.get((subnet_id, address.ip), ())
        )
        for id in (id for port in holders for id in config.floatingips_by_port.get(port, ())):
            item = config.floatingips[id]
            network = config.networks.get(item.floating_network_id)
            port = config.ports.get(item.floating_port_id)
            if item.fixed_ip_address == address.ip and item.router_id == address.router_id and (
                network is not None and network.admin_state_up and port is not None
            ):
                found.append(FloatingAddress(
                    network.vni, network.id, port.mac_address, item.floating_ip_address,
                    address.vrf, address.ip,
                ))
    return tuple(sorted(found))


def onward(
    config: Config, bound: BoundPort, floating: FloatingAddress
) -> tuple[tuple[str, str], ...]:
    """(prefix, next hop) of what a port reaches by one of its floating IPs.  Where a fixed address
    has several, of several external networks, each prefix is reached by the one whose gateway its
    router has first."""
    for address in (*bound.addresses, *bound.learned):
        if (address.vrf, address.ip) == (floating.vrf, floating.fixed):
            router = config.routers[address.router_id]
            break
    else:
        return ()
    taken: set[str] = set()
    others = {
        one.network_id for one in bound.floating
        if (one.vrf, one.fixed) == (floating.vrf, floating.fixed)
    }
    for port in gateway_ports(config, router):
        if port.network_id in others:
            here = beyond(config, router, port.network_id)
            if port.network_id == floating.network_id:
                return tuple(sorted(
                    (prefix, hop) for prefix, hop in here.items() if prefix not in taken
                ))
            taken |= here.keys()
    return ()


def bound_port(
    config: Config, port: Port, element: str, interface: str, ofport: int, policy: int = 0
) -> BoundPort:
    """Resolve a port against the configuration, for the place that holds it.  ``policy``: the
    number of its policy set."""
    network = config.networks[port.network_id]
    addresses = []
    for fixed in port.fixed_ips:
        attached = attachment(config, fixed.subnet_id)
        if attached is None:
            addresses.append(BoundAddress(fixed.ip_address, 0, "", ""))
        else:
            router, gateway = attached
            addresses.append(
                BoundAddress(fixed.ip_address, router.vni, gateway.mac_address, router.id)
            )
    own = [(port.mac_address, fixed.ip_address) for fixed in port.fixed_ips]
    pairs = [
        (pair.mac_address or port.mac_address, pair.ip_address)
        for pair in port.allowed_address_pairs
    ]
    allowed = dict.fromkeys([*(own or [(port.mac_address, "")]), *pairs])
    return BoundPort(
        port.id,
        element,
        interface,
        ofport,
        network.id,
        network.vni,
        port.mac_address,
        tuple(addresses),
        tuple(allowed),
        port.port_security_enabled,
        policy,
        tuple(pair for pair in dict.fromkeys(pairs) if _is_shared(port, *pair))
        if port.port_security_enabled
        else (),
        outward=outward(config, network),
        transparent=network.vlan_transparent,
        limits=limits_of(config, port),
    )


_router_mac = lru_cache(maxsize=65536)(ids.router_mac)


class Egress(NamedTuple):
    """A vrouter, as its routes name it.  ``encaps``: what it takes, as in :class:`Attributes`;
    ``mpls``: the labels of all of them are MPLS's, and else VNIs."""

    vtep: str
    encaps: tuple[str, ...] = (VXLAN,)
    mpls: bool = False

    def rd(self, spec: VpnInstanceSpec) -> str:
        if self.mpls:
            return ids.mpls_route_distinguisher(self.vtep, spec.rd_index)
        return ids.route_distinguisher(self.vtep, spec.rd_index)

    def evi_label(self, evi: VpnInstanceSpec) -> int:
        return ids.evi_label(evi.rd_index) if self.mpls else evi.vni

    def vrf_label(self, vrf: VpnInstanceSpec, address: str) -> int:
        """``address``: or a prefix."""
        if self.mpls:
            return ids.vrf_label(vrf.rd_index, 6 if ":" in address else 4)
        return vrf.vni

    def router_mac(self) -> str:
        """Behind an MPLS label there is no frame that could bear it."""
        return "" if self.mpls else _router_mac(self.vtep)


@lru_cache(maxsize=4096)
def egresses(vtep: str, encapsulations: tuple[str, ...]) -> tuple[Egress, ...]:
    """A vrouter that takes these, once for each kind of label: no route has both."""
    kinds = (
        (in_order(name for name in encapsulations if carries_vni(name) is not mpls), mpls)
        for mpls in (False, True)
    )
    return tuple(Egress(vtep, names, mpls) for names, mpls in kinds if names)


@lru_cache(maxsize=65536)
def _attributes(egress: Egress, rts: tuple, router_mac: str, mobility: int) -> Attributes:
    """One shared value for all paths with the same attributes: they pack into one UPDATE."""
    return Attributes(
        egress.vtep, rts, router_mac=router_mac, mobility=mobility, encaps=egress.encaps
    )


def port_paths(
    config: Config, asn: int, bound: BoundPort, egress: Egress, mobility: int
) -> tuple[Path, ...]:
    """The type 2 routes of a bound port: one per address, or one with the MAC alone; and one for
    each learned address, with its own sequence number.

    A routed address carries both VNIs, both targets and the Router's MAC (RFC 9135 section 5.1).
    """
    evi = instance_spec(config.networks[bound.network_id], asn)
    rd, label = egress.rd(evi), egress.evi_label(evi)
    if not label:
        return ()

    def path(mac: str, address: BoundAddress | LearnedAddress, sequence: int) -> Path:
        attrs, labels = _attributes(egress, evi.exports, "", sequence), (label,)
        if address.vrf:
            vrf = instance_spec(config.routers[address.router_id], asn)
            of_vrf = egress.vrf_label(vrf, address.ip)
            if of_vrf:
                rts = tuple(sorted({*evi.exports, *vrf.exports}))
                attrs = _attributes(egress, rts, egress.router_mac(), sequence)
                labels = (label, of_vrf)
        return Path(MacIp(rd, 0, mac, address.ip), attrs, labels)

    paths = [path(bound.mac, address, mobility) for address in bound.addresses]
    if not paths:
        attrs = _attributes(egress, evi.exports, "", mobility)
        paths.append(Path(MacIp(rd, 0, bound.mac, ""), attrs, (label,)))
    paths += [path(address.mac, address, address.sequence) for address in bound.learned]
    paths += [
        floating for address in bound.floating
        if (floating := _floating_path(config, asn, address, egress, mobility)) is not None
    ]
    for one in bound.macs:
        attrs = _attributes(egress, evi.exports, "", one.sequence)
        paths.append(Path(MacIp(rd, 0, one.mac, ""), attrs, (label,)))
    return tuple(paths)


def _floating_path(
    config: Config, asn: int, address: FloatingAddress, egress: Egress, mobility: int
) -> Path | None:
    """The type 2 route of a floating IP: on its external network it is as a port there."""
    evi = instance_spec(config.networks[address.network_id], asn)
    label = egress.evi_label(evi)
    if not label:
        return None
    attrs = _attributes(egress, evi.exports, "", mobility)
    return Path(MacIp(egress.rd(evi), 0, address.mac, address.ip), attrs, (label,))


def evi_paths(evi: VpnInstanceSpec, egress: Egress) -> tuple[Path, ...]:
    """The type 3 route of an EVI on a vrouter: send broadcast to this VTEP."""
    label = egress.evi_label(evi)
    if not label:
        return ()
    attrs = _attributes(egress, evi.exports, "", 0)
    return (Path(Imet(egress.rd(evi), 0, egress.vtep), attrs, (label,)),)


def gateway_port_paths(
    evi: VpnInstanceSpec, mac: str, addresses: tuple[str, ...], egress: Egress, mobility: int
) -> tuple[Path, ...]:
    """The type 2 routes of a router's port on an external network, at the gateway that takes its
    frames."""
    label = egress.evi_label(evi)
    if not label:
        return ()
    attrs = _attributes(egress, evi.exports, "", mobility)
    rd = egress.rd(evi)
    return tuple(Path(MacIp(rd, 0, mac, address), attrs, (label,)) for address in addresses)


def vrf_paths(
    config: Config, vrf: VpnInstanceSpec, egress: Egress, further: tuple[str, ...] = ()
) -> tuple[Path, ...]:
    """The type 5 routes of a VRF on a vrouter: one per attached subnet and destination of an extra
    route (RFC 9136 section 4.4): whoever has the VRF knows the next hop.  ``further``: prefixes
    that this vrouter leads to beside those."""
    rd = egress.rd(vrf)
    attrs = _attributes(egress, vrf.exports, egress.router_mac(), 0)
    prefixes = {
        **connected(config, vrf.id), **static_routes(config, vrf.id), **dict.fromkeys(further)
    }
    return tuple(
        Path(IpPrefix(rd, 0, prefix), attrs, (label,)) for prefix in prefixes
        if (label := egress.vrf_label(vrf, prefix))
    )

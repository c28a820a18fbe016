"""From networks and routers to EVIs and VRFs, from bound ports to BGP paths.  Pure functions."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from ryu_apps.control import ids
from ryu_apps.control.model import Config, Network, Port, Router
from ryu_apps.control.routes import Attributes, Imet, IpPrefix, MacIp, Path


class Spec(NamedTuple):
    """An EVI (of a network) or a VRF (of a router): what BGP needs to know of it."""

    kind: str
    id: str
    vni: int
    rd_index: int
    imports: frozenset[str]
    exports: tuple[str, ...]


def spec(item: Network | Router, asn: int) -> Spec:
    """The VPN instance of a network or a router: its own target plus what the user added."""
    own = ids.route_target(asn, item.vni)
    kind = "evi" if type(item) is Network else "vrf"
    return Spec(
        kind,
        item.id,
        item.vni,
        item.rd_index,
        frozenset((own, *item.import_targets)),
        tuple(sorted({own, *item.export_targets})),
    )


class Attachment(NamedTuple):
    """A subnet's way out: the router and the interface port that holds its gateway address."""

    router: Router
    interface: Port


def attachment(config: Config, subnet_id: str) -> Attachment | None:
    """The router of a subnet, or None.  A subnet has at most one; were there more (two nodes of
    different versions wrote them), the lowest id wins everywhere alike."""
    found = None
    for port_id in config.interfaces_by_subnet.get(subnet_id, ()):
        port = config.ports[port_id]
        router = config.routers.get(port.device_id)
        if router is not None and router.admin_state_up and port.admin_state_up:
            candidate = Attachment(router, port)
            if found is None or port.id < found.interface.id:
                found = candidate
    return found


def router_networks(config: Config, router_id: str) -> dict[str, None]:
    """Ids of the networks that have an interface of this router."""
    return {
        config.ports[port_id].network_id: None
        for port_id in config.ports_by_device.get(router_id, ())
        if config.ports[port_id].is_router_interface
    }


class BoundAddress(NamedTuple):
    """An address of a bound port; ``vrf`` 0 and ``gateway_mac`` "" where it is not routed."""

    ip: str
    vrf: int
    gateway_mac: str
    router_id: str


class BoundPort(NamedTuple):
    """A port that a vrouter of ours holds: all that its objects and paths are made from."""

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


def bound_port(
    config: Config, port: Port, element: str, interface: str, ofport: int, policy: int = 0
) -> BoundPort:
    """Resolve a port against the configuration, for the place that holds it.  ``policy``: the
    number of its policy set."""
    network = config.networks[port.network_id]
    addresses = []
    for fixed in port.fixed_ips:
        way = attachment(config, fixed.subnet_id)
        if way is None:
            addresses.append(BoundAddress(fixed.ip_address, 0, "", ""))
        else:
            router, gateway = way
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
    )


_router_mac = lru_cache(maxsize=65536)(ids.router_mac)


@lru_cache(maxsize=65536)
def _attributes(next_hop: str, rts: tuple, router_mac: str, mobility: int) -> Attributes:
    """One shared value for all paths with the same attributes: they pack into one UPDATE."""
    return Attributes(next_hop, rts, router_mac=router_mac, mobility=mobility)


def port_paths(
    config: Config, asn: int, bound: BoundPort, vtep: str, mobility: int
) -> tuple[Path, ...]:
    """The type 2 routes of a bound port: one per address, or one with the MAC alone.

    A routed address carries both VNIs, both targets and the Router's MAC (RFC 9135 section 5.1).
    """
    evi = spec(config.networks[bound.network_id], asn)
    rd = ids.route_distinguisher(vtep, evi.rd_index)
    paths = []
    for address in bound.addresses:
        if address.vrf:
            vrf = spec(config.routers[address.router_id], asn)
            rts = tuple(sorted({*evi.exports, *vrf.exports}))
            attrs = _attributes(vtep, rts, _router_mac(vtep), mobility)
            labels: tuple[int, ...] = (evi.vni, vrf.vni)
        else:
            attrs = _attributes(vtep, evi.exports, "", mobility)
            labels = (evi.vni,)
        paths.append(Path(MacIp(rd, 0, bound.mac, address.ip), attrs, labels))
    if not paths:
        attrs = _attributes(vtep, evi.exports, "", mobility)
        paths.append(Path(MacIp(rd, 0, bound.mac, ""), attrs, (evi.vni,)))
    return tuple(paths)


def evi_path(evi: Spec, vtep: str) -> Path:
    """The type 3 route of an EVI on a vrouter: send broadcast to this VTEP."""
    rd = ids.route_distinguisher(vtep, evi.rd_index)
    return Path(Imet(rd, 0, vtep), _attributes(vtep, evi.exports, "", 0), (evi.vni,))


def vrf_paths(config: Config, vrf: Spec, vtep: str) -> tuple[Path, ...]:
    """The type 5 routes of a VRF on a vrouter: one per attached subnet (RFC 9136 section 4.4)."""
    rd = ids.route_distinguisher(vtep, vrf.rd_index)
    attrs = _attributes(vtep, vrf.exports, _router_mac(vtep), 0)
    return tuple(
        Path(IpPrefix(rd, 0, cidr), attrs, (vrf.vni,)) for cidr in connected(config, vrf.id)
    )


def connected(config: Config, router_id: str) -> dict[str, None]:
    """The prefixes of the subnets attached to a router."""
    prefixes = {}
    for port_id in config.ports_by_device.get(router_id, ()):
        port = config.ports[port_id]
        if port.is_router_interface and port.admin_state_up:
            for fixed in port.fixed_ips:
                subnet = config.subnets.get(fixed.subnet_id)
                if subnet is not None:
                    prefixes[subnet.cidr] = None
    return prefixes

"""What the edge answers for each local port: EdgePorts from the configuration, and changes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from ryu_apps.control.config import dns_names
from ryu_apps.control.config.attachments import Attachment, attachment
from ryu_apps.control.config.config import Config
from ryu_apps.control.config.model import FixedIp, Subnet
from ryu_apps.control.config.service_addresses import (
    resolver_addresses,
    router_address,
    service_address,
    service_mac,
)
from ryu_apps.control.edge.advertised import Advertised
from ryu_apps.control.graph.graph import Marks
from ryu_apps.control.messages import EdgeChanged
from ryu_apps.control.vpn.translate import BoundPort
from vrouter_ovs.edge import EdgePort, FloatingAddress, Lease4, Lease6


def _resolvers(config: Config, subnet: Subnet) -> tuple[str, ...]:
    """The resolvers that DHCP and router advertisements tell of: those of the subnet, else the
    network's own.  The unspecified address among them stands for none, as Neutron has it."""
    if subnet.dns_nameservers:
        return tuple(one for one in subnet.dns_nameservers if one not in ("0.0.0.0", "::"))
    return resolver_addresses(config, subnet)[:1]


@lru_cache(maxsize=65536)
def _prefix_length(cidr: str) -> int:
    return int(cidr.rpartition("/")[2])


def edge_port(config: Config, bound: BoundPort, metadata: bool = False) -> EdgePort:
    """Resolve a bound port's addresses against their subnets.  ``metadata``: whether instances are
    served theirs."""
    port = config.ports[bound.port_id]
    network = config.networks[bound.network_id]
    gateway_macs = {address.ip: address.gateway_mac for address in bound.addresses}
    v4: list[Lease4] = []
    v6: list[Lease6] = []
    for fixed in port.fixed_ips:
        subnet = config.subnets.get(fixed.subnet_id)
        if subnet is None:
            continue
        router_mac = gateway_macs.get(fixed.ip_address, "")
        attached = attachment(config, subnet.id)
        if subnet.ip_version == 4:
            v4.append(_lease4(config, fixed, subnet, attached, router_mac, metadata))
        else:
            v6.append(
                Lease6(
                    fixed.ip_address,
                    subnet.cidr,
                    subnet.gateway_ip if router_mac else "",
                    subnet.ipv6_ra_mode,
                    subnet.ipv6_address_mode,
                    _resolvers(config, subnet),
                    router_mac,
                    router_address(attached, subnet) if attached is not None else "",
                )
            )
    first = v4[0].address if v4 else v6[0].address if v6 else ""
    return EdgePort(
        bound.port_id,
        bound.network_id,
        bound.ofport,
        bound.evi,
        bound.mac,
        next((mac for mac in gateway_macs.values() if mac), ""),
        service_mac(bound.evi),
        network.mtu,
        port.dns_name or (dns_names.address_name(first) if first else ""),
        dns_names.domain(port, network.dns_domain).rstrip("."),
        (),
        tuple(v4),
        tuple(v6),
        port.extra_dhcp_opts,
        instance_id=port.device_id if metadata else "",
        project_id=port.project_id if metadata else "",
        floating=tuple(FloatingAddress(one.ip, one.fixed, one.vrf) for one in bound.floating),
    )


def _lease4(
    config: Config, fixed: FixedIp, subnet: Subnet, attached: Attachment | None, router_mac: str,
    metadata: bool,
) -> Lease4:  # fmt: skip
    # Behind a router that is the gateway the default route leads there as well.
    leads = attached is not None and subnet.gateway_ip == router_address(attached, subnet)
    return Lease4(
        fixed.ip_address,
        _prefix_length(subnet.cidr),
        subnet.gateway_ip,
        service_address(config, subnet) if attached is None else router_address(attached, subnet),
        _resolvers(config, subnet),
        tuple((route.destination, route.nexthop) for route in subnet.host_routes),
        subnet.enable_dhcp,
        router_mac,
        metadata and not leads,
    )


class Edges:
    """The EdgePorts of all bound ports, kept equal to :func:`edge_port` of each, and with what of
    earlier advertisements has to be taken back from it.

    Reads: the configuration, bound ports.
    Marks: ports for which it is time to take nothing back any more, and those to be told.
    Emits: EdgeChanged, appended to ``effects``.

    ``metadata``: whether instances are served theirs.
    """

    def __init__(
        self, config: Config, bound: Mapping[str, BoundPort], marks: Marks, effects: list,
        metadata: bool = False,
    ) -> None:  # fmt: skip
        self._config = config
        self._metadata = metadata
        self._bound = bound
        self._marks = marks
        self._effects = effects
        self.current: dict[str, tuple[str, EdgePort]] = {}
        """Port id -> (element, its EdgePort)."""
        self.advertised = Advertised()
        self._sent: dict[tuple[str, int], EdgePort] = {}
        """(element, OpenFlow port) -> the EdgePort that was sent there last."""

    def tick(self, now: float) -> None:
        """``now``: seconds of a steady clock."""
        self._marks.edges.mark_all(self.advertised.tick(now))

    def resolve(self, port_id: str) -> None:
        """Compute what is answered to a port now, and withdraw it where the port was before."""
        old = self.current.get(port_id)
        bound = self._bound.get(port_id)
        made = edge_port(self._config, bound, self._metadata) if bound is not None else None
        made = self.advertised.changed(port_id, made)
        new = (bound.element, made) if bound is not None and made is not None else None
        if new == old:
            return
        if new is not None:
            self.current[port_id] = new
            self._marks.answers.mark(port_id)
        else:
            del self.current[port_id]
        if old is not None and (new is None or _switch_port(new) != _switch_port(old)):
            switch_port = _switch_port(old)
            sent = self._sent.get(switch_port)
            if sent is not None and sent.port_id == port_id:
                del self._sent[switch_port]
                self._effects.append(EdgeChanged(*switch_port, None))

    def emit(self, port_id: str) -> None:
        """Send what is answered to a port from now on to where it is."""
        new = self.current.get(port_id)
        if new is not None and self._sent.get(_switch_port(new)) != new[1]:
            self._sent[_switch_port(new)] = new[1]
            self._effects.append(EdgeChanged(*_switch_port(new), new[1]))


def _switch_port(entry: tuple[str, EdgePort]) -> tuple[str, int]:
    return entry[0], entry[1].ofport

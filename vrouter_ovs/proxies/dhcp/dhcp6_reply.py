"""What the answers to a DHCPv6 client say, from its port's addresses and options (RFC 8415)."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import NamedTuple

from vrouter_ovs.addresses import address_bytes, link_local_bytes, mac_bytes
from vrouter_ovs.edge import EdgePort, Lease6
from vrouter_ovs.proxies.dhcp.dhcp6_options import DHCP6, ntp_servers, option
from vrouter_ovs.proxies.dhcp.options import packed_of
from vrouter_ovs.proxies.domain_names import encode_or_nothing
from vrouter_ovs.proxies.memory import per_object

INFINITE = 0xFFFFFFFF


class Prepared(NamedTuple):
    """What the answers to a port have in common.  ``own``: addresses; ``prefixes``: of all stateful
    subnets as (address, mask) numbers; ``plain``, ``ipxe``: code -> option with its header, for
    most clients and for iPXE."""

    mac: bytes
    source_mac: bytes
    source: bytes
    server_id: bytes
    own: tuple[bytes, ...]
    prefixes: tuple[tuple[int, int], ...]
    plain: dict[int, bytes]
    ipxe: dict[int, bytes]
    lifetime: int
    fqdn: bytes


@per_object()
def prepare(port: EdgePort) -> Prepared | None:
    """None: DHCPv6 is off for this port."""
    leases = [lease for lease in port.v6 if lease.address_mode.startswith("dhcpv6-")]
    if not leases:
        return None
    stateful = [lease for lease in leases if lease.address_mode == "dhcpv6-stateful"]
    networks = [ipaddress.IPv6Network(lease.prefix, strict=False) for lease in stateful]
    full_name = f"{port.host_name}.{port.domain}".strip(".") if port.host_name else ""
    router_mac = next((lease.router_mac for lease in leases if lease.router_mac), "")
    source_mac = mac_bytes(router_mac or port.service_mac)
    lifetime = port.lease_time
    return Prepared(
        mac=mac_bytes(port.mac),
        source_mac=source_mac,
        source=link_local_bytes(source_mac),
        server_id=b"\0\x03\0\x01" + source_mac,  # DUID-LL (RFC 8415 section 11.4)
        own=tuple(address_bytes(lease.address) for lease in stateful),
        prefixes=tuple((int(net.network_address), int(net.netmask)) for net in networks),
        plain=_table(port, leases, False),
        ipxe=_table(port, leases, True),
        lifetime=INFINITE if lifetime < 0 else min(lifetime, INFINITE),
        fqdn=encode_or_nothing(full_name),
    )


def _table(port: EdgePort, leases: Iterable[Lease6], ipxe: bool) -> dict[int, bytes]:
    resolvers = dict.fromkeys(server for lease in leases for server in lease.dns)
    values = {
        23: packed_of(map(address_bytes, resolvers), 16),
        24: encode_or_nothing(port.domain),
        31: packed_of(map(address_bytes, port.ntp), 16),
    }
    values[56] = ntp_servers([values[31][at : at + 16] for at in range(0, len(values[31]), 16)])
    values.update(DHCP6.extra(port, ipxe))
    return {code: option(code, value) for code, value in values.items() if value}

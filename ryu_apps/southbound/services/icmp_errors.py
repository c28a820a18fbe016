"""The service of the distributed router's ICMP errors: what a port sent that goes no further.

Too big for the overlay, a TTL that is used up, no route, and what asks a gateway for something that
it does not do.  The vrouter punts such packets of its own ports, through the port's meter (the rate
limit of RFC 1812 section 4.3.2.8 and RFC 4443 section 2.4 f); which of them may be answered at all
is the proxy's to say (:mod:`vrouter_ovs.proxies.icmp`).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping

from ryu_apps.southbound.services.base import Service
from vrouter_ovs.addresses import ip_network, link_local
from vrouter_ovs.edge import EdgePort, PuntReason
from vrouter_ovs.encapsulation import IPV6_HEADER_MORE
from vrouter_ovs.numbers import (
    ETH_IPV4,
    ETH_IPV6,
    PORT_DHCP_CLIENT,
    PORT_DHCP_SERVER,
    PORT_DHCPV6_CLIENT,
    PORT_DHCPV6_SERVER,
    PORT_DNS,
    PROTO_TCP,
    PROTO_UDP,
)
from vrouter_ovs.proxies import icmp
from vrouter_ovs.proxies.packet import (
    Answer,
    Malformed,
    ethernet,
    ignored,
    ip4,
    ip6,
)

ETHERNET = 14
"""Bytes before the IP packet."""
NO_ADDRESS4 = "192.0.0.8"
"""The source of an ICMP error where its sender has no IPv4 address (RFC 7600 section 4.8): a port
without a subnet can send packets that are too big, too."""
SERVED = frozenset(
    (PORT_DNS, PORT_DHCP_SERVER, PORT_DHCP_CLIENT, PORT_DHCPV6_CLIENT, PORT_DHCPV6_SERVER)
)
"""Ports of a gateway that something answers, or will: DNS and DHCP."""
KINDS = {
    PuntReason.TOO_BIG: icmp.TOO_BIG,
    PuntReason.TIME_EXCEEDED: icmp.TIME_EXCEEDED,
    PuntReason.UNREACHABLE: icmp.NET_UNREACHABLE,
    PuntReason.TO_GATEWAY: icmp.PORT_UNREACHABLE,
}


def services(mtu: int) -> Mapping[int, Service]:
    """By reason.  ``mtu``: the largest IP packet that every encapsulation carries over IPv4, as the
    sender's next packet may leave in another one."""

    def service(reason: PuntReason) -> Service:
        return lambda frame, port, switch_port: answer(frame, port, mtu, reason)

    return {reason: service(reason) for reason in KINDS}


def answer(frame: bytes, port: EdgePort, mtu: int, reason: PuntReason) -> tuple[str, Answer]:
    """(protocol, the error).  Raises Malformed."""
    protocol = "icmp"
    try:
        ethertype = ethernet(frame)[2]
        if ethertype == ETH_IPV6:
            protocol = "icmpv6"
            packet6 = ip6(frame)
            source, target = ipaddress.ip_address(packet6.src), packet6.dst
            upper, payload = packet6.next_header, packet6.payload
        elif ethertype == ETH_IPV4:
            packet = ip4(frame)
            source, target = ipaddress.ip_address(packet.src), packet.dst
            upper, payload = packet.protocol, packet.packet[packet.header :]
        else:
            return protocol, ignored("not IP")
        if reason == PuntReason.TO_GATEWAY:
            if upper not in (PROTO_UDP, PROTO_TCP):
                return protocol, ignored("to the gateway, neither UDP nor TCP")
            if int.from_bytes(payload[2:4], "big") in SERVED:
                return protocol, ignored("to a service of the gateway")
            # From the address that was asked, as a host does (RFC 1122 section 3.2.2).
            address, mac = str(ipaddress.ip_address(target)), answering_mac(port)
        else:
            address, mac = gateway(port, source)
        if reason == PuntReason.TOO_BIG and len(frame) - ETHERNET <= mtu:
            # It would fit: so its hypervisor has a VTEP with an IPv6 address.
            mtu -= IPV6_HEADER_MORE
        return protocol, icmp.answer(frame, mac, address, mtu, KINDS[reason])
    except Malformed as fault:
        raise Malformed(f"{protocol}: {fault.reason}") from None


def answering_mac(port: EdgePort) -> str:
    return port.gateway_mac or port.service_mac


def gateway(
    port: EdgePort, source: ipaddress.IPv4Address | ipaddress.IPv6Address
) -> tuple[str, str]:
    """(address, MAC) that errors to ``source`` come from: the router's in its subnet, else the
    first of the family.  Without a router, the address that also answers DHCP, or over IPv6 the
    link-local address of the MAC that answers; also for a link-local source, which has no other
    router."""
    if source.version == 4:
        servers = [
            (lease.server, lease.router_mac, f"{lease.address}/{lease.prefix_length}")
            for lease in port.v4
        ]
        address, mac = _choose(servers, source)
        if not address:
            return NO_ADDRESS4, answering_mac(port)
        return address, mac or port.service_mac
    gateways = [(lease.router, lease.router_mac, lease.prefix) for lease in port.v6
                if lease.router]  # fmt: skip
    address, mac = ("", "") if source.is_link_local else _choose(gateways, source)
    mac = mac or answering_mac(port)
    return address or link_local(mac), mac


def _choose(
    candidates: list[tuple[str, str, str]],
    source: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> tuple[str, str]:
    for address, mac, prefix in candidates:
        if source in ip_network(prefix):
            return address, mac
    return candidates[0][:2] if candidates else ("", "")

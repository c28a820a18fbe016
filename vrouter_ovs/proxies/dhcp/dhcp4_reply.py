"""What the answers to a port's DHCPv4 client say, from its addresses and its extra options.

Sources: RFC 2131, 2132, 3442 (classless routes), 5071 (options of PXELINUX).
"""

from __future__ import annotations

from typing import NamedTuple

from vrouter_ovs.addresses import address_bytes, mac_bytes
from vrouter_ovs.edge import EdgePort, Lease4
from vrouter_ovs.proxies.dhcp import dhcp4_routes
from vrouter_ovs.proxies.dhcp.dhcp4_options import (
    CLIENT_ID,
    DHCP4,
    SERVER_IP_ADDRESS,
    encode_routes,
    tlv,
)
from vrouter_ovs.proxies.dhcp.options import packed_of
from vrouter_ovs.proxies.memory import per_object
from vrouter_ovs.proxies.packet import ANY4

INFINITE = 0xFFFFFFFF
DEFAULT_SIZE = 576
"""Bytes of the packet that every client takes (RFC 2131 section 2)."""


class ReplyOptions(NamedTuple):
    """What the answers to one kind of client have in common.

    ``table``: code -> option with its header; ``siaddr``, ``boot_file``: of the message's header;
    ``vendor_class``: what option 60 was set to.
    """

    table: dict[int, bytes]
    siaddr: bytes
    boot_file: bytes
    vendor_class: bytes


class Prepared(NamedTuple):
    """What all answers to a port have in common; addresses packed.  ``plain``, ``ipxe``: for most
    clients, and for iPXE."""

    mac: bytes
    source_mac: bytes
    address: bytes
    server: bytes
    addresses: frozenset[bytes]
    max_size: int
    plain: ReplyOptions
    ipxe: ReplyOptions


@per_object()
def prepare(port: EdgePort) -> Prepared | None:
    """None: DHCPv4 is off for this port."""
    lease = next((lease for lease in port.v4 if lease.dhcp), None)
    if lease is None:
        return None
    plain = _options(port, lease, False)
    tagged = any("," in name for version, name, _ in port.extra_options if version == 4)
    return Prepared(
        mac=mac_bytes(port.mac),
        source_mac=mac_bytes(lease.router_mac or port.service_mac),
        address=address_bytes(lease.address),
        server=address_bytes(lease.server),
        addresses=frozenset(address_bytes(each.address) for each in port.v4),
        max_size=max(DEFAULT_SIZE, min(port.mtu, 1500)),
        plain=plain,
        ipxe=_options(port, lease, True) if tagged else plain,
    )


def _options(port: EdgePort, lease: Lease4, ipxe: bool) -> ReplyOptions:
    extra = DHCP4.extra(port, ipxe)
    own = [each.address for each in port.v4]
    gateway = dhcp4_routes.default_gateway(lease, own)
    values: dict[int, bytes] = {
        1: ((INFINITE << (32 - lease.prefix_length)) & INFINITE).to_bytes(4, "big"),
        3: address_bytes(gateway) if gateway not in ("", dhcp4_routes.ON_LINK) else b"",
        6: packed_of(map(address_bytes, lease.dns), 4),
        12: port.host_name.encode(),
        15: port.domain.rstrip(".").encode(),
        26: port.mtu.to_bytes(2, "big") if 68 <= port.mtu <= 65535 else b"",
        42: packed_of(map(address_bytes, port.ntp), 4),
        51: _seconds(port.lease_time),
    }
    if 3 in extra:  # the port has a router of its own, or none
        gateway = ".".join(map(str, extra[3][:4]))
    values[121] = encode_routes(dhcp4_routes.classless(lease, gateway, own))
    values.update(extra)
    values.pop(CLIENT_ID, None)
    siaddr = values.pop(SERVER_IP_ADDRESS, b"")
    if not siaddr and values.get(66):
        try:
            siaddr = address_bytes(values[66].decode())
        except ValueError:
            siaddr = b""
    values.setdefault(249, values[121])
    if len(values[51]) != 4:
        values[51] = _seconds(port.lease_time)
    time = int.from_bytes(values[51], "big")
    values.setdefault(58, _seconds(INFINITE if time == INFINITE else time // 2))
    values.setdefault(59, _seconds(INFINITE if time == INFINITE else time * 7 // 8))
    boot_file = values.get(67, b"")
    return ReplyOptions(
        {code: tlv(code, value) for code, value in values.items() if value},
        siaddr if len(siaddr) == 4 else ANY4,
        boot_file,
        values.get(60, b""),
    )


def _seconds(value: int) -> bytes:
    return (INFINITE if value < 0 else min(value, INFINITE)).to_bytes(4, "big")

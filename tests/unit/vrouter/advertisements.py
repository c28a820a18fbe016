"""Router advertisements, as another library reads them."""

from __future__ import annotations

from os_ken.lib.packet import icmpv6
from os_ken.lib.packet import packet as osken_packet

from vrouter_ovs.proxies import packet


def layers(frame: bytes, *kinds):
    read = osken_packet.Packet(frame)
    return [read.get_protocol(kind) for kind in kinds]


def advertised(frame: bytes):
    """(header, {option type: [whole options]})"""
    (message,) = layers(frame, icmpv6.icmpv6)
    data = packet.icmp6(frame).payload
    found: dict[int, list[bytes]] = {}
    at = 16
    while at < len(data):
        size = data[at + 1] * 8
        found.setdefault(data[at], []).append(data[at : at + size])
        at += size
    return message.data, found

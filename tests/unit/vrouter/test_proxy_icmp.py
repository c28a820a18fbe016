"""ICMP errors from a gateway: contents, quoting, and when none may be sent."""

from __future__ import annotations

import struct

import pytest
from os_ken.lib.packet import icmp as osken_icmp
from os_ken.lib.packet import ipv4
from os_ken.lib.packet import packet as osken_packet

from tests.unit.vrouter.proxy_support import GATEWAY_MAC, MAC
from vrouter_ovs.addresses import address_bytes
from vrouter_ovs.proxies import icmp, packet
from vrouter_ovs.proxies.build import build_icmp6, build_ip4, build_ip6, build_udp4, build_udp6

GATEWAY, GATEWAY4, GATEWAY6 = "fa:16:3e:00:00:01", "10.0.0.1", "fd00::1"
A4, B4 = address_bytes("10.0.0.5"), address_bytes("10.9.0.7")
A6, B6 = address_bytes("fd00::5"), address_bytes("fd09::7")


def udp4(size: int = 1472, **changes) -> bytes:
    fields = {"dst_mac": GATEWAY_MAC, "src_mac": MAC, "src": A4, "dst": B4} | changes
    return build_udp4(*fields.values(), 1000, 2000, b"x" * size)


def udp6(size: int = 1452, **changes) -> bytes:
    fields = {"dst_mac": GATEWAY_MAC, "src_mac": MAC, "src": A6, "dst": B6} | changes
    return build_udp6(*fields.values(), 1000, 2000, b"x" * size)


def icmp4(kind: int) -> bytes:
    return build_ip4(GATEWAY_MAC, MAC, A4, B4, 1, bytes((kind, 0)) + bytes(1400))


def refragment(frame: bytes, field: int) -> bytes:
    header = bytearray(frame[14:34])
    header[6:8] = field.to_bytes(2, "big")
    header[10:12] = bytes(2)
    header[10:12] = packet.checksum(bytes(header)).to_bytes(2, "big")
    return frame[:14] + bytes(header) + frame[34:]


def ask(frame: bytes, kind: str = icmp.TOO_BIG, mtu: int = 1400) -> packet.Answer:
    six = frame[12:14] == b"\x86\xdd"
    return icmp.answer(frame, GATEWAY, GATEWAY6 if six else GATEWAY4, mtu, kind)


def test_frag_needed() -> None:
    offending = udp4()
    (frame,) = ask(offending).frames
    layer3 = osken_packet.Packet(frame).get_protocol(ipv4.ipv4)
    assert (layer3.src, layer3.dst, layer3.ttl) == (GATEWAY4, "10.0.0.5", 64)
    assert frame[:12] == MAC + GATEWAY_MAC and len(frame) == 14 + 576
    message = osken_packet.Packet(frame).get_protocol(osken_icmp.icmp)
    assert (message.type, message.code, message.data.mtu) == (3, 4, 1400)
    body = frame[34:]
    assert packet.checksum(body) == 0 and body[8:] == offending[14 : 14 + 548]


@pytest.mark.parametrize(
    ("kind", "four", "six"),
    [
        (icmp.TIME_EXCEEDED, (11, 0), (3, 0)), (icmp.HOST_UNREACHABLE, (3, 1), (1, 3)),
        (icmp.NET_UNREACHABLE, (3, 0), (1, 0)), (icmp.ADMIN_PROHIBITED, (3, 13), (1, 1)),
        (icmp.PORT_UNREACHABLE, (3, 3), (1, 4)), (icmp.TOO_BIG, (3, 4), (2, 0)),
    ],
)  # fmt: skip
def test_kinds(kind, four, six) -> None:
    (frame,) = ask(udp4(), kind).frames
    assert tuple(frame[34:36]) == four
    (frame,) = ask(udp6(), kind).frames
    message = packet.icmp6(frame)
    assert tuple(message.payload[:2]) == six
    assert (message.src, message.dst, message.dst_mac) == (address_bytes(GATEWAY6), A6, MAC)
    rest = int.from_bytes(message.payload[4:8], "big")
    assert rest == (1400 if kind == icmp.TOO_BIG else 0)


def test_packet_too_big_quotes_to_the_least_mtu() -> None:
    offending = udp6()
    (frame,) = ask(offending).frames
    assert len(frame) == 14 + 1280
    assert packet.icmp6(frame).payload[8:] == offending[14 : 14 + 1232]
    (short,) = ask(udp6(10), icmp.TIME_EXCEEDED).frames
    assert packet.icmp6(short).payload[8:] == udp6(10)[14:]


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (udp4(100), "fits"), (udp6(1300), "fits"),
        (refragment(udp4(), 0x2001), "not the first fragment"),
        (icmp4(3), "about an ICMP error"), (icmp4(5), "about an ICMP error"),
        (udp4(dst=b"\xe0\0\0\1"), "no unicast destination"),
        (udp4(dst=b"\xff" * 4), "no unicast destination"),
        (udp4(dst_mac=b"\xff" * 6), "group destination MAC"),
        (udp4(src=bytes(4)), "no unicast source"), (udp4(src=b"\xe0\0\0\1"), "no unicast source"),
        (udp4(src=address_bytes(GATEWAY4)), "from the gateway itself"),
        (udp6(dst=packet.ALL_NODES), "multicast destination"),
        (udp6(src=bytes(16)), "no unicast source"),
        (build_icmp6(GATEWAY_MAC, MAC, A6, B6, b"\1\0" + bytes(1400)), "ICMP error"),
        (build_icmp6(GATEWAY_MAC, MAC, A6, B6, b"\x89\0" + bytes(1400)), "ICMP error"),
        (build_ip6(GATEWAY_MAC, MAC, A6, B6, 44, b"\x11\0\0\x09idid" + bytes(1400)),
         "not the first fragment"),
        (build_ip6(GATEWAY_MAC, MAC, A6, B6, 0, b"\x3a\0" + bytes(6) + b"\1" + bytes(1400)),
         "about an ICMP error"),
    ],
)  # fmt: skip
def test_never(frame, reason) -> None:
    answer = ask(frame)
    assert answer.kind == "ignored" and reason in answer.reason and not answer.frames


def test_about_what_is_answered() -> None:
    """Echo requests, first fragments and packets without DF do get the error."""
    echo6 = build_icmp6(GATEWAY_MAC, MAC, A6, B6, b"\x80\0" + bytes(1400))
    for frame in (icmp4(8), refragment(udp4(), 0x2000), refragment(udp4(), 0), echo6):
        assert ask(frame).kind == icmp.TOO_BIG


def test_malformed_and_misused() -> None:
    header = struct.pack("!BB", 44, 0)
    for bad in (b"", udp4()[:30], udp4()[:500], udp6()[:500], MAC * 2 + b"\x08\x06" + bytes(28),
                build_ip6(GATEWAY_MAC, MAC, A6, B6, 0, header), build_ip6(
                    GATEWAY_MAC, MAC, A6, B6, 0, b"\0\0" + bytes(6) + b"\0\xff" + bytes(6)),
                build_ip6(GATEWAY_MAC, MAC, A6, B6, 0, bytes(8 * 20)),
                build_ip4(GATEWAY_MAC, MAC, A4, B4, 1, b"")):  # fmt: skip
        with pytest.raises(packet.Malformed):
            ask(bad, icmp.TIME_EXCEEDED)
    with pytest.raises(ValueError, match="unknown kind"):
        ask(udp4(), "nonsense")
    with pytest.raises(ValueError, match="IPv4 gateway"):
        icmp.answer(udp4(), GATEWAY, GATEWAY6, 1400, icmp.TOO_BIG)

"""ICMP errors from and to floating IPs: what they quote is translated, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vrouter_ovs.addresses import ipv4_bytes, mac_bytes
from vrouter_ovs.edge import FloatingAddress
from vrouter_ovs.numbers import PROTO_ICMP, PROTO_UDP
from vrouter_ovs.proxies.build import build_ip4
from vrouter_ovs.proxies.floating import Translated, translate
from vrouter_ovs.proxies.packet import Malformed, checksum, ip4

ONE, OTHER = mac_bytes("02:00:00:00:00:01"), mac_bytes("02:00:00:00:00:02")
OUTER, INNER, FAR = "203.0.113.7", "10.0.0.5", "198.51.100.9"
FLOATING = (
    FloatingAddress("203.0.113.8", "10.0.0.6", 901), FloatingAddress(OUTER, INNER, 900),
)


def packet(source: str, target: str, protocol: int, payload: bytes) -> bytes:
    return build_ip4(ONE, OTHER, ipv4_bytes(source), ipv4_bytes(target), protocol, payload)


def error(source: str, target: str, quoted: bytes, kind: int = 3, code: int = 4) -> bytes:
    body = bytes((kind, code, 0, 0, 0, 0, 5, 0)) + quoted
    total = checksum(body)
    return packet(source, target, PROTO_ICMP, body[:2] + total.to_bytes(2, "big") + body[4:])


def quote(source: str, target: str, payload: bytes = b"\0\x09\0\x09\0\x10\0\0abcdefgh") -> bytes:
    return packet(source, target, PROTO_UDP, payload)[14:]


def addresses(header: bytes) -> tuple[bytes, bytes]:
    return header[12:16], header[16:20]


def check(frame: bytes) -> bytes:
    """All checksums are right; returns the quoted header."""
    outer = ip4(frame)
    message = outer.packet[outer.header:]
    quoted = message[8:28]
    for part in (outer.packet[:outer.header], message, quoted):
        assert checksum(part) == 0
    return quoted


def test_inward() -> None:
    """The switch has written the port's address already."""
    frame = error(FAR, INNER, quote(OUTER, FAR))
    found = translate(frame, FLOATING)
    assert type(found) is Translated and found.inward and found.vrf == 900
    assert addresses(check(found.frame)) == (ipv4_bytes(INNER), ipv4_bytes(FAR))
    assert ip4(found.frame).ttl == ip4(frame).ttl - 1


def test_outward() -> None:
    """The floating IP is its source, and becomes the port's own again: it is routed anew."""
    frame = error(OUTER, FAR, quote(FAR, INNER), 3, 3)
    found = translate(frame, FLOATING)
    assert type(found) is Translated and not found.inward
    assert addresses(check(found.frame)) == (ipv4_bytes(FAR), ipv4_bytes(OUTER))
    assert ip4(found.frame).src == ipv4_bytes(INNER) and ip4(found.frame).ttl == ip4(frame).ttl


@pytest.mark.parametrize("frame", [
    error(FAR, INNER, quote("203.0.113.9", FAR)), error(OUTER, FAR, quote(FAR, "10.0.0.77")),
    error(FAR, "10.0.0.6", quote(OUTER, FAR)), error(FAR, INNER, quote(OUTER, FAR), 8),
    packet(FAR, INNER, PROTO_UDP, bytes(40)), bytes(12) + b"\x08\x06" + bytes(60),
], ids=["quotes another", "quotes another of its own", "of another", "no error", "UDP", "ARP"])
def test_what_is_none_of_its_business(frame: bytes) -> None:
    assert isinstance(translate(frame, FLOATING), str)


@pytest.mark.parametrize("quoted", [b"", bytes(19), b"\x46" + bytes(19), b"\x65" + bytes(40)])
def test_what_cannot_be_read(quoted: bytes) -> None:
    with pytest.raises(Malformed):
        translate(error(FAR, INNER, quoted), FLOATING)


@given(st.binary(max_size=200), st.binary(min_size=8, max_size=60))
def test_any_bytes(frame: bytes, payload: bytes) -> None:
    try:
        translate(frame, FLOATING)
        found = translate(error(FAR, INNER, quote(OUTER, FAR, payload)), FLOATING)
    except Malformed:
        return
    assert type(found) is Translated
    check(found.frame)

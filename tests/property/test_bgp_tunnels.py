"""The Tunnel Encapsulation attribute of RFC 9012: what is taken of it, and what is wrong alone."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ryu_apps.peering.codec.attributes import SessionParameters, parse_attributes
from ryu_apps.peering.codec.tunnels import Malformed, offered, pack
from vrouter_ovs.encapsulation import ENCAPSULATIONS, SENDABLE, encapsulation_name, in_order

SESSION = SessionParameters(64512, "192.0.2.250", False, True)
HOP = "192.0.2.7"
TO_HOP = b"\x06\x06" + bytes(6)
names = st.sets(st.sampled_from(sorted(ENCAPSULATIONS))).map(in_order)


def tlv(number: int, *subs: bytes) -> bytes:
    body = b"".join(subs)
    return struct.pack("!HH", number, len(body)) + body


def parsed(value: bytes, *communities: int):
    raw = [(0x40, 1, b"\0"), (0x40, 2, b""), (0xC0, 23, value)]
    if communities:
        raw.append((0xC0, 16, b"".join(
            struct.pack("!HIH", 0x030C, 0, number) for number in communities)))
    return parse_attributes(raw, bytes((192, 0, 2, 7)), SESSION)


@given(names)
def test_what_is_packed_is_offered(tunnels: tuple[str, ...]) -> None:
    assert offered(pack(tunnels), HOP) == (frozenset(tunnels), ())
    if tunnels:
        assert parsed(pack(tunnels)).attrs[2] == tunnels


@given(st.binary(max_size=80))
def test_any_bytes_are_judged_and_end_nothing(value: bytes) -> None:
    one = parsed(value)
    assert one.attrs is not None
    try:
        found, _ = offered(value, HOP)
    except Malformed:
        assert one.notes[0][0] == "attributes_discarded"
        assert one.attrs[2] == ("vxlan",)
    else:
        assert one.attrs[2] == in_order(found)


@given(st.lists(st.tuples(st.integers(0, 255), st.binary(max_size=40)), max_size=4))
def test_a_tunnel_that_cannot_be_used_spoils_no_other(parts: list[tuple[int, bytes]]) -> None:
    strange = tlv(19, *(
        bytes((kind,)) + len(body).to_bytes(1 if kind < 128 else 2, "big") + body
        for kind, body in parts
    ))
    found, unusable = offered(tlv(8, TO_HOP) + strange + tlv(9, TO_HOP), HOP)
    assert {"vxlan", "nvgre"} <= found
    assert ("geneve" in found) != bool(unusable)


@pytest.mark.parametrize("subs, words", [
    ((), "0 egress endpoints"), ((TO_HOP, TO_HOP), "2 egress endpoints"),
    ((b"\x06\x0a" + bytes(4) + b"\0\x01\xc0\0\x02\x08",), "not the next hop"),
    ((b"\x06\x07" + bytes(4) + b"\0\x01\xc0",), "family 1 with 1 bytes"),
    ((b"\x06\x06" + bytes(4) + b"\0\x09",), "family 9"), ((b"\x06\x03\0\0\0",), "3 bytes"),
    ((TO_HOP, b"\x08\x02\x12\xb5\x00"), "overruns|no length"),
    ((TO_HOP, b"\x08\x02\x21\x18"), "UDP port 8472"),
    ((TO_HOP, b"\x01\x0c\x80\x00\x00\x07" + bytes(8)), "a VNI of its own"),
    ((TO_HOP, b"\x01\x02\x00\x00"), "2 bytes"), ((TO_HOP, b"\x0a\x04\0\0\x11\0"), "labels beside"),
    ((TO_HOP, b"\x80\x00"), "no length"), ((TO_HOP, b"\x80\x00\x05\x01"), "overruns"),
])
def test_tunnels_that_cannot_be_used(subs: tuple[bytes, ...], words: str) -> None:
    one = parsed(tlv(8, *subs))
    assert one.attrs[2] == ()
    (counter, text), = one.notes
    assert counter == "tunnels_unusable" and text.startswith("tunnel vxlan: ")
    assert any(word in text for word in words.split("|")), text
    # What a community says stands for itself.
    assert parsed(tlv(8, *subs), 19).attrs[2] == ("geneve",)


@pytest.mark.parametrize("sub", [
    b"\x06\x0a" + bytes(4) + b"\0\x01\xc0\0\x02\x07", TO_HOP + b"\x08\x02\x12\xb5",
    TO_HOP + b"\x04\x08\x03\x0b" + bytes(6), TO_HOP + b"\x01\x0c" + bytes(12),
    TO_HOP + b"\xc8\x00\x03abc", TO_HOP + b"\x0a\x00",
])
def test_what_makes_no_difference(sub: bytes) -> None:
    """An endpoint that is the next hop by its address, the port that VXLAN has, a color, an
    encapsulation that asks for nothing, and what nobody knows."""
    assert parsed(tlv(8, sub)).attrs[2] == ("vxlan",)


def test_both_ways_to_say_it_are_one() -> None:
    assert parsed(tlv(19, TO_HOP), 8, 9).attrs[2] == ("vxlan", "nvgre", "geneve")
    assert parsed(tlv(65000, TO_HOP)).attrs[2] == (encapsulation_name(65000),)
    assert all(parsed(pack((name,))).attrs[2] == (name,) for name in SENDABLE)


def test_an_attribute_that_is_cut_short_is_discarded_and_the_route_stays() -> None:
    for value in (b"\0", tlv(8, TO_HOP)[:-1], tlv(8, TO_HOP) + b"\0\x09\0"):
        one = parsed(value)
        assert one.attrs is not None and one.attrs[2] == ("vxlan",)
        (counter, text), = one.notes
        assert counter == "attributes_discarded" and "TUNNEL_ENCAPSULATION" in text

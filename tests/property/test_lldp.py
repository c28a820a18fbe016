"""LLDP: what is written is read, and whatever is read is bounded or refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vrouter_ovs.proxies.lldp import (
    CAPABILITIES,
    MAX_FRAME,
    MAX_MANAGEMENT,
    MAX_TEXT,
    NEAREST_BRIDGE,
    Neighbour,
    decode,
    encode,
)
from vrouter_ovs.proxies.packet import Malformed

SOURCE = "02:00:00:00:00:01"
ETHERNET = NEAREST_BRIDGE + bytes.fromhex("02000000000188cc")
CHASSIS = bytes.fromhex("02070402000000010a")  # a MAC
PORT = bytes.fromhex("04050565746830")  # the interface eth0
TTL = bytes.fromhex("06020078")
OPEN_VSWITCH = bytes.fromhex(
    "0180c200000e2adf19d0b1e188cc0207042adf19d0b1e1040505657468300602007"
    "80c116f70656e7673776974636820332e312e300e0400040004"
    "fe3200040d0b" + "00" * 46 + "0000"
)
"""As ovs-vswitchd 3.1.0 sends it where an interface has lldp:enable."""

words = st.text(st.characters(codec="utf-8", categories=("L", "N", "P")), min_size=1, max_size=40)
macs = st.binary(min_size=6, max_size=6).map(lambda value: value.hex(":"))
addresses = st.ip_addresses().map(str)
neighbours = st.builds(
    Neighbour, words | macs, words | macs, st.integers(0, 65535), words | st.just(""),
    words | st.just(""), words | st.just(""),
    st.sets(st.sampled_from(CAPABILITIES)).map(
        lambda some: tuple(name for name in CAPABILITIES if name in some)),
    st.lists(addresses, max_size=MAX_MANAGEMENT, unique=True).map(tuple),
)  # fmt: skip


@given(neighbours)
def test_what_is_written_is_read(said: Neighbour) -> None:
    assert decode(encode(SOURCE, said)) == said


def check(frame: bytes) -> None:
    try:
        said = decode(frame)
    except Malformed:
        return
    texts = (said.chassis, said.port, said.port_description, said.system_name,
             said.system_description, *said.management)  # fmt: skip
    assert all(len(text) <= MAX_TEXT and text.isprintable() for text in texts)
    assert 0 <= said.ttl <= 65535 and len(said.management) <= MAX_MANAGEMENT


@given(st.binary(max_size=MAX_FRAME + 10))
def test_whatever_arrives_is_refused_or_bounded(body: bytes) -> None:
    check(body)
    check(ETHERNET + body)
    check(ETHERNET + CHASSIS + PORT + TTL + body[:1400])


@given(neighbours, st.data())
def test_a_damaged_frame(said: Neighbour, data: st.DataObject) -> None:
    frame = bytearray(encode(SOURCE, said))
    for _ in range(data.draw(st.integers(1, 4))):
        frame[data.draw(st.integers(0, len(frame) - 1))] = data.draw(st.integers(0, 255))
    check(bytes(frame[:data.draw(st.integers(0, len(frame)))]))


def test_what_open_vswitch_sends_by_itself() -> None:
    said = decode(OPEN_VSWITCH)
    assert (said.chassis, said.port, said.ttl) == ("2a:df:19:d0:b1:e1", "eth0", 120)
    assert said.system_description == "openvswitch 3.1.0" and said.capabilities == ("bridge",)


@pytest.mark.parametrize("body", [
    b"", CHASSIS, CHASSIS + PORT, PORT + CHASSIS + TTL, CHASSIS + TTL + PORT,
    CHASSIS + PORT + TTL + TTL, CHASSIS + PORT + TTL + CHASSIS,
    CHASSIS + PORT + bytes.fromhex("060178"), CHASSIS[:5], CHASSIS + PORT + TTL + b"\x0a\xff",
    bytes.fromhex("020104") + PORT + TTL, CHASSIS + PORT + TTL + bytes.fromhex("0e020004"),
    CHASSIS + PORT + TTL + bytes.fromhex("000101"),
], ids=range(13))  # fmt: skip
def test_what_the_standard_forbids_is_refused(body: bytes) -> None:
    with pytest.raises(Malformed):
        decode(ETHERNET + body)


@pytest.mark.parametrize("header", [
    "0180c200000e" "020000000001" "8100000188cc", "0180c200000e" "020000000001" "0800",
    "ffffffffffff" "020000000001" "88cc", "0180c200000e" "030000000001" "88cc",
], ids=["tagged", "no LLDP", "broadcast", "from a group"])  # fmt: skip
def test_other_frames_are_refused(header: str) -> None:
    with pytest.raises(Malformed):
        decode(bytes.fromhex(header) + CHASSIS + PORT + TTL)


def test_an_unknown_tlv_and_padding_are_passed_over() -> None:
    body = CHASSIS + PORT + TTL + bytes.fromhex("fe0400120f01" "2a0101" "0a0161" "0a0162" "0000")
    assert decode(ETHERNET + body + b"\xff" * 20).system_name == "a", "the first of two"


def test_more_than_a_frame_holds_is_not_sent() -> None:
    said = Neighbour("x" * 255, "y" * 255, 120, "a" * 255, "b" * 255, "c" * 255, (),
                     tuple(f"2001:db8::{n:x}" for n in range(1, 20)))  # fmt: skip
    with pytest.raises(ValueError, match="LLDP frame of"):
        encode(SOURCE, said)
    with pytest.raises(ValueError, match="no MAC"):
        encode("", said._replace(management=()))

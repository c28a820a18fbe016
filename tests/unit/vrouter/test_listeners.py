"""IGMP and MLD as a snooping switch reads and asks them, against frames of the RFCs' formats."""

from __future__ import annotations

import ipaddress
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vrouter_ovs.proxies import listeners
from vrouter_ovs.proxies.packet import Malformed, checksum, pseudo_header

MAC, SOURCE4, SOURCE6 = "52:54:00:00:00:01", "10.0.0.5", "fe80::5054:ff:fe00:1"
GROUP4, GROUP6 = "239.1.2.3", "ff0e::1234"


def packed(address: str) -> bytes:
    return ipaddress.ip_address(address).packed


def igmp(message: bytes, source: str = SOURCE4, ttl: int = 1, options: bytes = b"") -> bytes:
    message = message[:2] + checksum(message).to_bytes(2, "big") + message[4:]
    size = 20 + len(options)
    header = struct.pack("!BBHHHBBH", 0x40 | size // 4, 0xC0, size + len(message), 0, 0, ttl, 2, 0)
    header += packed(source) + packed("224.0.0.22") + options
    header = header[:10] + checksum(header).to_bytes(2, "big") + header[12:]
    return bytes(6) + bytes.fromhex(MAC.replace(":", "")) + b"\x08\x00" + header + message


def mld(message: bytes, source: str = SOURCE6, hops: int = 1) -> bytes:
    target = "ff02::16"
    pseudo = pseudo_header(packed(source), packed(target), 58, len(message))
    message = message[:2] + checksum(message, pseudo).to_bytes(2, "big") + message[4:]
    payload = b"\x3a\x00\x05\x02\x00\x00\x01\x00" + message
    header = struct.pack("!IHBB", 0x60000000, len(payload), 0, hops)
    ethernet = bytes(6) + bytes.fromhex(MAC.replace(":", "")) + b"\x86\xdd"
    return ethernet + header + packed(source) + packed(target) + payload


def old4(kind: int, group: str) -> bytes:
    return igmp(bytes((kind, 0, 0, 0)) + packed(group))


def old6(kind: int, group: str) -> bytes:
    return mld(bytes((kind, 0, 0, 0, 0, 0, 0, 0)) + packed(group))


def report3(*found: tuple[int, str, int]) -> bytes:
    """``found``: (type, group, number of sources) of each record."""
    return igmp(_v3(0x22, found))


def report2(*found: tuple[int, str, int]) -> bytes:
    return mld(_v3(143, found))


def _v3(kind: int, found: tuple) -> bytes:
    head = bytes((kind, 0, 0, 0, 0, 0)) + len(found).to_bytes(2, "big")
    return head + b"".join(
        struct.pack("!BBH", one, 0, sources) + packed(group) + bytes(sources * len(packed(group)))
        for one, group, sources in found
    )


@pytest.mark.parametrize(
    ("frame", "joined", "left"),
    [
        (old4(0x12, GROUP4), (GROUP4,), ()),
        (old4(0x16, GROUP4), (GROUP4,), ()),
        (old4(0x17, GROUP4), (), (GROUP4,)),
        (report3((listeners.TO_EXCLUDE, GROUP4, 0)), (GROUP4,), ()),
        (report3((listeners.IS_EXCLUDE, GROUP4, 2)), (GROUP4,), ()),
        (report3((listeners.TO_INCLUDE, GROUP4, 0)), (), (GROUP4,)),
        (report3((listeners.TO_INCLUDE, GROUP4, 1)), (GROUP4,), ()),
        (report3((listeners.ALLOW, GROUP4, 1)), (GROUP4,), ()),
        (report3((listeners.BLOCK, GROUP4, 1)), (), ()),
        (report3((4, GROUP4, 3), (3, "239.9.9.9", 0)), (GROUP4,), ("239.9.9.9",)),
        (old6(131, GROUP6), (GROUP6,), ()),
        (old6(132, GROUP6), (), (GROUP6,)),
        (report2((4, GROUP6, 0), (3, "ff05::2", 0)), (GROUP6,), ("ff05::2",)),
    ],
)
def test_reports(frame: bytes, joined: tuple, left: tuple) -> None:
    heard = listeners.read(frame)
    assert (heard.joined, heard.left, heard.query) == (joined, left, None)


@pytest.mark.parametrize(
    ("frame", "asked"),
    [
        (igmp(b"\x11\x64\0\0" + bytes(4)), ""),
        (igmp(b"\x11\x64\0\0" + packed(GROUP4) + bytes(4), options=b"\x94\x04\0\0"), GROUP4),
        (igmp(b"\x11\x64\0\0" + bytes(4), source="0.0.0.0"), None),
        (old6(130, "::"), ""), (old6(130, GROUP6), GROUP6),
    ],
)  # fmt: skip
def test_queries_that_are_heard(frame: bytes, asked: str | None) -> None:
    assert listeners.read(frame).query == asked


@pytest.mark.parametrize(
    "frame",
    [
        igmp(b"\x16\0\0\0" + packed(GROUP4), ttl=2), igmp(b"\x16\0\0\0" + packed("10.0.0.1")),
        igmp(b"\x13\0\0\0" + packed(GROUP4)), igmp(b"\x22\0\0\0\0\0\0\x02"),
        old4(0x16, GROUP4)[:-1] + b"\x99", mld(bytes((131,)) + bytes(23), source="fd00::1"),
        mld(bytes((131,)) + bytes(7) + packed(GROUP6), hops=255),
        mld(bytes((131,)) + bytes(7) + packed("fd00::1")), mld(bytes((131,)) + bytes(7)),
        report2((4, GROUP6, 0))[:-3],
    ],
)  # fmt: skip
def test_what_is_no_listeners_message_is_refused(frame: bytes) -> None:
    with pytest.raises(Malformed):
        listeners.read(frame)


@given(st.binary(max_size=120), st.sampled_from([b"\x08\x00", b"\x86\xdd"]))
def test_nothing_else_is_raised(data: bytes, kind: bytes) -> None:
    for frame in (bytes(12) + kind + data, igmp(b"\x22\0\0\0" + data), mld(b"\x8f\0\0\0" + data)):
        try:
            listeners.read(frame)
        except Malformed:
            pass


def test_what_is_asked() -> None:
    four, six = listeners.queries(MAC, 1.0)
    assert four[:6].hex(":") == "01:00:5e:00:00:01" and six[:6].hex(":") == "33:33:00:00:00:01"
    assert four[22] == 1 and four[26:30] == bytes(4), "a TTL of 1, from nobody"
    assert listeners.read(four).query is None, "so it makes nobody a router, and wins no election"
    assert four[38] == 0x11 and four[39] == 10 and not checksum(four[38:])
    assert six[21] == 1 and listeners.read(six).query == ""
    (one,) = listeners.queries(MAC, 1.0, GROUP4)
    assert one[:6].hex(":") == "01:00:5e:01:02:03" and one[42:46] == packed(GROUP4)
    (one,) = listeners.queries(MAC, 1.0, GROUP6)
    assert listeners.read(one).query == GROUP6

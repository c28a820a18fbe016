"""The frames that the lab makes by hand are whole: dropped for what they say, not as broken."""

from __future__ import annotations

import struct

from lab.traffic.frames import arp_reply, echo, udp4
from vrouter_ovs.proxies import packet

MACS = ("02:00:00:00:00:01", "02:00:00:00:00:02")


def test_udp4_has_right_lengths_and_checksums() -> None:
    for data in (b"", b"odd", b"even"):
        frame = udp4(MACS, ("10.0.0.1", "10.0.0.2"), 4000, data)
        found = packet.udp4(frame)
        assert (found.src_port, found.dst_port, found.payload) == (4000, 4000, data)
        # Not zero, with which it would not be checked at all.
        assert frame[40:42] != bytes(2)


def test_echo_has_a_right_checksum() -> None:
    frame = echo(MACS, ("fd00::1", "fd00::2"), b"odd")
    source, target, message = frame[22:38], frame[38:54], frame[54:]
    data = source + target + struct.pack("!II", len(message), 58) + message
    data += bytes(len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    assert (total & 0xFFFF) + (total >> 16) == 0xFFFF


def test_arp_reply() -> None:
    frame = arp_reply(MACS, (MACS[0], "10.0.0.1"), "10.0.0.2")
    assert frame.hex() == (
        "020000000002" "020000000001" "0806" "0001" "0800" "06" "04" "0002"
        "020000000001" "0a000001" "020000000002" "0a000002"
    )

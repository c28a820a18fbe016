"""Mutated packets of each protocol that VMs ask the network with: no crash, and nothing grows.

``VNC_HOSTILE_PACKETS`` sets how many of each protocol (default 2,000; ``make soak``: 100,000).
Every packet goes to all proxies, and as a packet-in through the node's punt worker.
"""

from __future__ import annotations

import gc
import os
import random
import sys
import time
from pathlib import Path

import pytest

from lab.beds.option_values import dns_limits
from lab.traffic import packets as f
from ryu_apps.southbound.services import icmp_errors
from ryu_apps.southbound.services.dns.service import DnsService
from ryu_apps.southbound.services.packet_in import QUEUE, REASONS, PuntDispatcher
from tests.property.hostile_frames import FRAMES, PORT, QUERIES, VIEW, mutate, throw
from tests.unit.southbound.packet_in_support import packet_in
from tests.unit.vrouter import proxy_support as clients
from vrouter_ovs.edge import PuntReason
from vrouter_ovs.schema.registers import REGISTERS

PACKETS = int(os.environ.get("VNC_HOSTILE_PACKETS", "2000"))
BLOCK_LIMIT, RSS_LIMIT = 5_000, 24 << 20
"""What there may be more than after the first tenth: small objects, and bytes of the process."""
MAC, OWN, GATEWAY = "fa:16:3e:00:00:05", "10.0.0.5", "10.0.0.1"
LOCAL = "fe80::f816:3eff:fe00:5"


def _to(group: str, protocol: int, payload: bytes, options: bytes = b"") -> bytes:
    """A multicast frame of the VM with a router alert (RFC 2113, RFC 2711)."""
    if ":" in group:
        alert = bytes((protocol, 0, 5, 2, 0, 0, 1, 0))
        body = f.ipv6(LOCAL, group, f.HOP_BY_HOP, alert + payload, 1)
        return f.ethernet(MAC, f.multicast_mac(group), f.IPV6, body)
    body = f.ipv4(OWN, group, protocol, payload, options=b"\x94\4\0\0", ttl=1)
    return f.ethernet(MAC, f.multicast_mac(group), f.IPV4, body)


def listeners() -> list[bytes]:
    """IGMPv1 to v3 and MLDv1 and v2: queries, reports, leaves."""
    records = b"\4\0\0\0" + bytes((239, 1, 1, 1)) + b"\1\0\0\2" + bytes((239, 1, 1, 2)) + bytes(8)
    third = b"\x22\0\0\0\0\0\0\2" + records
    group = f.ip_bytes("ff05::1:3")
    reports = [(130, group), (131, group), (132, group), (130, group + b"\2\x7d\0\0"),
               (143, b"\0\1" + b"\4\0\0\0" + group)]  # fmt: skip
    return [
        *(_to("224.0.0.1", f.IGMP, f.igmp(kind, "239.1.1.1")) for kind in (0x11, 0x12, 0x16, 0x17)),
        _to("224.0.0.22", f.IGMP, third[:2] + f.checksum(third).to_bytes(2, "big") + third[4:]),
        *(_to("ff02::16", f.ICMPV6, f.icmpv6(LOCAL, "ff02::16", kind, b"\0\0\0\0" + body))
          for kind, body in reports),
    ]  # fmt: skip


def _kind(frame: bytes) -> str:
    if frame[12:14] == b"\x08\x06" or (frame[12:14] == b"\x86\xdd" and frame[20] == 58):
        return "nd"
    ports = frame[34:38] if frame[12:14] == b"\x08\0" else frame[54:58]
    for port, name in ((53, "dns"), (67, "dhcpv4"), (547, "dhcpv6")):
        if int.from_bytes(ports[2:], "big") == port:
            return name
    return "icmp"


def quoted() -> list[bytes]:
    """Packets that an ICMP error is to quote: too big, at the end of their hops, with options, in
    fragments, behind extension headers."""
    far4, far6 = "10.9.9.9", "fd09::9"
    found = [frame for frame in FRAMES if _kind(frame) == "icmp"]
    gateway = ":".join(f"{byte:02x}" for byte in clients.GATEWAY_MAC)
    for protocol, body in ((6, bytes(20)), (1, b"\x08\0\0\0\0\1\0\1"), (132, bytes(12)), (50, b"")):
        packet4 = f.ipv4(OWN, far4, protocol, body.ljust(1440, b"x"), options=b"\1" * 8)
        found.append(f.ethernet(MAC, gateway, f.IPV4, packet4))
        chain = f.chain((f.HOP_BY_HOP, f.DESTINATION), protocol, body.ljust(1400, b"x"))
        found.append(f.ethernet(MAC, gateway, f.IPV6, f.ipv6("fd00::5", far6, *chain)))
    data = f.udp("fd00::5", far6, 1, 2, bytes(2000))
    found += [f.ethernet(MAC, gateway, f.IPV6, piece)
              for piece in f.fragments6("fd00::5", far6, f.UDP, data, 1400)]
    data = f.udp(OWN, far4, 1, 2, bytes(2000))
    found += [f.ethernet(MAC, gateway, f.IPV4, piece)
              for piece in f.fragments4(OWN, far4, f.UDP, data, 1400)]
    return found


FAMILIES = {
    **{name: [frame for frame in FRAMES if _kind(frame) == name]
       for name in ("dhcpv4", "dhcpv6", "dns", "nd")},
    "igmp and mld": listeners(),
    "icmp": quoted(),
}  # fmt: skip


REASONS_OF = {
    **dict.fromkeys(FAMILIES, (PuntReason.ASKED,)),
    "dns": (PuntReason.DNS, PuntReason.DNS, PuntReason.MDNS),
    "icmp": (
        PuntReason.TOO_BIG, PuntReason.TIME_EXCEEDED, PuntReason.UNREACHABLE,
        PuntReason.TO_GATEWAY,
    ),
}
"""Why a switch would have punted these, at random."""


def _why(why: PuntReason) -> bytes:
    """The register as a packet-in has it: absent where it is zero."""
    register = REGISTERS["punt_reason"].header.to_bytes(4, "big")
    return register + why.to_bytes(4, "big") if why else b""


def rss() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_each_family_has_frames() -> None:
    assert all(len(frames) >= 4 for frames in FAMILIES.values())
    assert len(FAMILIES["dns"]) > len(QUERIES)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.timeout(3600)
def test_mutated_packets_leave_nothing_behind(family: str) -> None:
    rng = random.Random(family)
    frames = FAMILIES[family]
    sent: list[int] = [0]

    def send(element: str, ofport: int, frame: bytes) -> bool:
        sent[0] += 1
        assert len(frame) <= 14 + PORT.mtu
        return True

    dns = DnsService(send, (), dns_limits())
    dns.changed(PORT.network_id, VIEW)
    worker = PuntDispatcher(
        send, {
            **icmp_errors.services(1400), PuntReason.DNS: dns.query,
            PuntReason.MDNS: dns.multicast_query,
        }
    )
    worker.changed("hv1", PORT.ofport, PORT)
    worker.start()
    dns.start()

    def run(count: int) -> None:
        for number in range(count):
            frame = mutate(rng.choice(frames), rng)
            throw(frame)
            message = packet_in(PORT.ofport, frame, after=_why(rng.choice(REASONS_OF[family])))
            worker.punted("hv1", mutate(message, rng) if number % 8 == 0 else message)
            if number % (QUEUE // 2) == 0:
                drain()

    def drain() -> None:
        deadline = time.monotonic() + 60
        while worker._waiting:
            assert worker._worker.alive and time.monotonic() < deadline
            time.sleep(0.001)
        while dns.status()["queued"]:
            assert time.monotonic() < deadline
            time.sleep(0.001)

    try:
        run(max(500, PACKETS // 10))
        drain()
        gc.collect()
        blocks, memory = sys.getallocatedblocks(), rss()
        for tenth in range(1, 10):
            run(PACKETS // 10)
            print(f"{family}: {(tenth + 1) * PACKETS // 10:,} of {PACKETS:,}", file=sys.__stderr__)
        drain()
        status = worker.status("hv1")
        gc.collect()
        grown = sys.getallocatedblocks() - blocks, rss() - memory
        print(f"{family}: {sent[0]} answers; {grown[0]} objects and {grown[1] >> 10} KiB more",
              file=sys.__stderr__)
    finally:
        worker.stop()
        dns.stop()
    assert grown[0] < BLOCK_LIMIT and grown[1] < RSS_LIMIT, f"more objects, bytes: {grown}"
    assert status["punted"] >= PACKETS and not status["dropped"]
    assert len(status["malformed"]) <= REASONS + 1 and len(status["ignored"]) <= REASONS + 1
    assert "other" not in status["malformed"], "a reason that holds what a VM sent"
    if family in ("dhcpv4", "dhcpv6"):
        assert sent[0] > PACKETS // 50, "the mutations are mild enough to be answered"
    elif family == "igmp and mld":
        # Multicast like any other: nothing of it is meant for the node.
        assert sent[0] <= PACKETS // 1000, status

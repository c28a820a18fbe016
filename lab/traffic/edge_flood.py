"""A VM that floods its hypervisor with what the network itself answers: DHCP, ARP, router
solicitations, DNS.

Runs inside of a VM's namespace: ``python -m lab.traffic.edge_flood KIND INTERFACE RATE SECONDS
OWN GATEWAY GATEWAY-MAC KNOWN`` (RATE in packets a second; the rest are IPv4 addresses and a MAC;
KNOWN is a neighbor's); prints one JSON object.  Needs nothing but the standard library.
"""

from __future__ import annotations

import ipaddress
import itertools
import json
import os
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import astuple, dataclass

from lab.net import Namespace
from lab.traffic import packets as f
from lab.traffic.dhcp_load import ROOT, discover, open_link

NOBODY = "00:00:00:00:00:00"


@dataclass(frozen=True)
class Who:
    """``known``: the address of a VM on the network; ``gateway_mac`` for what is routed."""

    own: str
    gateway: str
    gateway_mac: str
    known: str


def _request(mac: str, who: Who, target: str) -> bytes:
    packet = f.arp(1, mac, who.own, NOBODY, target)
    return f.ethernet(mac, f.BROADCAST, f.ARP, packet, bytes(18))


def _dhcp(mac: str, who: Who) -> list[bytes]:
    return [discover(f.mac_bytes(mac), 1)]


def _known(mac: str, who: Who) -> list[bytes]:
    return [_request(mac, who, target) for target in (who.known, who.gateway)]


def _unknown(mac: str, who: Who) -> list[bytes]:
    """Addresses of the subnet's upper half, and far ones."""
    base = int(ipaddress.ip_address(who.own)) & ~0xFF
    near = [str(ipaddress.ip_address(base + number)) for number in range(128, 250)]
    return [_request(mac, who, target) for target in (*near, "203.0.113.1", "0.0.0.0")]


def _gratuitous(mac: str, who: Who) -> list[bytes]:
    """Announcements (RFC 5227 section 2.3): requests for its own address, and replies to all."""
    reply = f.arp(2, mac, who.own, f.BROADCAST, who.own)
    return [_request(mac, who, who.own), f.ethernet(mac, f.BROADCAST, f.ARP, reply, bytes(18))]


def _arp(mac: str, who: Who) -> list[bytes]:
    return [frame for build in (_known, _unknown, _gratuitous) for frame in build(mac, who)]


def _rs(mac: str, who: Who) -> list[bytes]:
    option = f.link_option(f.SOURCE_LINK, mac)
    raw = f.mac_bytes(mac)
    local = (raw[0] ^ 2).to_bytes(1, "big") + raw[1:3] + b"\xff\xfe" + raw[3:]
    source = str(ipaddress.IPv6Address(b"\xfe\x80" + bytes(6) + local))
    message = f.icmpv6(source, "ff02::2", f.ROUTER_SOLICIT, bytes(4) + option)
    packet = f.ipv6(source, "ff02::2", f.ICMPV6, message, 255)
    return [f.ethernet(mac, f.multicast_mac("ff02::2"), f.IPV6, packet)]


def _dns(mac: str, who: Who) -> list[bytes]:
    """Queries to the gateway address for many names (RFC 1035 section 4.1)."""
    found = []
    for number in range(200):
        name = f"n{number}".encode()
        query = struct.pack("!HHHHHH", number, 0x0100, 1, 0, 0, 0)
        query += bytes((len(name),)) + name + b"\7example\0" + struct.pack("!HH", 1, 1)
        datagram = f.udp(who.own, who.gateway, 30000 + number, 53, query)
        packet = f.ipv4(who.own, who.gateway, f.UDP, datagram)
        found.append(f.ethernet(mac, who.gateway_mac, f.IPV4, packet))
    return found


KINDS: dict[str, Callable[[str, Who], list[bytes]]] = {
    "dhcp": _dhcp, "arp": _arp, "arp-known": _known, "arp-unknown": _unknown,
    "arp-gratuitous": _gratuitous, "rs": _rs, "dns": _dns,
}  # fmt: skip


def start(
    space: Namespace, kind: str, rate: int, seconds: float, who: Who
) -> subprocess.Popen[str]:
    """Run it in a VM; :func:`lab.traffic.dhcp_load.result` waits for its end."""
    return subprocess.Popen(
        [*space.prefix, sys.executable, "-m", "lab.traffic.edge_flood", kind, "eth0", str(rate),
         str(seconds), *astuple(who)],
        stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip


def flood(kind: str, interface: str, rate: int, seconds: float, who: Who) -> dict[str, float]:
    """Send ``rate`` a second, in bursts of a hundredth of it."""
    raw, mac = open_link(interface, 0)
    frames = itertools.cycle(KINDS[kind](mac.hex(":"), who))
    sent = 0
    begun = time.monotonic()
    while (spent := time.monotonic() - begun) < seconds:
        for _ in range(int(spent * rate) - sent):
            try:
                raw.send(next(frames))
            except OSError:  # ENOBUFS: the queue is full, as a flood would have it.
                pass
            sent += 1
        time.sleep(0.01)
    return {"sent": sent, "seconds": time.monotonic() - begun}


if __name__ == "__main__":
    print(json.dumps(flood(
        sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4]), Who(*sys.argv[5:9])
    )))  # fmt: skip

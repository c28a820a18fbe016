"""The guard's constant flows on a real switch, packet by packet: which flow stops what."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from lab.beds.sandbox import BRIDGE, OpenFlow, Sandbox
from lab.traffic import packets as f
from vrouter_ovs.pipeline import render
from vrouter_ovs.schema.tables import TABLE_IDS
from vrouter_ovs.state import Evi, Flood, LocalPort, Vrouter

OWN, OTHER = "52:54:00:00:00:01", "52:54:00:00:00:02"
IP4, IP6, LOCAL = "10.1.0.5", "fd01::5", "fe80::5054:ff:fe00:1"
ALL = "ff02::1"
OPTIONS = f.extension(f.DESTINATION, f.ICMPV6)


@pytest.fixture
def vrouter(sandbox: Sandbox, openflow: OpenFlow) -> Iterator[Sandbox]:
    """p1 is filtered, p3 is not; all hear what is sent to all."""
    sandbox.add_ports(1, 2, 3)
    openflow.install([
        Vrouter("02:00:00:00:00:01"), Evi(100), Flood(100, (1, 2, 3)),
        LocalPort("1", 1, 100, OWN, ((OWN, IP4), (OWN, IP6))),
        LocalPort("3", 3, 100, OWN, ((OWN, IP4), (OWN, IP6)), port_security=False),
    ])
    yield sandbox


def stopped(vrouter: Sandbox, frame: bytes, port: int = 1) -> str:
    """The match of the flow of the table guard that dropped the frame, "" where it was sent."""
    text = vrouter.appctl("ofproto/trace", BRIDGE, f"in_port=p{port}", frame.hex())
    actions = re.findall(r"^Datapath actions: (.*)$", text, re.M)[-1]
    if actions != "drop":
        return ""
    found = re.findall(rf"^ *{TABLE_IDS['guard']}\. (.*)$", text, re.M)[-1]
    return re.sub(r", (priority \d+).*", r", \1", found)


def all4(datagram: bytes, **more: object) -> bytes:
    packet = f.ipv4(IP4, "255.255.255.255", f.UDP, datagram, **more)
    return f.ethernet(OWN, f.BROADCAST, f.IPV4, packet)


def from4(source: str) -> bytes:
    datagram = f.udp(source, "255.255.255.255", 4000, 5000, b"")
    packet = f.ipv4(source, "255.255.255.255", f.UDP, datagram)
    return f.ethernet(OWN, f.BROADCAST, f.IPV4, packet)


def all6(following: int, payload: bytes, source: str = LOCAL) -> bytes:
    packet = f.ipv6(source, ALL, following, payload, 255)
    return f.ethernet(OWN, f.ALL_NODES_MAC, f.IPV6, packet)


def first(following: int, payload: bytes) -> bytes:
    """A first fragment with this payload, of a packet that goes on."""
    return all6(f.FRAGMENT, f.fragment(following, 0, True) + payload)


def message(kind: int, body: bytes, code: int = 0) -> bytes:
    return f.icmpv6(LOCAL, ALL, kind, body, code)


ADVERT = message(f.ROUTER_ADVERT, f.router_advertisement("2001:db8::"))
SERVER = f.udp(LOCAL, ALL, 547, 546, b"\2\1\2\3")
OFFER = f.udp(IP4, "255.255.255.255", 67, 68, f.bootp(2, 2, OTHER))
TWICE = f.link_option(f.SOURCE_LINK, OTHER) * 2
ND_OWN = f.neighbor(IP6)

STOPPED = {
    "router advertisement": (all6(f.ICMPV6, ADVERT), "icmp_type=134"),
    "behind options": (all6(f.DESTINATION, OPTIONS + ADVERT), "icmp_type=134"),
    "in a first fragment": (first(f.ICMPV6, ADVERT), "icmp_type=134"),
    "redirect": (all6(f.ICMPV6, message(f.REDIRECT, f.redirect(LOCAL, IP6))), "icmp_type=137"),
    "dhcp offer": (all4(OFFER), "tp_dst=68"),
    "dhcp offer from elsewhere":
        (all4(f.udp(IP4, "255.255.255.255", 1067, 68, b"")), "tp_dst=68"),
    "dhcp offer in a first fragment": (all4(OFFER[:64], more=True), "tp_dst=68"),
    "dhcpv6": (all6(f.UDP, SERVER), "tp_dst=546"),
    "dhcpv6 from elsewhere": (all6(f.UDP, f.udp(LOCAL, ALL, 1547, 546, b"")), "tp_dst=546"),
    "dhcpv6 in a first fragment": (first(f.UDP, SERVER + bytes(12)), "tp_dst=546"),
    "from a group": (from4("224.0.0.18"), "nw_src=224.0.0.0/3"),
    "from all": (from4("255.255.255.255"), "nw_src=224.0.0.0/3"),
    "from the loopback": (from4("127.0.0.1"), "nw_src=127.0.0.0/8"),
    "from a group (IPv6)": (all6(f.UDP, f.udp("ff02::5", ALL, 1, 2, b""), "ff02::5"),
                            "ipv6_src=ff00::/8"),
    "from the loopback (IPv6)": (all6(f.UDP, f.udp("::1", ALL, 1, 2, b""), "::1"),
                                 "ipv6_src=::1"),
    "headers that end too early": (all6(f.DESTINATION, b"\x3a\x07" + bytes(6)), "nw_proto=0"),
    "the same in a first fragment":
        (first(f.DESTINATION, b"\x3a\x07" + bytes(6)), "nw_proto=0"),
    **{f"header {number}": (all6(number, OPTIONS + ADVERT), f"nw_proto={number}")
       for number in (59, 135, 139, 140, 253, 254)},
    "headers alone in a first fragment": (first(f.DESTINATION, OPTIONS), "icmp_type=0"),
    "fragments in a fragment":
        (first(f.FRAGMENT, f.fragment(f.ICMPV6, 0, True)), "icmp_type=0"),
    "headers before udp in a first fragment":
        (first(f.DESTINATION, f.extension(f.DESTINATION, f.UDP)), "udp6,tp_src=0,tp_dst=0"),
    "an option twice (solicitation)":
        (all6(f.ICMPV6, message(f.SOLICIT, f.neighbor("fd01::9", TWICE))), "nd_target=::"),
    "an option twice (advertisement)":
        (all6(f.ICMPV6, message(f.ADVERT, f.neighbor(IP6, TWICE))), "nd_target=::"),
    "another code (solicitation)":
        (all6(f.ICMPV6, message(f.SOLICIT, f.neighbor("fd01::9", TWICE[:8]), 1)), "nd_target=::"),
    "another code (advertisement)":
        (all6(f.ICMPV6, message(f.ADVERT, f.neighbor(IP6), 1)), "nd_target=::"),
    "solicitation in fragments":
        (first(f.ICMPV6, message(f.SOLICIT, f.neighbor("fd01::9"))), "icmp_type=135"),
    "advertisement in fragments": (first(f.ICMPV6, message(f.ADVERT, ND_OWN)), "icmp_type=136"),
}  # fmt: skip


@pytest.mark.parametrize("what", STOPPED)
def test_is_stopped(vrouter: Sandbox, what: str) -> None:
    frame, match = STOPPED[what]
    assert match in stopped(vrouter, frame) and "priority 130" in stopped(vrouter, frame)
    # It is the guard that stops it: without port security it is the VM's own affair, but for
    # neighbor discovery that may announce a gateway.
    if "solicitation" not in what and "nd_target" not in match:
        assert stopped(vrouter, frame, 3) == ""


@pytest.mark.parametrize("frame", [
    all4(f.udp(IP4, "255.255.255.255", 4000, 5000, b"")),
    all4(f.udp(IP4, "255.255.255.255", 4000, 5000, bytes(40)), more=True),
    all4(bytes(40), offset=80),
    all6(f.UDP, f.udp(LOCAL, ALL, 4000, 5000, b"")),
    all6(f.UDP, f.udp(IP6, ALL, 4000, 5000, b""), IP6),
    first(f.UDP, f.udp(LOCAL, ALL, 4000, 5000, bytes(40))),
    first(f.DESTINATION, f.extension(f.DESTINATION, f.UDP) + f.udp(LOCAL, ALL, 1, 2, b"")),
    all6(f.FRAGMENT, f.fragment(f.UDP, 80, True) + bytes(40)),
    all6(f.FRAGMENT, f.fragment(f.ICMPV6, 0, False) + message(128, b"\0\1\0\1")),
    all6(f.HOP_BY_HOP, f.extension(f.HOP_BY_HOP, f.ICMPV6) + message(143, bytes(4))),
    all6(6, bytes(20)), all6(50, bytes(40)), all6(132, bytes(12)),
    all6(f.ICMPV6, message(f.ADVERT, f.neighbor(LOCAL))),
])  # fmt: skip
def test_passes(vrouter: Sandbox, frame: bytes) -> None:
    assert stopped(vrouter, frame) == ""


def test_every_flow_has_a_packet() -> None:
    """Each constant flow of the guard that drops above what ports let pass is named here."""
    drops = [flow for flow in render(Vrouter("02:00:00:00:00:01"))
             if flow.table == "guard" and flow.priority == "forbidden"]
    assert len({match for _, match in STOPPED.values()}) == len(drops) - 1

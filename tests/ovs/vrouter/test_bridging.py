"""Frames that a vrouter bridges, floods or drops, asked of a real ovs-vswitchd."""

from __future__ import annotations

import re

import pytest

from lab.beds.sandbox import Sandbox
from tests.ovs.vrouter.tenants import (
    BROADCAST,
    GW1,
    OWN,
    RMAC2,
    RMAC3,
    VTEP2,
    VTEP3,
    arp,
    from_tunnel,
    ip,
    mac,
    send,
)
from tests.ovs.vrouter.tracing import trace


def test_two_ports_of_one_network(vrouter: Sandbox) -> None:
    result = send(vrouter, 1, ip(mac(1), mac(2), "10.1.0.5", "10.1.0.6"))
    assert result.sent == ["p2"]
    assert (result.packet["dl_src"], result.packet["nw_ttl"]) == (mac(1), "64")


def test_unknown_unicast_is_dropped(vrouter: Sandbox) -> None:
    assert send(vrouter, 1, ip(mac(1), mac(0x99), "10.1.0.5", "10.1.0.99")).sent == []


def test_remote_mac_both_ways(vrouter: Sandbox) -> None:
    packet = ip(mac(1), mac(0x70), "10.1.0.5", "10.1.0.70")
    assert send(vrouter, 1, packet).sent == [(VTEP2, 100)]
    back = from_tunnel(VTEP2, 100, ip(mac(0x70), mac(1), "10.1.0.70", "10.1.0.5"))
    assert trace(vrouter, back).sent == ["p1"]


@pytest.mark.parametrize(
    "packet",
    [
        ip(mac(9), mac(2), "10.1.0.5", "10.1.0.6"),
        ip(mac(1), mac(2), "10.1.0.6", "10.1.0.6"),
        ip(mac(1), mac(2), "0.0.0.0", "10.1.0.6"),
        ip(mac(1), GW1, "10.2.0.5", "10.9.0.1"),
        arp(mac(1), BROADCAST, "10.1.0.6", "10.1.0.6"),
        arp(mac(1), BROADCAST, "10.1.0.5", "10.1.0.6", sha=mac(2)),
        arp(mac(1), mac(2), "10.1.0.1", "10.1.0.6", op=2, sha=GW1),
        arp(mac(1), mac(2), "10.1.0.1", "10.1.0.6", op=2),
        f"ipv6,dl_src={mac(1)},dl_dst={mac(2)},ipv6_src=fd01::5,ipv6_dst=fd01::6",
        f"dl_type=0x88cc,dl_src={mac(1)},dl_dst={mac(2)}",
        f"dl_src={mac(1)},dl_dst={mac(2)},dl_vlan=5,dl_type=0x0800,nw_src=10.1.0.5",
        f"dl_type=0x0800,dl_src={mac(1)},dl_dst=01:80:c2:00:00:0e,nw_src=10.1.0.5",
        ip("53:54:00:00:00:01", mac(2), "10.1.0.5", "10.1.0.6"),
    ],
)
def test_spoofed_and_malformed_frames_are_dropped(vrouter: Sandbox, packet: str) -> None:
    assert send(vrouter, 1, packet).sent == []


def test_without_port_security_anything_goes(vrouter: Sandbox) -> None:
    assert send(vrouter, 4, ip(mac(0x44), mac(2), "172.16.0.1", "10.1.0.6")).sent == ["p2"]
    tagged = f"dl_src={mac(4)},dl_dst={mac(2)},dl_vlan=5,dl_type=0x0800"
    assert send(vrouter, 4, tagged).sent == []


def test_an_allowed_prefix(vrouter: Sandbox) -> None:
    assert send(vrouter, 8, ip(mac(8), mac(2), "10.50.0.77", "10.1.0.6")).sent == ["p2"]
    assert send(vrouter, 8, ip(mac(8), mac(2), "10.50.1.77", "10.1.0.6")).sent == []
    reply = arp(mac(8), mac(2), "10.50.0.77", "10.1.0.6", op=2)
    assert send(vrouter, 8, reply).sent == ["p2"]


def test_frames_of_unknown_ports_end_at_once(vrouter: Sandbox) -> None:
    assert send(vrouter, 9, ip(mac(9), mac(2), "10.1.0.99", "10.1.0.6")).sent == []
    assert send(vrouter, 9, arp(mac(9), BROADCAST, "0.0.0.0", "10.1.0.6")).sent == []


def test_forged_senders_do_not_fill_the_datapath(vrouter: Sandbox) -> None:
    """The flow that drops them leaves most of the address open."""
    result = send(vrouter, 1, ip(mac(1), mac(2), "203.0.113.9", "10.1.0.6"))
    (megaflow,) = re.findall(r"^Megaflow: (.*)$", result.text, re.M)
    found = re.search(r"nw_src=[\d.]+/(\d+)", megaflow)
    assert "Datapath actions: drop" in result.text
    assert (found is None and "nw_src" not in megaflow) or int(found.group(1)) <= 8


def test_flood_with_split_horizon(vrouter: Sandbox) -> None:
    result = send(vrouter, 1, ip(mac(1), BROADCAST, "10.1.0.5", "10.1.0.255"))
    assert result.sent == ["p2", "p4", "p7", "p8", (VTEP2, 100), (VTEP3, 555)]
    packet = ip(mac(0x70), "01:00:5e:00:00:fb", "10.1.0.70", "224.0.0.251")
    result = trace(vrouter, from_tunnel(VTEP3, 100, packet))
    assert result.sent == ["p1", "p2", "p4", "p7", "p8"]


def test_unicast_never_goes_from_tunnel_to_tunnel(vrouter: Sandbox) -> None:
    bridged = ip(mac(0x71), mac(0x70), "10.1.0.71", "10.1.0.70")
    assert trace(vrouter, from_tunnel(VTEP3, 100, bridged)).sent == []
    routed = ip(RMAC3, OWN, "10.1.0.71", "10.9.0.1")
    assert trace(vrouter, from_tunnel(VTEP3, 900, routed)).sent == []
    by_gateway = ip(mac(0x71), GW1, "10.1.0.71", "10.9.0.1")
    assert trace(vrouter, from_tunnel(VTEP3, 100, by_gateway)).sent == []


def test_an_unknown_vni_is_dropped(vrouter: Sandbox) -> None:
    packet = ip(mac(0x70), mac(1), "10.1.0.70", "10.1.0.5")
    assert trace(vrouter, from_tunnel(VTEP2, 4000, packet)).sent == []


def test_tenants_with_the_same_addresses_do_not_meet(vrouter: Sandbox) -> None:
    # p1 and p5 have the same MAC and address, p2 and p6 the same address.
    assert send(vrouter, 1, ip(mac(1), mac(2), "10.1.0.5", "10.1.0.6")).sent == ["p2"]
    assert send(vrouter, 5, ip(mac(1), mac(6), "10.1.0.5", "10.1.0.6")).sent == ["p6"]
    assert send(vrouter, 5, ip(mac(1), mac(2), "10.1.0.5", "10.1.0.6")).sent == []
    assert send(vrouter, 1, ip(mac(1), GW1, "10.1.0.5", "10.1.0.6")).sent == ["p2"]
    assert send(vrouter, 5, ip(mac(1), GW1, "10.1.0.5", "10.1.0.6")).sent == ["p6"]
    assert send(vrouter, 5, ip(mac(1), GW1, "10.1.0.5", "10.2.0.5")).sent == []
    assert send(vrouter, 5, ip(mac(1), GW1, "10.1.0.5", "10.9.0.1")).sent == []
    assert send(vrouter, 5, ip(mac(1), BROADCAST, "10.1.0.5", "10.1.0.255")).sent == [
        "p6",
        (VTEP3, 200),
    ]
    assert send(vrouter, 5, ip(mac(1), mac(0x70), "10.1.0.5", "10.1.0.9")).sent == [(VTEP3, 200)]
    assert send(vrouter, 5, arp(mac(1), BROADCAST, "10.1.0.5", "10.1.0.7")).sent == []
    packet = ip(RMAC2, OWN, "10.1.0.7", "10.1.0.6")
    assert trace(vrouter, from_tunnel(VTEP2, 901, packet)).sent == ["p6"]
    assert trace(vrouter, from_tunnel(VTEP2, 900, packet)).sent == ["p2"]

"""Packets that a vrouter routes, locally and between VTEPs, or answers for a gateway."""

from __future__ import annotations

import pytest

from lab.beds.sandbox import Sandbox
from tests.ovs.vrouter.tenants import (
    BROADCAST,
    GW1,
    GW2,
    OWN,
    RMAC2,
    VTEP2,
    VTEP3,
    from_tunnel,
    ip,
    mac,
    send,
)
from tests.ovs.vrouter.tracing import trace


def test_routed_locally(vrouter: Sandbox) -> None:
    result = send(vrouter, 1, ip(mac(1), GW1, "10.1.0.5", "10.2.0.5"))
    assert result.sent == ["p3"]
    packet = result.packet
    assert (packet["dl_src"], packet["dl_dst"], packet["nw_ttl"]) == (GW2, mac(3), "63")


def test_routed_ipv6(vrouter: Sandbox) -> None:
    packet = f"tcp6,dl_src={mac(4)},dl_dst={GW1},ipv6_src=fd02::5,ipv6_dst=fd01::5,nw_ttl=64"
    result = send(vrouter, 4, packet)
    assert result.sent == ["p7"]
    assert (result.packet["dl_dst"], result.packet["nw_ttl"]) == (mac(7), "63")


def test_routed_to_another_vtep_and_back(vrouter: Sandbox) -> None:
    result = send(vrouter, 3, ip(mac(3), GW2, "10.2.0.5", "10.1.0.7"))
    assert result.sent == [(VTEP2, 900)]
    packet = result.packet
    assert (packet["dl_src"], packet["dl_dst"], packet["nw_ttl"]) == (OWN, RMAC2, "63")
    # The other vrouter has taken its hop: both are one router.
    back = from_tunnel(VTEP2, 900, ip(RMAC2, OWN, "10.1.0.7", "10.2.0.5", 63))
    result = trace(vrouter, back)
    assert result.sent == ["p3"]
    packet = result.packet
    assert (packet["dl_src"], packet["dl_dst"], packet["nw_ttl"]) == (GW2, mac(3), "63")


def test_the_l3_vni_needs_our_router_mac(vrouter: Sandbox) -> None:
    for target in (RMAC2, mac(3), GW2, BROADCAST):
        packet = ip(RMAC2, target, "10.1.0.7", "10.2.0.5")
        assert trace(vrouter, from_tunnel(VTEP2, 900, packet)).sent == []


@pytest.mark.parametrize("ttl", [0, 1])
def test_ttl_ends_here(vrouter: Sandbox, ttl: int) -> None:
    result = send(vrouter, 1, ip(mac(1), GW1, "10.1.0.5", "10.2.0.5", ttl))
    assert result.sent == []
    assert "controller" not in result.text.lower()
    # Bridging does not look at it.
    assert send(vrouter, 1, ip(mac(1), mac(2), "10.1.0.5", "10.1.0.6", ttl)).sent == ["p2"]


@pytest.mark.parametrize(
    ("address", "hop"),
    [
        ("10.9.0.1", (VTEP2, 900)),
        ("10.9.1.1", (VTEP3, 777)),
        ("10.1.0.7", (VTEP2, 900)),
        ("8.8.8.8", (VTEP3, 777)),
    ],
)
def test_longest_prefix_wins(vrouter: Sandbox, address: str, hop: tuple) -> None:
    assert send(vrouter, 1, ip(mac(1), GW1, "10.1.0.5", address)).sent == [hop]


def test_a_route_without_a_hop_drops(vrouter: Sandbox) -> None:
    assert send(vrouter, 3, ip(mac(3), GW2, "10.2.0.5", "10.1.0.99")).sent == []


@pytest.mark.parametrize("address", ["10.1.0.1", "10.2.0.1"])
@pytest.mark.parametrize("ttl", [1, 64])
def test_the_gateway_answers_ping(vrouter: Sandbox, address: str, ttl: int) -> None:
    ping = ip(mac(1), GW1, "10.1.0.5", address, ttl, "icmp", "icmp_type=8,icmp_code=0")
    result = send(vrouter, 1, ping)
    assert result.sent == ["p1"]
    packet = result.packet
    assert (packet["dl_src"], packet["dl_dst"]) == (GW1, mac(1))
    assert (packet["nw_src"], packet["nw_dst"]) == (address, "10.1.0.5")
    assert (packet["icmp_type"], packet["nw_ttl"]) == ("0", "64")


def test_the_gateway_answers_ping6(vrouter: Sandbox) -> None:
    ping = (
        f"icmp6,dl_src={mac(7)},dl_dst={GW1},ipv6_src=fd01::5,ipv6_dst=fd01::1,nw_ttl=64,"
        "icmpv6_type=128,icmpv6_code=0"
    )
    result = send(vrouter, 7, ping)
    assert result.sent == ["p7"]
    packet = result.packet
    assert (packet["ipv6_src"], packet["ipv6_dst"]) == ("fd01::1", "fd01::5")
    assert (packet["icmp_type"], packet["dl_dst"]) == ("129", mac(7))


def test_the_gateway_takes_nothing_else(vrouter: Sandbox) -> None:
    assert send(vrouter, 1, ip(mac(1), GW1, "10.1.0.5", "10.1.0.1")).sent == []
    reply = ip(mac(1), GW1, "10.1.0.5", "10.1.0.1", 64, "icmp", "icmp_type=0,icmp_code=0")
    assert send(vrouter, 1, reply).sent == []
    ping = ip(RMAC2, OWN, "10.9.0.5", "10.1.0.1", 64, "icmp", "icmp_type=8,icmp_code=0")
    assert trace(vrouter, from_tunnel(VTEP2, 900, ping)).sent == []


def test_ecmp_spreads_flows_and_keeps_each(vrouter: Sandbox) -> None:
    hops = []
    for source in range(1024, 1064):
        packet = ip(mac(1), GW1, "10.1.0.5", "10.8.0.1", more=f"tp_src={source},tp_dst=80")
        first, again = send(vrouter, 1, packet).sent, send(vrouter, 1, packet).sent
        assert first == again
        hops += first
    assert set(hops) == {(VTEP2, 900), (VTEP3, 777)}
    assert 8 <= hops.count((VTEP2, 900)) <= 32


def test_ecmp_from_a_tunnel_takes_local_hops_only(vrouter: Sandbox) -> None:
    sent = set()
    for source in range(1024, 1044):
        more = f"tp_src={source},tp_dst=80"
        packet = ip(RMAC2, OWN, "10.9.0.1", "10.7.0.1", more=more)
        assert trace(vrouter, from_tunnel(VTEP2, 900, packet)).sent == ["p3"]
        packet = ip(mac(1), GW1, "10.1.0.5", "10.7.0.1", more=more)
        sent |= set(send(vrouter, 1, packet).sent)
    assert sent == {"p3", (VTEP2, 900)}

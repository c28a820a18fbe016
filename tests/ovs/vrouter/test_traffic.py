"""What a vrouter does with packets, asked of a real ovs-vswitchd."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from lab.beds.sandbox import Sandbox
from tests.hops import bridged, routed
from tests.ovs.vrouter.tracing import Outcome, trace
from vrouter_ovs.state import (
    Endpoint,
    Evi,
    Flood,
    FloodRemotes,
    Gateway,
    LocalHop,
    LocalPort,
    Neighbor,
    RemoteMac,
    Route,
    StateObject,
    Tunnel,
    Vrf,
    Vrouter,
)

VTEP2, VTEP3 = "192.0.2.2", "192.0.2.3"
OWN, RMAC2, RMAC3 = "02:00:00:00:00:01", "02:00:00:00:00:02", "02:00:00:00:00:03"
GW1, GW2 = "02:aa:00:00:00:01", "02:aa:00:00:00:02"
BROADCAST = "ff:ff:ff:ff:ff:ff"


def mac(number: int) -> str:
    return f"52:54:00:00:00:{number:02x}"


def port(number: int, evi: int, address: str, mac_of: int = 0, **more: object) -> LocalPort:
    own = mac(mac_of or number)
    return LocalPort(f"port-{number}", number, evi, own, ((own, address),), **more)


# Tenant A: networks 100 (10.1.0.0/24) and 101 (10.2.0.0/24), VRF 900.  Tenant B: network 200 with
# the addresses, and for p5 also the MAC, of tenant A; VRF 901.
OBJECTS: tuple[StateObject, ...] = (
    Vrouter(OWN),
    Tunnel(Endpoint(VTEP2), 22),
    Tunnel(Endpoint(VTEP3), 23),
    *(Evi(evi) for evi in (100, 101, 200)),
    Vrf(900, OWN),
    Vrf(901, OWN),
    Gateway(100, 900, GW1, ("10.1.0.1", "fd01::1")),
    Gateway(101, 900, GW2, ("10.2.0.1",)),
    Gateway(200, 901, GW1, ("10.1.0.1",)),
    port(1, 100, "10.1.0.5"),
    port(2, 100, "10.1.0.6"),
    port(3, 101, "10.2.0.5"),
    port(4, 100, "10.1.0.8", port_security=False),
    port(5, 200, "10.1.0.5", mac_of=1),
    port(6, 200, "10.1.0.6"),
    port(7, 100, "fd01::5"),
    LocalPort("port-8", 8, 100, mac(8), (
        (mac(8), "10.1.0.9"), (mac(8), "10.50.0.0/24"), (mac(0x88), "10.1.0.88"))),
    Neighbor(100, "10.1.0.6", mac(2), remote=False),
    Neighbor(100, "10.1.0.7", mac(7)),
    Neighbor(100, "fd01::7", mac(0x77)),
    Neighbor(100, "fd01::5", mac(7), remote=False),
    RemoteMac(100, mac(0x70), (bridged(VTEP2, 100),)),
    RemoteMac(200, mac(0x70), (bridged(VTEP3, 200),)),
    *(
        Route(900, f"{address}/32", (LocalHop(number, evi, mac(number), gateway),))
        for number, evi, address, gateway in (
            (1, 100, "10.1.0.5", GW1),
            (2, 100, "10.1.0.6", GW1),
            (3, 101, "10.2.0.5", GW2),
        )
    ),
    Route(900, "fd01::5/128", (LocalHop(7, 100, mac(7), GW1),)),
    Route(900, "10.1.0.7/32", (routed(VTEP2, 900, RMAC2),)),
    Route(900, "10.1.0.0/24", ()),
    Route(900, "10.9.0.0/16", (routed(VTEP2, 900, RMAC2),)),
    Route(900, "10.9.1.0/24", (routed(VTEP3, 777, RMAC3),)),
    Route(900, "10.8.0.0/16", (routed(VTEP2, 900, RMAC2), routed(VTEP3, 777, RMAC3))),
    Route(900, "10.7.0.0/16", (LocalHop(3, 101, mac(3), GW2), routed(VTEP2, 900, RMAC2))),
    Route(900, "0.0.0.0/0", (routed(VTEP3, 777, RMAC3),)),
    Route(901, "10.1.0.6/32", (LocalHop(6, 200, mac(6), GW1),)),
    Flood(100, (1, 2, 4, 7, 8)), FloodRemotes(100, (bridged(VTEP2, 100), bridged(VTEP3, 555))),
    Flood(101, (3,)),
    Flood(200, (5, 6)), FloodRemotes(200, (bridged(VTEP3, 200),)),
)


@pytest.fixture(scope="module")
def vrouter(sandbox: Sandbox) -> Iterator[Sandbox]:
    sandbox.add_ports(*range(1, 10))
    sandbox.add_underlay()
    sandbox.add_tunnel(22, VTEP2)
    sandbox.add_tunnel(23, VTEP3)
    client = sandbox.connect()
    client.install(list(OBJECTS))
    client.close()
    yield sandbox


def ip(
    source: str, target: str, src: str, dst: str, ttl: int = 64, kind: str = "tcp", more: str = ""
) -> str:
    return f"{kind},dl_src={source},dl_dst={target},nw_src={src},nw_dst={dst},nw_ttl={ttl}" + (
        f",{more}" if more else ""
    )


def arp(source: str, target: str, spa: str, tpa: str, op: int = 1, sha: str = "") -> str:
    return (
        f"arp,dl_src={source},dl_dst={target},arp_op={op},arp_sha={sha or source},"
        f"arp_spa={spa},arp_tpa={tpa}"
    )


def from_tunnel(vtep: str, vni: int, packet: str) -> str:
    number = {VTEP2: 22, VTEP3: 23}[vtep]
    return f"in_port=t{number},tun_id={vni},tun_src={vtep},tun_dst=192.0.2.1,{packet}"


def send(vrouter: Sandbox, number: int, packet: str) -> Outcome:
    return trace(vrouter, f"in_port=p{number},{packet}")


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


@pytest.mark.parametrize(
    ("tpa", "answer"), [("10.1.0.1", GW1), ("10.1.0.6", mac(2)), ("10.1.0.7", mac(7))]
)
def test_arp_is_answered_in_the_switch(vrouter: Sandbox, tpa: str, answer: str) -> None:
    for target in (BROADCAST, answer):
        result = send(vrouter, 1, arp(mac(1), target, "10.1.0.5", tpa))
        assert result.sent == ["p1"]
        packet = result.packet
        assert (packet["arp_op"], packet["dl_src"], packet["dl_dst"]) == ("2", answer, mac(1))
        assert (packet["arp_spa"], packet["arp_sha"]) == (tpa, answer)
        assert (packet["arp_tpa"], packet["arp_tha"]) == ("10.1.0.5", mac(1))


def test_arp_never_floods(vrouter: Sandbox) -> None:
    assert send(vrouter, 1, arp(mac(1), BROADCAST, "10.1.0.5", "10.1.0.200")).sent == []
    assert send(vrouter, 1, arp(mac(1), BROADCAST, "10.1.0.5", "10.1.0.5")).sent == []
    assert send(vrouter, 1, arp(mac(1), BROADCAST, "10.1.0.5", "10.1.0.5", op=2)).sent == []
    # An address of another network is nobody's here.
    assert send(vrouter, 1, arp(mac(1), BROADCAST, "10.1.0.5", "10.2.0.1")).sent == []


def test_arp_probe_and_unicast_reply(vrouter: Sandbox) -> None:
    assert send(vrouter, 1, arp(mac(1), BROADCAST, "0.0.0.0", "10.1.0.6")).sent == ["p1"]
    reply = arp(mac(1), mac(0x70), "10.1.0.5", "10.1.0.70", op=2)
    assert send(vrouter, 1, reply).sent == [(VTEP2, 100)]


def test_arp_probes_come_from_the_port_itself(vrouter: Sandbox) -> None:
    def probe(number: int, source: str, sha: str = "") -> list:
        return send(vrouter, number, arp(source, BROADCAST, "0.0.0.0", "10.1.0.7", sha=sha)).sent

    assert probe(1, mac(2)) == probe(1, mac(1), mac(2)) == probe(1, mac(2), mac(1)) == []
    # Each MAC that it may use with an IPv4 address, and none without one.
    assert probe(8, mac(8)) == probe(8, mac(0x88)) == ["p8"]
    assert probe(7, mac(7)) == []
    # What stands in for the missing address in a probe is no leave to say it from another MAC.
    claim = arp(mac(0x88), mac(2), "10.1.0.9", "10.1.0.6", op=2)
    assert send(vrouter, 8, claim).sent == []
    assert send(vrouter, 8, arp(mac(0x88), mac(2), "10.1.0.88", "10.1.0.6", op=2)).sent == ["p2"]


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


def test_arp_request_from_a_tunnel_reaches_local_ports_only(vrouter: Sandbox) -> None:
    packet = arp(mac(0x70), BROADCAST, "10.1.0.70", "10.1.0.5")
    result = trace(vrouter, from_tunnel(VTEP2, 100, packet))
    assert result.sent == ["p1", "p2", "p4", "p7", "p8"]


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


def test_an_unknown_vni_is_dropped(vrouter: Sandbox) -> None:
    packet = ip(mac(0x70), mac(1), "10.1.0.70", "10.1.0.5")
    assert trace(vrouter, from_tunnel(VTEP2, 4000, packet)).sent == []


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


def nd(number: int, kind: int, src: str, target: str, option: str = "") -> str:
    name = "nd_sll" if kind == 135 else "nd_tll"
    packet = (
        f"icmp6,dl_src={mac(number)},dl_dst=33:33:ff:00:00:05,ipv6_src={src},ipv6_dst=ff02::1,"
        f"icmpv6_type={kind},icmpv6_code=0,nw_ttl=255,nd_target={target}"
    )
    return f"{packet},{name}={option}" if option else packet


def test_neighbor_discovery_is_guarded(vrouter: Sandbox) -> None:
    flooded = ["p1", "p2", "p4", "p8", (VTEP2, 100), (VTEP3, 555)]
    link_local = "fe80::5054:ff:fe00:7"
    for packet in (
        nd(7, 136, "fd01::5", "fd01::5", mac(7)),
        nd(7, 136, "fd01::5", "fd01::5"),
        nd(7, 136, link_local, link_local, mac(7)),
    ):
        assert send(vrouter, 7, packet).sent == flooded, packet
    for packet in (
        nd(7, 135, "fd01::9", "fd01::6", mac(7)),
        nd(7, 135, "fd01::5", "fd01::6", mac(2)),
        nd(7, 136, "fd01::5", "fd01::1", mac(7)),
        nd(7, 136, "fd01::5", "fd01::5", mac(2)),
        f"icmp6,dl_src={mac(7)},dl_dst=33:33:00:00:00:01,ipv6_src={link_local},icmpv6_type=134",
    ):
        assert send(vrouter, 7, packet).sent == [], packet


@pytest.mark.parametrize(
    ("target", "answer", "flags"),
    [("fd01::1", GW1, "e0000000"), ("fd01::7", mac(0x77), "60000000")],
)
def test_neighbor_solicitation_is_answered(
    vrouter: Sandbox, target: str, answer: str, flags: str
) -> None:
    result = send(vrouter, 7, nd(7, 135, "fd01::5", target, mac(7)))
    assert result.sent == ["p7"]
    packet = result.packet
    assert (packet["dl_src"], packet["dl_dst"]) == (answer, mac(7))
    assert (packet["ipv6_src"], packet["ipv6_dst"]) == (target, "fd01::5")
    assert (packet["icmp_type"], packet["nd_target"]) == ("136", target)
    assert packet["nd_tll"] == answer
    assert f"nd_reserved=0x{flags},nd_options_type=2" in result.text


@pytest.mark.parametrize("source", ["fd01::5", "fe80::5054:ff:fe00:7"])
def test_solicitations_for_the_unknown_end_in_the_switch(vrouter: Sandbox, source: str) -> None:
    assert send(vrouter, 7, nd(7, 135, source, "fd01::6", mac(7))).sent == []


def test_duplicate_address_detection_of_what_is_given_out_once_stays_here(
    vrouter: Sandbox,
) -> None:
    assert send(vrouter, 7, nd(7, 135, "::", "fd01::5")).sent == []


def test_a_solicitation_that_was_routed_is_not_answered(vrouter: Sandbox) -> None:
    packet = nd(7, 135, "fd01::5", "fd01::1", mac(7)).replace("nw_ttl=255", "nw_ttl=254")
    assert "p7" not in send(vrouter, 7, packet).sent

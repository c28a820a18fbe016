"""IPv6 as a vrouter forwards, answers and guards it, asked of a real ovs-vswitchd."""

from __future__ import annotations

import ipaddress
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
ALL_NODES = "33:33:00:00:00:01"


def mac(number: int) -> str:
    return f"52:54:00:00:00:{number:02x}"


def lla(owner: str) -> str:
    """The modified EUI-64 link-local address of a MAC."""
    six = bytes.fromhex(owner.replace(":", ""))
    raw = b"\xfe\x80" + bytes(6) + bytes((six[0] ^ 2,)) + six[1:3] + b"\xff\xfe" + six[3:]
    return str(ipaddress.IPv6Address(raw))


def port(number: int, evi: int, *addresses: str, mac_of: int = 0, **more: object) -> LocalPort:
    own = mac(mac_of or number)
    pairs = tuple((own, address) for address in addresses)
    return LocalPort(f"port-{number}", number, evi, own, pairs, **more)


def known(evi: int, address: str, owner: str, remote: bool) -> tuple[Neighbor, ...]:
    return Neighbor(evi, address, owner, remote), Neighbor(evi, lla(owner), owner, remote)


# Tenant A: networks 100 (fd01::/64, dual stack) and 101 (fd02::/64), VRF 900.  Tenant B: network
# 200 with A's prefix, VRF 901.  Network 100 tells unknown ones from known ones, 101 floods.
OBJECTS: tuple[StateObject, ...] = (
    Vrouter(OWN),
    Tunnel(Endpoint(VTEP2), 22),
    Tunnel(Endpoint(VTEP3), 23),
    Evi(100),
    Evi(101, flood_unknown=True),
    Evi(200),
    Vrf(900, OWN),
    Vrf(901, OWN),
    Gateway(100, 900, GW1, ("fd01::1", "fd01:0:0:1::1", lla(GW1))),
    # The same MAC, hence the same link-local address, in two networks of one VRF.
    Gateway(101, 900, GW1, ("fd02::1", lla(GW1))),
    Gateway(200, 901, GW1, ("fd01::1", lla(GW1))),
    port(1, 100, "10.1.0.5", "fd01::5"),
    port(2, 100, "fd01::6"),
    port(3, 101, "fd02::5"),
    port(4, 200, "fd01::5", mac_of=1),
    port(5, 200, "fd01::6"),
    LocalPort(
        "port-6", 6, 100, mac(6), ((mac(6), "fd01::9"), (mac(6), "fd01:50::/48"))
    ),
    port(7, 101, "fd02::7", port_security=False),
    port(8, 100, "10.1.0.8"),
    *known(100, "fd01::5", mac(1), False),
    *known(100, "fd01::6", mac(2), False),
    *known(100, "fd01::70", mac(0x70), True),
    *known(101, "fd02::5", mac(3), False),
    *known(200, "fd01::6", mac(5), False),
    RemoteMac(100, mac(0x70), (bridged(VTEP2, 100),)),
    Route(900, "fd01::5/128", (LocalHop(1, 100, mac(1), GW1),)),
    Route(900, "fd01::6/128", (LocalHop(2, 100, mac(2), GW1),)),
    Route(900, "fd02::5/128", (LocalHop(3, 101, mac(3), GW1),)),
    Route(900, "fd01::70/128", (routed(VTEP2, 900, RMAC2),)),
    Route(900, "fd01::/64", ()),
    Route(900, "fd09::/32", (routed(VTEP2, 900, RMAC2),)),
    Route(900, "fd09:0:1::/48", (routed(VTEP3, 777, RMAC3),)),
    Route(900, "fd08::/64", (routed(VTEP2, 900, RMAC2), routed(VTEP3, 777, RMAC3))),
    Route(900, "::/0", (routed(VTEP3, 777, RMAC3),)),
    Route(901, "fd01::6/128", (LocalHop(5, 200, mac(5), GW1),)),
    Flood(100, (1, 2, 6, 8)), FloodRemotes(100, (bridged(VTEP2, 100),)),
    Flood(101, (3, 7)),
    Flood(200, (4, 5)),
)


@pytest.fixture(scope="module")
def vrouter(sandbox: Sandbox) -> Iterator[Sandbox]:
    sandbox.add_ports(*range(1, 9))
    sandbox.add_underlay()
    sandbox.add_tunnel(22, VTEP2)
    sandbox.add_tunnel(23, VTEP3)
    client = sandbox.connect()
    client.install(list(OBJECTS))
    client.close()
    yield sandbox


def ip6(
    source: str, target: str, src: str, dst: str, ttl: int = 64, kind: str = "tcp6", more: str = ""
) -> str:
    return f"{kind},dl_src={source},dl_dst={target},ipv6_src={src},ipv6_dst={dst},nw_ttl={ttl}" + (
        f",{more}" if more else ""
    )


def echo(source: str, target: str, src: str, dst: str, ttl: int = 64) -> str:
    return ip6(source, target, src, dst, ttl, "icmp6", "icmpv6_type=128,icmpv6_code=0")


def nd(
    number: int, kind: int, src: str, target: str, option: str = "", to: str = "33:33:ff:00:00:05"
) -> str:
    name = "nd_sll" if kind == 135 else "nd_tll"
    packet = (
        f"icmp6,dl_src={mac(number)},dl_dst={to},ipv6_src={src},ipv6_dst=ff02::1,"
        f"icmpv6_type={kind},icmpv6_code=0,nw_ttl=255,nd_target={target}"
    )
    return f"{packet},{name}={option}" if option else packet


def from_tunnel(vtep: str, vni: int, packet: str) -> str:
    number = {VTEP2: 22, VTEP3: 23}[vtep]
    return f"in_port=t{number},tun_id={vni},tun_src={vtep},tun_dst=192.0.2.1,{packet}"


def send(vrouter: Sandbox, number: int, packet: str) -> Outcome:
    return trace(vrouter, f"in_port=p{number},{packet}")


def test_within_a_network(vrouter: Sandbox) -> None:
    result = send(vrouter, 1, ip6(mac(1), mac(2), "fd01::5", "fd01::6"))
    assert result.sent == ["p2"]
    assert (result.packet["dl_src"], result.packet["nw_ttl"]) == (mac(1), "64")
    remote = ip6(mac(1), mac(0x70), "fd01::5", "fd01::70")
    assert send(vrouter, 1, remote).sent == [(VTEP2, 100)]
    back = from_tunnel(VTEP2, 100, ip6(mac(0x70), mac(1), "fd01::70", "fd01::5"))
    assert trace(vrouter, back).sent == ["p1"]
    local = ip6(mac(1), mac(2), lla(mac(1)), lla(mac(2)))
    assert send(vrouter, 1, local).sent == ["p2"]
    assert send(vrouter, 1, ip6(mac(1), mac(0x70), lla(mac(1)), lla(mac(0x70)))).sent == [
        (VTEP2, 100)
    ]


def test_between_networks(vrouter: Sandbox) -> None:
    result = send(vrouter, 1, ip6(mac(1), GW1, "fd01::5", "fd02::5"))
    assert result.sent == ["p3"]
    packet = result.packet
    assert (packet["dl_src"], packet["dl_dst"], packet["nw_ttl"]) == (GW1, mac(3), "63")


def test_longest_prefix_match_over_vteps(vrouter: Sandbox) -> None:
    for target, hop, router_mac in (
        ("fd01::70", (VTEP2, 900), RMAC2),
        ("fd09::1", (VTEP2, 900), RMAC2),
        ("fd09:0:1::1", (VTEP3, 777), RMAC3),
        ("2001:db8::1", (VTEP3, 777), RMAC3),
    ):
        result = send(vrouter, 1, ip6(mac(1), GW1, "fd01::5", target))
        assert result.sent == [hop], target
        packet = result.packet
        assert (packet["dl_src"], packet["dl_dst"]) == (OWN, router_mac)
        assert packet["nw_ttl"] == "63"
    # In an attached prefix, and nobody has it.
    assert send(vrouter, 1, ip6(mac(1), GW1, "fd01::5", "fd01::99")).sent == []


def test_routed_from_a_tunnel_reaches_local_ports_only(vrouter: Sandbox) -> None:
    packet = ip6(RMAC2, OWN, "fd01::70", "fd02::5")
    assert trace(vrouter, from_tunnel(VTEP2, 900, packet)).sent == ["p3"]
    packet = ip6(RMAC2, OWN, "fd01::70", "fd09::1")
    assert trace(vrouter, from_tunnel(VTEP3, 900, packet)).sent == []


def test_ecmp(vrouter: Sandbox) -> None:
    hops = []
    for source in range(1024, 1064):
        more = f"tp_src={source},tp_dst=80"
        packet = ip6(mac(1), GW1, "fd01::5", "fd08::1", more=more)
        hops += send(vrouter, 1, packet).sent
    assert set(hops) == {(VTEP2, 900), (VTEP3, 777)}


@pytest.mark.parametrize("ttl", [0, 1])
def test_the_hop_limit_ends_here(vrouter: Sandbox, ttl: int) -> None:
    assert send(vrouter, 1, ip6(mac(1), GW1, "fd01::5", "fd02::5", ttl)).sent == []


@pytest.mark.parametrize("address", ["fd01::1", "fd01:0:0:1::1", "fd02::1", lla(GW1)])
@pytest.mark.parametrize("source", ["fd01::5", lla(mac(1))])
def test_the_gateway_answers_ping(vrouter: Sandbox, address: str, source: str) -> None:
    result = send(vrouter, 1, echo(mac(1), GW1, source, address, ttl=1))
    assert result.sent == ["p1"]
    packet = result.packet
    assert (packet["ipv6_src"], packet["ipv6_dst"]) == (address, source)
    assert (packet["icmp_type"], packet["nw_ttl"]) == ("129", "64")
    assert (packet["dl_src"], packet["dl_dst"]) == (GW1, mac(1))


def test_the_gateway_takes_nothing_else(vrouter: Sandbox) -> None:
    for address in ("fd01::1", lla(GW1)):
        assert send(vrouter, 1, ip6(mac(1), GW1, "fd01::5", address)).sent == []
        ping = echo(RMAC2, OWN, "fd09::5", address)
        assert trace(vrouter, from_tunnel(VTEP2, 900, ping)).sent == []


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("fd01::5", "fe80::1"),
        (lla(mac(1)), "fd02::5"),
        (lla(mac(1)), "2001:db8::1"),
        ("fd01::5", "ff0e::1"),
    ],
)
def test_link_local_and_multicast_are_never_routed(
    vrouter: Sandbox, source: str, target: str
) -> None:
    assert send(vrouter, 1, ip6(mac(1), GW1, source, target)).sent == []


def test_multicast_stays_in_its_network(vrouter: Sandbox) -> None:
    ports = "udp_src=4000,udp_dst=5000"
    packet = ip6(mac(1), "33:33:00:00:00:05", "fd01::5", "ff02::5", kind="udp6", more=ports)
    assert send(vrouter, 1, packet).sent == ["p2", "p6", "p8", (VTEP2, 100)]


def test_tenants_with_the_same_prefix_do_not_meet(vrouter: Sandbox) -> None:
    assert send(vrouter, 4, ip6(mac(1), mac(5), "fd01::5", "fd01::6")).sent == ["p5"]
    assert send(vrouter, 4, ip6(mac(1), mac(2), "fd01::5", "fd01::6")).sent == []
    assert send(vrouter, 1, ip6(mac(1), GW1, "fd01::5", "fd01::6")).sent == ["p2"]
    assert send(vrouter, 4, ip6(mac(1), GW1, "fd01::5", "fd01::6")).sent == ["p5"]
    for target in ("fd02::5", "fd09::1", "fd01::70", "2001:db8::1"):
        assert send(vrouter, 4, ip6(mac(1), GW1, "fd01::5", target)).sent == []
    assert send(vrouter, 4, nd(1, 135, "fd01::5", "fd01::70", mac(1))).sent == []


@pytest.mark.parametrize(
    ("target", "answer", "flags"),
    [
        ("fd01::1", GW1, "e0000000"), (lla(GW1), GW1, "e0000000"),
        ("fd01::6", mac(2), "60000000"), (lla(mac(2)), mac(2), "60000000"),
        ("fd01::70", mac(0x70), "60000000"), (lla(mac(0x70)), mac(0x70), "60000000"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("source", ["fd01::5", lla(mac(1))])
def test_solicitations_for_the_known_are_answered(
    vrouter: Sandbox, target: str, answer: str, flags: str, source: str
) -> None:
    result = send(vrouter, 1, nd(1, 135, source, target, mac(1)))
    assert result.sent == ["p1"]
    packet = result.packet
    assert (packet["dl_src"], packet["dl_dst"]) == (answer, mac(1))
    assert (packet["ipv6_src"], packet["ipv6_dst"]) == (target, source)
    assert (packet["icmp_type"], packet["nd_tll"]) == ("136", answer)
    assert f"nd_reserved=0x{flags}" in result.text


def test_solicitations_for_the_unknown(vrouter: Sandbox) -> None:
    """To all: dropped, but for the network that floods them.  To one: delivered."""
    assert send(vrouter, 1, nd(1, 135, "fd01::5", "fd01::99", mac(1))).sent == []
    assert send(vrouter, 1, nd(1, 135, lla(mac(1)), "fe80::99", mac(1))).sent == []
    assert send(vrouter, 1, nd(1, 135, "fd01::5", "fd01::99", mac(1), mac(2))).sent == ["p2"]
    assert send(vrouter, 1, nd(1, 135, "::", "fd01::5")).sent == []
    assert send(vrouter, 3, nd(3, 135, "fd02::5", "fd02::99", mac(3))).sent == ["p7"]
    assert send(vrouter, 3, nd(3, 135, "::", "fd02::5")).sent == ["p7"]
    result = send(vrouter, 3, nd(3, 135, "fd02::5", "fd02::1", mac(3)))
    assert result.sent == ["p3"]  # Known ones are answered there, too.
    arp = (
        f"arp,dl_src={mac(7)},dl_dst=ff:ff:ff:ff:ff:ff,arp_op=1,arp_sha={mac(7)},"
        "arp_spa=10.2.0.7,arp_tpa=10.2.0.9"
    )
    assert send(vrouter, 7, arp).sent == ["p3"]


@pytest.mark.parametrize(
    "packet",
    [
        ip6(mac(1), mac(2), "fd01::6", "fd01::6"),
        ip6(mac(1), mac(2), lla(mac(2)), "fd01::6"),
        ip6(mac(1), mac(2), lla(GW1), "fd01::6"),
        ip6(mac(2), mac(2), "fd01::5", "fd01::6"),
        ip6(mac(1), mac(2), "::", "fd01::6"),
        ip6(mac(1), mac(2), "::1", "fd01::6"),
        nd(1, 135, "fd01::6", "fd01::70", mac(1)),
        nd(1, 135, "fd01::5", "fd01::70", mac(2)),
        nd(1, 135, "::", "fd01::6"),
        nd(1, 135, "::", lla(mac(2))),
        nd(1, 136, "fd01::5", "fd01::6", mac(1), ALL_NODES),
        nd(1, 136, "fd01::5", "fd01::5", mac(2), ALL_NODES),
        nd(1, 136, "fd01::6", "fd01::6", mac(1), ALL_NODES),
        nd(1, 136, lla(mac(1)), "fd01::1", mac(1), ALL_NODES),
        nd(1, 136, lla(mac(1)), lla(GW1), mac(1), mac(2)),
        nd(1, 136, "fd01::5", "fd01::6", mac(1), mac(2)),
        ip6(mac(1), ALL_NODES, lla(mac(1)), "ff02::1", 255, "icmp6", "icmpv6_type=134"),
        ip6(mac(1), ALL_NODES, "fd01::5", "ff02::1", 255, "icmp6", "icmpv6_type=134"),
        ip6(mac(1), mac(2), lla(mac(1)), lla(mac(2)), 255, "icmp6", "icmpv6_type=134"),
        ip6(mac(1), mac(2), lla(mac(1)), "fd01::6", 255, "icmp6", "icmpv6_type=137"),
    ],
)  # fmt: skip
def test_spoofed_packets_end_in_the_guard(vrouter: Sandbox, packet: str) -> None:
    assert send(vrouter, 1, packet).sent == [], packet


def test_a_port_without_an_ipv6_address_sends_none(vrouter: Sandbox) -> None:
    packet = ip6(mac(8), mac(2), lla(mac(8)), lla(mac(2)))
    assert send(vrouter, 8, packet).sent == []


def test_own_advertisements_pass(vrouter: Sandbox) -> None:
    everyone = ["p2", "p6", "p8", (VTEP2, 100)]
    for address in ("fd01::5", lla(mac(1))):
        for option in (mac(1), ""):
            packet = nd(1, 136, address, address, option, ALL_NODES)
            assert send(vrouter, 1, packet).sent == everyone
    packet = nd(6, 136, "fd01:50::1", "fd01:50::1", mac(6), ALL_NODES)
    assert send(vrouter, 6, packet).sent == ["p1", "p2", "p8", (VTEP2, 100)]


def test_an_advertisement_is_about_the_ports_own(vrouter: Sandbox) -> None:
    """From any of its addresses, for any of them, with its MAC; nothing else."""
    for source, target, option, passes in (
        (lla(mac(1)), "fd01::5", mac(1), True),
        (lla(mac(1)), "fd01::5", mac(2), False),
        (lla(mac(1)), "fd01::6", mac(1), False),
        ("fd01::6", "fd01::5", mac(1), False),
        ("::", "fd01::5", mac(1), False),
    ):
        sent = send(vrouter, 1, nd(1, 136, source, target, option, mac(2))).sent
        assert sent == (["p2"] if passes else []), (source, target, option)


def test_address_detection_with_an_option_is_malformed(vrouter: Sandbox) -> None:
    assert send(vrouter, 3, nd(3, 135, "::", "fd02::5", mac(3))).sent == []


def test_allowed_prefixes(vrouter: Sandbox) -> None:
    for source, sent in (("fd01::9", ["p1"]), ("fd01:50:0:1::7", ["p1"]), ("fd01:51::7", [])):
        assert send(vrouter, 6, ip6(mac(6), mac(1), source, "fd01::5")).sent == sent

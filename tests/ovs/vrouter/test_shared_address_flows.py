"""Addresses that several ports may have: the node hears who announces one; on a real switch."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab.beds.sandbox import OpenFlow, Sandbox
from tests.hops import bridged
from tests.ovs.vrouter.tracing import Outcome, trace
from vrouter_ovs.edge import PuntReason
from vrouter_ovs.state import (
    Endpoint,
    Evi,
    Flood,
    FloodRemotes,
    LocalMac,
    LocalPort,
    Neighbor,
    Punt,
    RemoteMac,
    StateObject,
    Tunnel,
    Vrouter,
)
from vrouter_ovs.state.meters import meter_id

VTEP, OWN, ROUTER = "192.0.2.2", "02:00:00:00:00:01", "00:00:5e:00:01:0a"
BROADCAST, ALL_NODES = "ff:ff:ff:ff:ff:ff", "33:33:00:00:00:01"


def mac(number: int) -> str:
    return f"52:54:00:00:00:{number:02x}"


def port(number: int, *shared: tuple[str, str]) -> LocalPort:
    own = ((mac(number), f"10.1.0.{number}"), (mac(number), f"fd01::{number}"))
    return LocalPort(str(number), number, 100, mac(number), own + shared, shared=shared)


def objects() -> list[StateObject]:
    """p1 and p2 share addresses, p1 a prefix that its own is in; p3 has none."""
    return [
        Vrouter(OWN), Tunnel(Endpoint(VTEP), 22), Evi(100),
        port(
            1, (mac(1), "10.1.0.100"), (mac(1), "fd01::100"), (ROUTER, "10.1.0.101"),
            (mac(1), "10.1.0.0/28"),
        ),
        port(2, (mac(2), "10.1.0.100"), (ROUTER, "10.1.0.101")),
        port(3),
        *(Punt(str(number), number) for number in (1, 2, 3)),
        Neighbor(100, "10.1.0.3", mac(3)),
        RemoteMac(100, ROUTER, (bridged(VTEP, 100),)),
        Flood(100, (1, 2, 3)), FloodRemotes(100, (bridged(VTEP, 100),)),
    ]  # fmt: skip


@pytest.fixture(scope="module")
def ports(sandbox: Sandbox) -> Sandbox:
    sandbox.add_ports(1, 2, 3)
    sandbox.add_underlay()
    sandbox.add_tunnel(22, VTEP)
    return sandbox


@pytest.fixture
def vrouter(ports: Sandbox, openflow: OpenFlow) -> Iterator[Sandbox]:
    openflow.install(objects())
    yield ports


def arp(source: str, address: str, target: str, to: str = BROADCAST, operation: int = 1) -> str:
    return (
        f"arp,dl_src={source},dl_dst={to},arp_op={operation},arp_spa={address},arp_tpa={target},"
        f"arp_sha={source},arp_tha=00:00:00:00:00:00"
    )


def advertisement(source: str, address: str, target: str) -> str:
    return (
        f"icmp6,dl_src={source},dl_dst={ALL_NODES},ipv6_src={address},ipv6_dst=ff02::1,nw_ttl=255,"
        f"icmpv6_type=136,icmpv6_code=0,nd_target={target},nd_tll={source}"
    )


def seen(outcome: Outcome, number: int) -> bool:
    """One copy to the node, through the port's meter, with the reason."""
    if "userspace(" not in outcome.text:
        return False
    actions = outcome.text.partition("Datapath actions: ")[2].splitlines()[0]
    assert actions.count("userspace(") == 1 and actions.count("controller(") == 1
    assert f"meter:{meter_id(number)}" in outcome.text
    assert f"set_field:{int(PuntReason.SEEN):#x}->reg9" in outcome.text
    assert "reg9" not in outcome.packet
    return True


def send(vrouter: Sandbox, number: int, packet: str) -> Outcome:
    return trace(vrouter, f"in_port=p{number},{packet}")


def test_who_announces_a_shared_address_is_seen(vrouter: Sandbox) -> None:
    for packet in (
        arp(mac(1), "10.1.0.100", "10.1.0.77"),
        arp(mac(1), "10.1.0.100", "10.1.0.100", operation=2),
        arp(mac(1), "10.1.0.9", "10.1.0.9"),
    ):
        outcome = send(vrouter, 1, packet)
        assert seen(outcome, 1) and outcome.sent == [], packet


def test_announcements_reach_all(vrouter: Sandbox, openflow: OpenFlow) -> None:
    """Also where the switch knows the address elsewhere: nobody asks there."""
    openflow.install([Neighbor(100, "10.1.0.100", mac(0x70)), Neighbor(100, "10.1.0.101", ROUTER)])
    for packet in (
        arp(mac(1), "10.1.0.100", "10.1.0.100"),
        arp(ROUTER, "10.1.0.101", "10.1.0.101"),
        advertisement(mac(1), "fd01::100", "fd01::100"),
    ):
        outcome = send(vrouter, 1, packet)
        assert seen(outcome, 1) and outcome.sent == ["p2", "p3", (VTEP, 100)], packet


def test_the_packet_goes_its_way(vrouter: Sandbox) -> None:
    to_one = arp(mac(1), "10.1.0.100", "10.1.0.3", mac(3), 2)
    outcome = send(vrouter, 1, to_one)
    assert seen(outcome, 1) and outcome.sent == ["p3"]
    question = send(vrouter, 2, arp(mac(2), "10.1.0.100", "10.1.0.3"))
    assert seen(question, 2)
    assert question.packet["arp_spa"] == "10.1.0.3" and question.packet["arp_op"] == "2"


def test_own_addresses_are_no_news(vrouter: Sandbox) -> None:
    for packet in (
        arp(mac(1), "10.1.0.1", "10.1.0.1"),
        arp(mac(1), "0.0.0.0", "10.1.0.100"),
        advertisement(mac(1), "fd01::1", "fd01::1"),
        advertisement(mac(1), "fe80::5054:ff:fe00:1", "fe80::5054:ff:fe00:1"),
    ):
        outcome = send(vrouter, 1, packet)
        assert not seen(outcome, 1), packet


def test_what_is_not_allowed_is_neither_seen_nor_sent(vrouter: Sandbox) -> None:
    for number, packet in (
        (3, arp(mac(3), "10.1.0.100", "10.1.0.100")),
        (3, arp(ROUTER, "10.1.0.101", "10.1.0.101")),
        (3, advertisement(mac(3), "fd01::100", "fd01::100")),
        (2, advertisement(mac(2), "fd01::100", "fd01::100")),
        (1, arp(ROUTER, "10.1.0.100", "10.1.0.100")),
        (1, advertisement(mac(1), "fd01::100", "fd01::200")),
        (1, arp(mac(2), "10.1.0.100", "10.1.0.100")),
    ):
        outcome = send(vrouter, number, packet)
        assert not seen(outcome, number) and outcome.sent == [], packet


def test_nothing_of_a_tunnel_is_seen(vrouter: Sandbox) -> None:
    for packet in (
        arp(mac(1), "10.1.0.100", "10.1.0.100"),
        advertisement(mac(1), "fd01::100", "fd01::100"),
    ):
        outcome = trace(
            vrouter, f"in_port=t22,tun_id=100,tun_src={VTEP},tun_dst=192.0.2.1,{packet}"
        )
        assert "userspace(" not in outcome.text


def test_without_a_meter_it_still_passes(ports: Sandbox, openflow: OpenFlow) -> None:
    openflow.install([item for item in objects() if item.kind != "punt"])
    outcome = send(ports, 1, arp(mac(1), "10.1.0.100", "10.1.0.3", mac(3), 2))
    assert not seen(outcome, 1) and outcome.sent == ["p3"]


def test_a_mac_that_passes_from_port_to_port(vrouter: Sandbox, openflow: OpenFlow) -> None:
    """Here it comes before elsewhere; the MAC of a port comes before both."""
    frame = f"udp,dl_src={mac(3)},dl_dst={ROUTER},nw_src=10.1.0.3,nw_dst=10.1.0.101,nw_ttl=64"
    assert send(vrouter, 3, frame).sent == [(VTEP, 100)]
    openflow.install([*objects(), LocalMac(100, ROUTER, 2)])
    assert send(vrouter, 3, frame).sent == ["p2"]
    openflow.install([*objects(), LocalMac(100, ROUTER, 1), LocalMac(100, mac(1), 2)])
    assert send(vrouter, 3, frame).sent == ["p1"]
    assert send(vrouter, 3, frame.replace(ROUTER, mac(1))).sent == ["p1"]

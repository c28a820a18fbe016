"""What a port asks about an address of its own is not answered; what others ask is (RFC 5227
section 2.1.1, RFC 4862 section 5.4.3); on a real switch."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab.beds.sandbox import OpenFlow, Sandbox
from tests.ovs.vrouter.tracing import trace
from vrouter_ovs.addresses import link_local
from vrouter_ovs.state import Evi, Flood, Gateway, LocalPort, Neighbor, StateObject, Vrouter

OWN, GATEWAY, NOBODY = "02:00:00:00:00:01", "02:aa:00:00:00:01", "00:00:00:00:00:00"
VIRTUAL = "00:00:5e:00:01:0a"
SHARED4, SHARED6 = "10.1.0.100", "fd01::100"


def mac(number: int) -> str:
    return f"52:54:00:00:00:{number:02x}"


def port(number: int, secured: bool = True) -> LocalPort:
    """One with an address of each family, and two that it shares."""
    pairs = ((VIRTUAL, SHARED4), (mac(number), SHARED6))
    own = ((mac(number), f"10.1.0.{number}"), (mac(number), f"fd01::{number}"))
    return LocalPort(str(number), number, 100, mac(number), own + pairs, secured,
                     shared=pairs if secured else ())  # fmt: skip


def neighbors(number: int) -> list[Neighbor]:
    own = (f"10.1.0.{number}", f"fd01::{number}", link_local(mac(number)))
    return [Neighbor(100, each, mac(number), False, number) for each in own]


def objects() -> list[StateObject]:
    """p1, p2 (secured) and p3 (not); p1 holds the shared IPv4 address, p2 the IPv6 one."""
    return [
        Vrouter(OWN), Evi(100), Gateway(100, 900, GATEWAY, ("10.1.0.254", "fd01::fe")),
        port(1), port(2), port(3, secured=False),
        *neighbors(1), *neighbors(2), *neighbors(3),
        Neighbor(100, SHARED4, VIRTUAL, False, 1), Neighbor(100, SHARED6, mac(2), False, 2),
        Neighbor(100, "10.1.0.9", mac(9)), Neighbor(100, "fd01::9", mac(9)),
        Flood(100, (1, 2, 3)),
    ]  # fmt: skip


@pytest.fixture(scope="module")
def ports(sandbox: Sandbox) -> Sandbox:
    sandbox.add_ports(1, 2, 3)
    return sandbox


@pytest.fixture
def vrouter(ports: Sandbox, openflow: OpenFlow) -> Iterator[Sandbox]:
    openflow.install(objects())
    yield ports


def ask_arp(sandbox: Sandbox, number: int, target: str, source: str, sender: str = "") -> list:
    sender = sender or mac(number)
    return trace(
        sandbox,
        f"in_port={number},arp,dl_src={sender},dl_dst=ff:ff:ff:ff:ff:ff,arp_op=1,"
        f"arp_spa={source},arp_tpa={target},arp_sha={sender},arp_tha={NOBODY}",
    ).sent


def ask_nd(sandbox: Sandbox, number: int, target: str, source: str) -> list:
    option = NOBODY if source == "::" else mac(number)
    return trace(
        sandbox,
        f"in_port={number},icmp6,dl_src={mac(number)},dl_dst=33:33:ff:00:00:01,ipv6_src={source},"
        f"ipv6_dst=ff02::1:ff00:1,nw_ttl=255,icmpv6_type=135,icmpv6_code=0,nd_target={target},"
        f"nd_sll={option}",
    ).sent


@pytest.mark.parametrize("number", [1, 2, 3])
def test_own_addresses(vrouter: Sandbox, number: int) -> None:
    own4, own6 = f"10.1.0.{number}", f"fd01::{number}"
    for source in ("0.0.0.0", own4):
        assert ask_arp(vrouter, number, own4, source) == []
    for target in (own6, link_local(mac(number))):
        for source in ("::", own6, link_local(mac(number))):
            assert ask_nd(vrouter, number, target, source) == []


def test_another_mac_behind_a_port_without_port_security(vrouter: Sandbox) -> None:
    assert ask_arp(vrouter, 3, "10.1.0.3", "0.0.0.0", sender=mac(0x33)) == []


def test_a_shared_address_is_somebody_elses_where_another_port_holds_it(vrouter: Sandbox) -> None:
    assert ask_arp(vrouter, 1, SHARED4, "0.0.0.0") == []
    assert ask_arp(vrouter, 1, SHARED4, "0.0.0.0", sender=VIRTUAL) == []
    assert ask_arp(vrouter, 2, SHARED4, "0.0.0.0") == ["p2"]
    assert ask_arp(vrouter, 3, SHARED4, "0.0.0.0") == ["p3"]
    assert ask_nd(vrouter, 2, SHARED6, "fd01::2") == []
    assert ask_nd(vrouter, 1, SHARED6, "fd01::1") == ["p1"]


@pytest.mark.parametrize("number", [1, 2, 3])
def test_others_addresses_are_answered(vrouter: Sandbox, number: int) -> None:
    other = number % 3 + 1
    for target in (f"10.1.0.{other}", "10.1.0.9", "10.1.0.254"):
        for source in ("0.0.0.0", f"10.1.0.{number}"):
            assert ask_arp(vrouter, number, target, source) == [f"p{number}"]
    for target in (f"fd01::{other}", link_local(mac(other)), "fd01::9", "fd01::fe"):
        assert ask_nd(vrouter, number, target, f"fd01::{number}") == [f"p{number}"]

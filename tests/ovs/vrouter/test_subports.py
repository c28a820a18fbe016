"""Subports on a real switch: whose frames they are, where copies go, and with which tag."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from lab.beds.sandbox import Sandbox
from tests.hops import bridged
from tests.ovs.vrouter.tracing import Outcome, trace
from vrouter_ovs.numbers import SUBPORT_NUMBERS
from vrouter_ovs.state import (
    EGRESS,
    INGRESS,
    STANDBY,
    Endpoint,
    Evi,
    Flood,
    FloodRemotes,
    Gateway,
    LocalHop,
    LocalPort,
    Neighbor,
    Policy,
    Punt,
    RemoteMac,
    Route,
    Rule,
    Trunks,
    Tunnel,
    Vrf,
    Vrouter,
)

OWN, GW, VTEP = "02:00:00:00:00:01", "02:00:00:00:00:fe", "192.0.2.2"
ONE, TWO, THREE = (SUBPORT_NUMBERS[0] + n for n in range(3))
OPEN = 77
"""A policy set that lets everything pass, statefully."""
BROADCAST = "ff:ff:ff:ff:ff:ff"


def mac(number: int) -> str:
    return f"52:54:00:00:00:{number:02x}"


def address(number: int, version: int = 4) -> str:
    return f"10.1.0.{number}" if version == 4 else f"fd01::{number:x}"


def port(number: int, ofport: int, evi: int, **fields: object) -> LocalPort:
    allowed = tuple((mac(number), address(number, version)) for version in (4, 6))
    return LocalPort(f"p{number}", ofport, evi, mac(number), allowed, **fields)


@pytest.fixture(scope="module")
def vrouter(sandbox: Sandbox) -> Iterator[Sandbox]:
    """Port 1 carries 11 (VLAN 10) and 12 (VLAN 20) in EVI 200 and is in EVI 200 itself; port 2 of
    EVI 200 carries 13 (VLAN 10); 12 and port 2 have a policy set; 14 (VLAN 30 of port 1) stands
    by."""
    sandbox.add_ports(1, 2)
    sandbox.add_underlay()
    sandbox.add_tunnel(22, VTEP)
    client = sandbox.connect()
    client.install([
        Vrouter(OWN), Tunnel(Endpoint(VTEP), 22), Evi(200), Vrf(900, OWN), Trunks(),
        Gateway(200, 900, GW, (address(254), address(254, 6))),
        port(1, 1, 200), port(2, 2, 200, policy=OPEN),
        port(11, ONE, 200, parent=1, vlan=10),
        port(12, TWO, 200, parent=1, vlan=20, policy=OPEN),
        port(13, THREE, 200, parent=2, vlan=10),
        port(14, THREE + 1, 200, parent=1, vlan=30, standby=STANDBY),
        Punt("p11", ONE), Policy(OPEN),
        *(Rule(OPEN, direction, version) for direction in (INGRESS, EGRESS) for version in (4, 6)),
        *(Neighbor(200, address(n, version), mac(n), ofport=ofport)
          for n, ofport in ((1, 1), (2, 2), (11, ONE)) for version in (4, 6)),
        RemoteMac(200, mac(0x70), (bridged(VTEP, 200),)),
        Route(900, f"{address(11)}/32", (LocalHop(ONE, 200, mac(11), GW),)),
        Flood(200, (1, 2, ONE, TWO, THREE)), FloodRemotes(200, (bridged(VTEP, 200),)),
    ])  # fmt: skip
    client.close()
    yield sandbox


def tagged(in_port: int, vlan: int) -> str:
    return f"in_port={in_port},dl_vlan={vlan}" if vlan else f"in_port={in_port},vlan_tci=0"


def unicast(source: int, target: int, version: int = 4) -> str:
    if version == 4:
        ip = f"udp,nw_src={address(source)},nw_dst={address(target)},nw_ttl=64"
    else:
        ip = f"udp6,ipv6_src={address(source, 6)},ipv6_dst={address(target, 6)},nw_ttl=64"
    return f"{ip},dl_src={mac(source)},dl_dst={mac(target)},udp_src=1,udp_dst=2"


def outputs(outcome: Outcome, vlan: int) -> list[tuple[str, int]]:
    """(port name, VLAN) of each copy, in order; 0 without a tag.  ``vlan``: as it came in."""
    names = iter(outcome.sent)
    found = []
    for word in re.findall(
        r"(?:push_vlan|vlan)\(vid=\d+|pop_vlan|(?<![=\w.:(])\d+(?![\w.:])", outcome.actions
    ):
        if "vid=" in word:
            vlan = int(word.partition("=")[2])
        elif word == "pop_vlan":
            vlan = 0
        elif word.isdigit():
            name = next(names, None)
            found.append((name, vlan))
    return found


def sent(vrouter: Sandbox, flow: str, *states: str) -> list[tuple[str, int]]:
    came = re.search(r"dl_vlan=(\d+)", flow)
    return outputs(trace(vrouter, flow, *states), int(came[1]) if came else 0)


@pytest.mark.parametrize("version", [4, 6])
def test_from_and_to_subports(vrouter: Sandbox, version: int) -> None:
    for where, source, target, wanted, *states in (
        ((1, 10), 11, 1, ("p1", 0)), ((1, 0), 1, 11, ("p1", 10)),
        ((1, 10), 11, 13, ("p2", 10)), ((2, 10), 13, 11, ("p1", 10)),
        ((1, 10), 11, 12, ("p1", 20), "trk,new", "trk,est"),
        ((1, 20), 12, 11, ("p1", 10), "trk,new", "trk,est"),
        ((1, 10), 11, 2, ("p2", 0), "trk,new", "trk,est"),
        ((2, 0), 2, 11, ("p1", 10), "trk,new", "trk,est"),
    ):
        flow = f"{tagged(*where)},{unicast(source, target, version)}"
        assert sent(vrouter, flow, *states)[-1:] == [wanted], (source, target)


def test_connections_are_tracked_apart(vrouter: Sandbox) -> None:
    outcome = trace(vrouter, f"{tagged(1, 20)},{unicast(12, 2)}",
                    "trk,new", "trk,est", "trk,new", "trk,est")
    assert {*outcome.tracked} == {f"zone={TWO}", "zone=2"}


@pytest.mark.parametrize("where", [(1, 0), (1, 20), (2, 10), (1, 11), (1, 30), (2, 0)])
def test_a_subport_sends_in_its_vlan_alone(vrouter: Sandbox, where: tuple[int, int]) -> None:
    assert sent(vrouter, f"{tagged(*where)},{unicast(11, 13)}") == []


def test_arp_and_neighbor_discovery_are_answered_with_the_tag(vrouter: Sandbox) -> None:
    for target, wanted in ((2, [("p1", 10)]), (1, [("p1", 10)]), (11, [])):
        flow = (
            f"{tagged(1, 10)},arp,dl_src={mac(11)},dl_dst={BROADCAST},arp_op=1,arp_sha={mac(11)},"
            f"arp_spa={address(11)},arp_tpa={address(target)}"
        )
        assert sent(vrouter, flow) == wanted, target
        flow = (
            f"{tagged(1, 10)},icmp6,dl_src={mac(11)},dl_dst=33:33:ff:00:00:02,nw_ttl=255,"
            f"ipv6_src={address(11, 6)},ipv6_dst=ff02::1:ff00:2,icmpv6_type=135,icmpv6_code=0,"
            f"nd_target={address(target, 6)},nd_sll={mac(11)}"
        )
        assert sent(vrouter, flow) == wanted, target
    # The parent asks for what it carries.
    flow = (
        f"{tagged(1, 0)},arp,dl_src={mac(1)},dl_dst={BROADCAST},arp_op=1,arp_sha={mac(1)},"
        f"arp_spa={address(1)},arp_tpa={address(11)}"
    )
    assert sent(vrouter, flow) == [("p1", 0)]


def test_the_gateway_answers_and_routes_with_the_tag(vrouter: Sandbox) -> None:
    for ip, reply in (
        (f"icmp,nw_src={address(11)},nw_dst={address(254)},nw_ttl=9,icmp_type=8,icmp_code=0", 4),
        (f"icmp6,ipv6_src={address(11, 6)},ipv6_dst={address(254, 6)},nw_ttl=9,icmpv6_type=128,"
         "icmpv6_code=0", 6),
    ):
        flow = f"{tagged(1, 10)},{ip},dl_src={mac(11)},dl_dst={GW}"
        assert sent(vrouter, flow) == [("p1", 10)], reply
    # Back to where it came from, as a router does.
    flow = f"{tagged(1, 10)},{unicast(11, 11)}".replace(f"dl_dst={mac(11)}", f"dl_dst={GW}")
    assert sent(vrouter, flow) == [("p1", 10)]


def test_a_copy_for_each_but_the_sender(vrouter: Sandbox) -> None:
    report = "icmp6,dl_dst=33:33:00:00:00:16,ipv6_dst=ff02::16,nw_ttl=1,icmpv6_type=143"
    for where, source, wanted in (
        ((1, 10), 11, [("p1", 0), ("p2", 0), ("p1", 20), ("p2", 10)]),
        ((2, 10), 13, [("p1", 0), ("p2", 0), ("p1", 10), ("p1", 20)]),
        ((1, 0), 1, [("p2", 0), ("p1", 10), ("p1", 20), ("p2", 10)]),
    ):
        flow = f"{tagged(*where)},{report},dl_src={mac(source)},ipv6_src={address(source, 6)}"
        outcome = trace(vrouter, flow)
        found = [one for one in outputs(outcome, where[1]) if isinstance(one[0], str)]
        assert sorted(found) == sorted(wanted), outcome.actions
        assert (VTEP, 200) in outcome.sent


def test_a_subport_punts_as_itself(vrouter: Sandbox) -> None:
    flow = (
        f"{tagged(1, 10)},udp,dl_src={mac(11)},dl_dst={BROADCAST},nw_src=0.0.0.0,"
        "nw_dst=255.255.255.255,nw_ttl=64,udp_src=68,udp_dst=67"
    )
    outcome = trace(vrouter, flow)
    assert "userspace" in outcome.actions and f"in_port={ONE}" in outcome.text


def test_a_tunnel_leads_to_it_and_it_leads_to_a_tunnel(vrouter: Sandbox) -> None:
    outcome = trace(vrouter, f"{tagged(1, 10)},{unicast(11, 0x70)}")
    assert outcome.sent == [(VTEP, 200)] and "push_vlan" not in outcome.actions
    flow = f"in_port=22,tun_id=200,{unicast(0x70, 11)}"
    assert sent(vrouter, flow) == [("p1", 10)]

"""Copies of what ports send and receive, on a real switch."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab.beds.sandbox import OpenFlow, Sandbox
from tests.hops import bridged
from tests.ovs.vrouter.edge_support import GATEWAY, OWN, VTEP, mac, send
from tests.ovs.vrouter.tracing import trace
from vrouter_ovs.pipeline import render
from vrouter_ovs.state import (
    INGRESS,
    Copy,
    Endpoint,
    Evi,
    Flood,
    FloodRemotes,
    Gateway,
    LocalPort,
    Mirroring,
    Neighbor,
    Policy,
    PortMirror,
    Punt,
    RemoteMac,
    Rule,
    StateObject,
    TapPort,
    Tunnel,
    Vrf,
    Vrouter,
)

TAP, FAR_TAP = 1201, 1202


def port(number: int, policy: int = 0) -> LocalPort:
    own = mac(number)
    pairs = tuple((own, f"{prefix}{number}") for prefix in ("10.1.0.", "fd01::"))
    return LocalPort(str(number), number, 100, own, pairs, True, policy)


def objects(*more: StateObject) -> list[StateObject]:
    """p1, p2 and p3: nothing special; p4 lets TCP 22 in, and p5 nothing."""
    return [
        Vrouter(OWN), Tunnel(Endpoint(VTEP), 22), Evi(100), Vrf(900, OWN),
        Gateway(100, 900, GATEWAY, ("10.1.0.1",)), port(1), port(2), port(3), port(4, 77),
        port(5, 78), Policy(77, False), Policy(78),
        Rule(77, INGRESS, 4, 6, 22, 22, stateful=False),
        *(Punt(str(n), n) for n in (1, 2, 3, 4, 5)), Neighbor(100, "10.1.0.2", mac(2), False),
        RemoteMac(100, mac(0x70), (bridged(VTEP, 100),)),
        Flood(100, (1, 2, 3, 4, 5)), FloodRemotes(100, (bridged(VTEP, 100),)), *more,
    ]  # fmt: skip


@pytest.fixture(scope="module")
def ports(sandbox: Sandbox) -> Sandbox:
    sandbox.add_ports(1, 2, 3, 4, 5, 6)
    sandbox.add_underlay()
    sandbox.add_tunnel(22, VTEP)
    return sandbox


def mirrored(openflow: OpenFlow, *mirrors: StateObject) -> None:
    openflow.install(objects(*mirrors, Mirroring()))


def tcp(number: int, to: int, dport: int = 22, target: str = "") -> str:
    return (f"tcp,dl_src={mac(number)},dl_dst={target or mac(to)},nw_src=10.1.0.{number},"
            f"nw_dst=10.1.0.{to},nw_ttl=64,tcp_src=40000,tcp_dst={dport}")  # fmt: skip


def arrives(to: int, dport: int = 22) -> str:
    return (f"in_port=22,tun_id=100,tun_src={VTEP},tcp,dl_src={mac(0x70)},dl_dst={mac(to)},"
            f"nw_src=10.1.0.112,nw_dst=10.1.0.{to},nw_ttl=64,tcp_src=40000,tcp_dst={dport}")


@pytest.fixture
def vrouter(ports: Sandbox, openflow: OpenFlow) -> Iterator[tuple[Sandbox, OpenFlow]]:
    yield ports, openflow


def test_what_a_port_sends(vrouter: tuple[Sandbox, OpenFlow]) -> None:
    """As it is sent, also what goes no further, and nothing that it receives."""
    switch, openflow = vrouter
    mirrored(openflow, PortMirror("1", 1, sends=(Copy(6),)))
    assert sorted(send(switch, 1, tcp(1, 2)).sent) == ["p2", "p6"]
    spoofed = tcp(1, 2).replace("nw_src=10.1.0.1", "nw_src=10.1.0.9")
    assert send(switch, 1, spoofed).sent == ["p6"]
    asked = (f"arp,dl_src={mac(1)},dl_dst=ff:ff:ff:ff:ff:ff,arp_op=1,arp_sha={mac(1)},"
             f"arp_spa=10.1.0.1,arp_tpa=10.1.0.2")  # fmt: skip
    assert sorted(send(switch, 1, asked).sent) == ["p1", "p6"], "once, and the switch's answer"
    assert send(switch, 2, tcp(2, 1)).sent == ["p1"]
    assert send(switch, 3, tcp(3, 2)).sent == ["p2"]


def test_what_a_port_receives(vrouter: tuple[Sandbox, OpenFlow]) -> None:
    """With and without rules, bridged and from a tunnel; what its rules refuse is not received."""
    switch, openflow = vrouter
    mirrored(
        openflow, PortMirror("2", 2, receives=(Copy(6),)), PortMirror("4", 4, receives=(Copy(6),)),
        PortMirror("5", 5, receives=(Copy(6),)),
    )  # fmt: skip
    for to in (2, 4):
        assert sorted(send(switch, 1, tcp(1, to)).sent) == [f"p{to}", "p6"]
        assert sorted(trace(switch, arrives(to)).sent) == [f"p{to}", "p6"]
    assert send(switch, 1, tcp(1, 5)).sent == []
    assert send(switch, 1, tcp(1, 4, 23)).sent == []
    assert send(switch, 2, tcp(2, 3)).sent == ["p3"]
    discovery = (f"icmp6,dl_src={mac(1)},dl_dst={mac(5)},ipv6_src=fd01::1,ipv6_dst=fd01::5,"
                 "nw_ttl=255,icmpv6_type=136,icmpv6_code=0,nd_target=fd01::1,"
                 f"nd_tll={mac(1)}")  # fmt: skip
    assert sorted(send(switch, 1, discovery).sent) == ["p5", "p6"]
    reply = (f"arp,dl_src={mac(1)},dl_dst={mac(5)},arp_op=2,arp_sha={mac(1)},arp_spa=10.1.0.1,"
             f"arp_tha={mac(5)},arp_tpa=10.1.0.5")  # fmt: skip
    assert sorted(send(switch, 1, reply).sent) == ["p5", "p6"]


def test_a_flood_is_copied_once_for_each_that_is_mirrored(
    vrouter: tuple[Sandbox, OpenFlow],
) -> None:
    switch, openflow = vrouter
    mirrored(openflow, PortMirror("1", 1, sends=(Copy(6),)),
             PortMirror("2", 2, receives=(Copy(6),)))  # fmt: skip
    group = (f"udp,dl_src={mac(1)},dl_dst=ff:ff:ff:ff:ff:ff,nw_src=10.1.0.1,"
             "nw_dst=10.1.0.255,nw_ttl=64,udp_src=1,udp_dst=2")  # fmt: skip
    found = send(switch, 1, group).sent
    assert found.pop(found.index((VTEP, 100))) and sorted(found) == ["p2", "p3", "p6", "p6"]


def test_to_another_hypervisor_and_from_there(vrouter: tuple[Sandbox, OpenFlow]) -> None:
    """Also what came from there itself; a copy that arrives goes to its port and nowhere else."""
    switch, openflow = vrouter
    mirrored(openflow, PortMirror("1", 1, (Copy(22, FAR_TAP),), (Copy(22, FAR_TAP),)),
             TapPort(TAP, 5))  # fmt: skip
    for packet in (f"in_port=p1,{tcp(1, 2)}", arrives(1)):
        outcome = trace(switch, packet)
        assert (VTEP, FAR_TAP) in outcome.sent and len(outcome.sent) == 2
    copy = arrives(2).replace("tun_id=100", f"tun_id={TAP}")
    assert trace(switch, copy).sent == ["p5"], "whatever its rules are"


def test_two_ports_that_watch_each_other_make_no_loop(vrouter: tuple[Sandbox, OpenFlow]) -> None:
    switch, openflow = vrouter
    mirrored(openflow, PortMirror("1", 1, (Copy(2),), (Copy(2),)),
             PortMirror("2", 2, (Copy(1),), (Copy(1),)))  # fmt: skip
    assert sorted(send(switch, 1, tcp(1, 3)).sent) == ["p2", "p3"]
    assert sorted(send(switch, 1, tcp(1, 2)).sent) == ["p2", "p2"]


def test_ports_without_mirrors_have_no_flow_more() -> None:
    assert {flow.table for flow in render(PortMirror("1", 1, (Copy(6),)))} == {"classify"}
    assert len(render(PortMirror("1", 1, (Copy(6),), (Copy(6),)))) == 3
    assert all(("mirrored_in", 1) in flow.match for flow in render(Mirroring()))

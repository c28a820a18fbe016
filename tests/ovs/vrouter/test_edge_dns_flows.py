"""Which DNS packets of a port go to the node, and where multicast DNS goes; on a real switch."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from lab.beds.sandbox import OpenFlow, Sandbox
from tests.hops import bridged
from tests.ovs.vrouter.edge_support import GATEWAY, OWN, VTEP, mac, punted, send
from tests.ovs.vrouter.tracing import Outcome, trace
from vrouter_ovs.edge import PuntReason
from vrouter_ovs.state import (
    MDNS_ANSWER,
    MDNS_FLOOD,
    MDNS_LOCAL,
    DnsServer,
    Endpoint,
    Evi,
    Flood,
    FloodRemotes,
    Gateway,
    LocalPort,
    Neighbor,
    Policy,
    Punt,
    RemoteMac,
    Route,
    StateObject,
    Tunnel,
    Vrf,
    Vrouter,
)
from vrouter_ovs.state.meters import meter_id

SERVICE = "02:56:4e:00:00:64"
LINK_LOCAL, GATEWAY_LOCAL = "fe80::5054:ff:fe00:1", "fe80::aa:ff:fe00:1"
GROUP4 = ("01:00:5e:00:00:fb", "224.0.0.251")
GROUP6 = ("33:33:00:00:00:fb", "ff02::fb")


def port(number: int, secure: bool = True, policy: int = 0) -> LocalPort:
    own = mac(number)
    pairs = tuple((own, f"{prefix}{number}") for prefix in ("10.1.0.", "fd01::"))
    return LocalPort(str(number), number, 100, own, pairs, secure, policy)


def objects(mdns: str = MDNS_FLOOD) -> list[StateObject]:
    """p1 and p2: nothing special; p3: no port security; p4: a policy set that allows nothing."""
    return [
        Vrouter(OWN), Tunnel(Endpoint(VTEP), 22), Evi(100, mdns=mdns), Vrf(900, OWN),
        Gateway(100, 900, GATEWAY, ("10.1.0.1", "fd01::1", GATEWAY_LOCAL)),
        *(DnsServer(100, address) for address in ("10.1.0.1", "fd01::1", GATEWAY_LOCAL)),
        DnsServer(100, "10.1.0.254"), Neighbor(100, "10.1.0.254", SERVICE, remote=False),
        port(1), port(2), port(3, secure=False), port(4, policy=77), Policy(77),
        *(Punt(str(n), n) for n in (1, 2, 3, 4)),
        RemoteMac(100, mac(0x70), (bridged(VTEP, 100),)), Route(900, "10.1.0.0/24", ()),
        Flood(100, (1, 2, 3, 4)), FloodRemotes(100, (bridged(VTEP, 100),)),
    ]  # fmt: skip


@pytest.fixture(scope="module")
def ports(sandbox: Sandbox) -> Sandbox:
    sandbox.add_ports(1, 2, 3, 4)
    sandbox.add_underlay()
    sandbox.add_tunnel(22, VTEP)
    return sandbox


@pytest.fixture
def vrouter(ports: Sandbox, openflow: OpenFlow) -> Iterator[Sandbox]:
    openflow.install(objects())
    yield ports


def query(
    number: int, to: str, target: str = GATEWAY, kind: str = "udp", dport: int = 53,
    source: str = "", of: str = "",
) -> str:  # fmt: skip
    """A packet of port ``number`` from its own address; ``of``: with another's MAC."""
    own = of or mac(number)
    if ":" in to:
        local = f"fe80::5054:ff:fe00:{number}"
        source = source or (local if to.startswith("f") and to[1] in "ef" else f"fd01::{number}")
        where = f"{kind}6,dl_src={own},dl_dst={target},ipv6_src={source},ipv6_dst={to}"
    else:
        source = source or f"10.1.0.{number}"
        where = f"{kind},dl_src={own},dl_dst={target},nw_src={source},nw_dst={to}"
    return f"{where},nw_ttl=64,{kind}_src=40000,{kind}_dst={dport}"


def queries(number: int) -> list[str]:
    return [
        query(number, to, target, kind)
        for to, target in (
            ("10.1.0.1", GATEWAY), ("10.1.0.254", SERVICE), ("fd01::1", GATEWAY),
            (GATEWAY_LOCAL, GATEWAY),
        )
        for kind in ("udp", "tcp")
    ]  # fmt: skip


def why(text: str) -> int:
    """What the register ``why`` was set to."""
    return int(re.findall(r"set_field:(\S+)->reg9", text)[-1], 0)


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_queries_to_the_resolver_reach_the_node_alone(vrouter: Sandbox, number: int) -> None:
    """Also of a port whose policy set allows nothing, and of one without port security."""
    for packet in queries(number):
        outcome = send(vrouter, number, packet)
        assert punted(outcome, number), packet
        assert why(outcome.text) == PuntReason.DNS, packet
        assert outcome.tracked == []


def test_a_spoofed_query_is_dropped(vrouter: Sandbox) -> None:
    for number in (1, 4):
        for packet in (
            query(number, "10.1.0.1", source="10.1.0.2"),
            query(number, "10.1.0.1", kind="tcp", source="192.0.2.5"),
            query(number, "10.1.0.1", of=mac(2)),
            query(number, "fd01::1", source="fd01::2"),
            query(number, GATEWAY_LOCAL, source="fe80::2"),
            query(number, "10.1.0.254", SERVICE, source="0.0.0.0"),
        ):
            assert not punted(send(vrouter, number, packet), number), packet
    # Without port security its owner answers for what it sends; the reply goes to the port itself.
    assert punted(send(vrouter, 3, query(3, "10.1.0.1", source="192.0.2.5")), 3)


def test_nothing_from_a_tunnel_is_punted(vrouter: Sandbox) -> None:
    for packet in (*queries(1), *queries(0x70)):
        outcome = trace(
            vrouter, f"in_port=t22,tun_id=100,tun_src={VTEP},tun_dst=192.0.2.1,{packet}"
        )
        assert "userspace(" not in outcome.text and outcome.sent == [], packet


def asked(outcome: Outcome) -> bool:
    """Punted as a query: what else reaches a gateway's address is punted to be refused."""
    return "userspace(" in outcome.text and why(outcome.text) == PuntReason.DNS


def test_fragments_are_no_queries(vrouter: Sandbox) -> None:
    for kind in ("first", "later"):
        for to, target in (("10.1.0.1", GATEWAY), ("10.1.0.254", SERVICE)):
            packet = (
                f"ip,dl_src={mac(1)},dl_dst={target},nw_src=10.1.0.1,nw_dst={to},nw_proto=17,"
                f"nw_ttl=64,nw_frag={kind}"
            )
            outcome = send(vrouter, 1, packet)
            assert not asked(outcome) and outcome.sent == []


def test_other_ports_and_other_resolvers_are_no_business_of_the_node(vrouter: Sandbox) -> None:
    for dport in (52, 54, 5353, 853):
        for kind in ("udp", "tcp"):
            outcome = send(vrouter, 1, query(1, "10.1.0.1", kind=kind, dport=dport))
            assert not asked(outcome) and outcome.sent == []
    assert send(vrouter, 1, query(1, "10.1.0.2", mac(2))).sent == ["p2"]
    assert send(vrouter, 1, query(1, "fd01::70", mac(0x70))).sent == [(VTEP, 100)]
    assert send(vrouter, 4, query(4, "10.1.0.2", mac(2))).sent == []


def multicast(number: int, dport: int = 5353, unicast: str = "") -> list[str]:
    return [
        query(number, group, unicast or target, dport=dport) for target, group in (GROUP4, GROUP6)
    ]


def from_tunnel(packet: str) -> str:
    return f"in_port=t22,tun_id=100,tun_src={VTEP},tun_dst=192.0.2.1,{packet}"


def test_multicast_dns_is_flooded_as_all_multicast(vrouter: Sandbox) -> None:
    for packet in multicast(1):
        assert send(vrouter, 1, packet).sent == ["p2", "p3", (VTEP, 100)]
    for packet in multicast(0x70):
        assert trace(vrouter, from_tunnel(packet)).sent == ["p1", "p2", "p3"]


def test_multicast_dns_kept_on_the_hypervisor(ports: Sandbox, openflow: OpenFlow) -> None:
    openflow.install(objects(MDNS_LOCAL))
    for number, others in ((1, ["p2", "p3"]), (3, ["p1", "p2"]), (4, [])):
        for packet in (*multicast(number), *multicast(number, unicast=mac(0x70))):
            outcome = send(ports, number, packet)
            assert outcome.sent == others and "userspace(" not in outcome.text, packet
    for packet in multicast(0x70):
        assert trace(ports, from_tunnel(packet)).sent == []
    # Other multicast is as ever.
    assert send(ports, 1, query(1, "224.0.0.252", "01:00:5e:00:00:fc", dport=5355)).sent == [
        "p2", "p3", (VTEP, 100),
    ]  # fmt: skip


def test_multicast_dns_answered_by_the_node(ports: Sandbox, openflow: OpenFlow) -> None:
    openflow.install(objects(MDNS_ANSWER))
    for number in (1, 2, 3, 4):
        for packet in (*multicast(number), *multicast(number, unicast=mac(0x70))):
            outcome = send(ports, number, packet)
            assert punted(outcome, number), packet
            assert why(outcome.text) == PuntReason.MDNS
            assert f"meter:{meter_id(number)}" in outcome.text
        for packet in multicast(number, dport=9):
            assert not punted(send(ports, number, packet), number)
    for packet in multicast(1):
        spoofed = packet.replace("10.1.0.1", "10.1.0.2").replace(LINK_LOCAL, "fe80::2")
        assert not punted(send(ports, 1, spoofed), 1)
    for packet in multicast(0x70):
        outcome = trace(ports, from_tunnel(packet))
        assert outcome.sent == [] and "userspace(" not in outcome.text
    fragment = (
        f"ip,dl_src={mac(1)},dl_dst={GROUP4[0]},nw_src=10.1.0.1,nw_dst={GROUP4[1]},nw_proto=17,"
        "nw_ttl=255,nw_frag=first"
    )
    assert send(ports, 1, fragment).sent == []

"""Policy sets by ``ofproto/trace``: every state of a connection, and both ends of a tunnel."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab.beds.sandbox import Sandbox
from tests.hops import bridged
from tests.ovs.vrouter.tracing import Outcome, trace
from vrouter_ovs.state import (
    EGRESS,
    INGRESS,
    Endpoint,
    Evi,
    Flood,
    FloodRemotes,
    Gateway,
    LocalHop,
    LocalPort,
    Membership,
    Neighbor,
    Page,
    PeerAddress,
    Policy,
    RemoteMac,
    Route,
    Rule,
    StateObject,
    Tunnel,
    Vrf,
    Vrouter,
)

VTEP, OWN, GATEWAY = "192.0.2.2", "02:00:00:00:00:01", "02:aa:00:00:00:01"
WEB, CLIENTS, FREE, MANY = 0x10, 0x20, 0x30, 0x40
NEW, ESTABLISHED, REPLY, INVALID = "trk,new", "trk,est", "trk,est,rpl", "trk,inv"
RELATED = "trk,rel,rpl"


def mac(number: int) -> str:
    return f"52:54:00:00:00:{number:02x}"


def port(number: int, policy: int = 0, evi: int = 100) -> LocalPort:
    own = mac(number)
    pairs = ((own, f"10.{evi - 99}.0.{number}"), (own, f"fd0{evi - 99}::{number}"))
    return LocalPort(f"p{number}", number, evi, own, pairs, policy=policy)


# p1: web server, p2 and p5: clients, p3: no set, p4: stateless, p6: a set that is not there, p7: a
# set whose rules name groups of several pages; p5 is in another network.
OBJECTS: tuple[StateObject, ...] = (
    Vrouter(OWN),
    Tunnel(Endpoint(VTEP), 22),
    Evi(100),
    Evi(101),
    Vrf(900, OWN),
    Gateway(100, 900, GATEWAY, ("10.1.0.254",)),
    Gateway(101, 900, GATEWAY, ("10.2.0.254",)),
    port(1, WEB),
    port(2, CLIENTS),
    port(3),
    port(4, FREE),
    port(5, CLIENTS, 101),
    port(6, 0x6666),
    port(7, MANY),
    RemoteMac(100, mac(9), (bridged(VTEP, 100),)),
    Neighbor(100, "fd01::1", mac(1)),
    Route(900, "10.1.0.1/32", (LocalHop(1, 100, mac(1), GATEWAY),)),
    Flood(100, (1, 2, 3, 4, 7)), FloodRemotes(100, (bridged(VTEP, 100),)),
    Policy(WEB),
    Policy(CLIENTS),
    Policy(FREE, stateful=False),
    Membership(WEB, INGRESS, (Page(7),)),
    Rule(WEB, INGRESS, 4, 6, 80, 83, group="clients", page=7, bit=3),
    Rule(WEB, INGRESS, 4, 6, 443, 443),
    Rule(WEB, INGRESS, 4, 1, 8, 0),
    PeerAddress(7, INGRESS, "10.1.0.2", (3, 40, 127)),
    PeerAddress(7, INGRESS, "10.2.0.5", (3,)),
    # Its groups are on two pages, which use the same bits.
    Policy(MANY),
    Membership(MANY, INGRESS, (Page(7), Page(9, prefixes=True, macs=True))),
    Rule(MANY, INGRESS, 4, 17, 1, 1, group="clients", page=7, bit=3),
    Rule(MANY, INGRESS, 4, 17, 5353, 5353, group="by prefix", page=9, bit=70),
    Rule(MANY, INGRESS, 4, 17, 7000, 7000, group="by MAC", page=9, bit=3),
    PeerAddress(9, INGRESS, "10.1.0.0/29", (70,)),
    PeerAddress(9, INGRESS, "10.1.0.3", (4,)),
    PeerAddress(9, INGRESS, "0.0.0.0/0", (3,), mac=mac(3), evi=100),
    Rule(CLIENTS, EGRESS, 4, 6),
    Rule(FREE, EGRESS, 4, 17, 53, 53, stateful=False),
    Rule(FREE, INGRESS, 4, 17, 1024, 65535, stateful=False),
)


@pytest.fixture(scope="module")
def vrouter(sandbox: Sandbox) -> Iterator[Sandbox]:
    sandbox.add_ports(*range(1, 8))
    sandbox.add_underlay()
    sandbox.add_tunnel(22, VTEP)
    client = sandbox.connect()
    client.install(list(OBJECTS))
    client.close()
    yield sandbox


def tcp(source: int, target: int, dst_port: int, reply: bool = False, evi: int = 100) -> str:
    """A TCP packet between two VMs, and the connection it is of: trace knows no connections."""
    src, dst = (f"10.{evi - 99 if n == source else 1}.0.{n}" for n in (source, target))
    ends = (40000, dst_port) if not reply else (dst_port, 40000)
    first = (src, dst) if not reply else (dst, src)
    to = GATEWAY if evi != 100 else mac(target)
    return (
        f"tcp,dl_src={mac(source)},dl_dst={to},nw_src={src},nw_dst={dst},nw_ttl=64,"
        f"tp_src={ends[0]},tp_dst={ends[1]},ct_state=trk|est,ct_nw_proto=6,ct_nw_src={first[0]},"
        f"ct_nw_dst={first[1]},ct_tp_src=40000,ct_tp_dst={dst_port}"
    )


def send(vrouter: Sandbox, where: str, packet: str, *states: str) -> Outcome:
    return trace(vrouter, f"in_port={where},{packet}", *states)


def from_tunnel(packet: str) -> str:
    return f"tun_id=100,tun_src={VTEP},tun_dst=192.0.2.1,{packet}"


@pytest.mark.parametrize("state", [NEW, ESTABLISHED])
def test_first_direction(vrouter: Sandbox, state: str) -> None:
    """The sender's set, then the receiver's."""
    allowed = send(vrouter, "p2", tcp(2, 1, 80), ESTABLISHED, state)
    assert allowed.sent == ["p1"]
    assert allowed.tracked == ["zone=2", "zone=1"]
    assert send(vrouter, "p2", tcp(2, 1, 84), ESTABLISHED, state).sent == []
    assert send(vrouter, "p3", tcp(3, 1, 80), state).sent == []
    assert send(vrouter, "p3", tcp(3, 1, 443), state).sent == ["p1"]
    assert send(vrouter, "p2", tcp(2, 3, 9), state).sent == ["p3"]
    assert send(vrouter, "p1", tcp(1, 3, 9), state).sent == []


def test_replies(vrouter: Sandbox) -> None:
    """Held against the rules of the first direction, at the sender and at the receiver."""
    reply = tcp(1, 2, 80, reply=True)
    assert send(vrouter, "p1", reply, REPLY, REPLY).sent == ["p2"]
    assert send(vrouter, "p1", reply, NEW, REPLY).sent == []
    assert send(vrouter, "p1", tcp(1, 2, 84, reply=True), REPLY, REPLY).sent == []
    assert send(vrouter, "p1", reply, RELATED, RELATED).sent == ["p2"]
    assert send(vrouter, "p1", tcp(1, 3, 443, reply=True), REPLY).sent == ["p3"]


def test_invalid(vrouter: Sandbox) -> None:
    assert send(vrouter, "p2", tcp(2, 1, 80), INVALID).sent == []
    assert send(vrouter, "p2", tcp(2, 1, 80), ESTABLISHED, INVALID).sent == []


def test_a_new_connection_is_entered(vrouter: Sandbox) -> None:
    assert "ct(commit,zone=2)" in send(vrouter, "p2", tcp(2, 3, 80), NEW).text
    assert "ct(commit,zone=1)" in send(vrouter, "p3", tcp(3, 1, 443), NEW).text
    for outcome in (
        send(vrouter, "p2", tcp(2, 3, 80), ESTABLISHED),
        send(vrouter, "p1", tcp(1, 3, 443), NEW),
        send(vrouter, "p3", tcp(3, 1, 444), NEW),
    ):
        assert "ct(commit" not in outcome.text.replace("ct(commit,zone=NXM", "")


def test_passes(vrouter: Sandbox) -> None:
    """One more pass at the sender and one at the receiver, none without a set."""
    assert send(vrouter, "p3", tcp(3, 9, 80)).tracked == []
    assert send(vrouter, "p2", tcp(2, 9, 80), NEW).tracked == ["zone=2"]
    assert send(vrouter, "t22", from_tunnel(tcp(9, 3, 80))).tracked == []
    assert send(vrouter, "t22", from_tunnel(tcp(9, 1, 443)), NEW).tracked == ["zone=1"]


def test_to_and_from_a_tunnel(vrouter: Sandbox) -> None:
    assert send(vrouter, "p2", tcp(2, 9, 80), NEW).sent == [(VTEP, 100)]
    assert send(vrouter, "p1", tcp(1, 9, 80), NEW).sent == []
    assert send(vrouter, "p1", tcp(1, 9, 443, reply=True), REPLY).sent == [(VTEP, 100)]
    assert send(vrouter, "t22", from_tunnel(tcp(9, 1, 443)), NEW).sent == ["p1"]
    assert send(vrouter, "t22", from_tunnel(tcp(9, 1, 80)), NEW).sent == []
    assert send(vrouter, "t22", from_tunnel(tcp(9, 2, 80, reply=True)), REPLY).sent == ["p2"]
    assert send(vrouter, "t22", from_tunnel(tcp(9, 2, 80)), NEW).sent == []


def test_routed(vrouter: Sandbox) -> None:
    outcome = send(vrouter, "p5", tcp(5, 1, 80, evi=101), ESTABLISHED, NEW)
    assert outcome.sent == ["p1"]
    assert outcome.tracked == ["zone=5", "zone=1"]
    assert send(vrouter, "p5", tcp(5, 1, 84, evi=101), ESTABLISHED, NEW).sent == []


def udp(source: int, target: int, dst_port: int, more: str = "") -> str:
    return (
        f"udp,dl_src={mac(source)},dl_dst={mac(target)},nw_src=10.1.0.{source},"
        f"nw_dst=10.1.0.{target},nw_ttl=64,{more or f'udp_dst={dst_port}'}"
    )


def test_stateless(vrouter: Sandbox) -> None:
    allowed = send(vrouter, "p4", udp(4, 3, 53))
    assert (allowed.sent, allowed.tracked) == (["p3"], [])
    assert send(vrouter, "p4", udp(4, 3, 54)).sent == []
    assert send(vrouter, "p3", udp(3, 4, 2000)).sent == ["p4"]
    assert send(vrouter, "p3", udp(3, 4, 53)).sent == []
    assert send(vrouter, "p3", udp(3, 4, 0, "nw_frag=later")).sent == []


def from_peer(source: int, dst_port: int) -> str:
    """UDP to p7, and the connection it is of."""
    return (
        f"{udp(source, 7, dst_port)},udp_src=40000,ct_state=trk|est,ct_nw_proto=17,"
        f"ct_nw_src=10.1.0.{source},ct_nw_dst=10.1.0.7,ct_tp_src=40000,ct_tp_dst={dst_port}"
    )


def test_flooded_for_each_receiver(vrouter: Sandbox) -> None:
    packet = udp(3, 9, 5353).replace(mac(9), "ff:ff:ff:ff:ff:ff")
    outcome = send(vrouter, "p3", packet, *[NEW] * 3)
    assert (VTEP, 100) in outcome.sent
    assert outcome.tracked == ["zone=1", "zone=2", "zone=7"]
    assert "p4" in outcome.sent and not {"p1", "p7"} & set(outcome.sent)


def test_groups_of_several_pages(vrouter: Sandbox) -> None:
    """An address, a prefix and a MAC add up, page by page; a bit says nothing on another page."""
    # A client, by a prefix, and by a prefix and a MAC; the client's bit 3 is not that of the MAC.
    for source, ports in ((2, {1, 5353}), (6, {5353}), (3, {5353, 7000}), (9, set())):
        for port in (1, 5353, 7000):
            packet = from_tunnel(from_peer(source, port))
            sent = send(vrouter, "t22", packet, NEW).sent
            assert sent == (["p7"] if port in ports else []), (source, port)


ND = "icmp6,dl_src={},dl_dst={},ipv6_src={},ipv6_dst={},nw_ttl={},icmpv6_type={},icmpv6_code=0"


def test_discovery_is_not_subject_to_policy(vrouter: Sandbox) -> None:
    """No set here has a rule for IPv6."""
    solicit = ND.format(mac(2), mac(9), "fd01::2", "fd01::9", 255, 135)
    solicit += f",nd_target=fd01::9,nd_sll={mac(2)}"
    assert send(vrouter, "p2", solicit).sent == [(VTEP, 100)]
    advert = ND.format(mac(9), mac(1), "fd01::9", "fd01::1", 255, 136)
    advert += f",nd_target=fd01::9,nd_tll={mac(9)}"
    assert send(vrouter, "t22", from_tunnel(advert)).sent == ["p1"]
    report = ND.format(mac(2), mac(9), "fd01::2", "fd01::9", 1, 143)
    assert send(vrouter, "p2", report).sent == [(VTEP, 100)]
    # From beyond a router it is no discovery, and an echo request never is.
    for kind, limit in ((135, 254), (128, 255), (143, 64)):
        packet = ND.format(mac(9), mac(1), "fd01::9", "fd01::1", limit, kind)
        assert send(vrouter, "t22", from_tunnel(packet), NEW).sent == []


def test_arp_is_not_subject_to_policy(vrouter: Sandbox) -> None:
    reply = (
        f"arp,dl_src={mac(1)},dl_dst={mac(3)},arp_op=2,arp_sha={mac(1)},arp_spa=10.1.0.1,"
        f"arp_tpa=10.1.0.3,arp_tha={mac(3)}"
    )
    assert send(vrouter, "p1", reply).sent == ["p3"]
    assert send(vrouter, "t22", from_tunnel(reply.replace(mac(1), mac(9)))).sent == ["p3"]


def test_a_set_that_is_not_there_allows_nothing(vrouter: Sandbox) -> None:
    for states in (("trk,new",), ("trk,est",), ("trk,est,rpl",)):
        assert send(vrouter, "p6", tcp(6, 3, 80), *states).sent == []
        assert send(vrouter, "p3", tcp(3, 6, 80), *states).sent == []


def test_what_somebody_deletes_of_a_port_lets_nothing_through(vrouter: Sandbox) -> None:
    """The last of all, as it deletes: a port whose set is not known is not one without a set."""
    assert send(vrouter, "t22", from_tunnel(tcp(9, 1, 80)), NEW).sent == []
    assert send(vrouter, "t22", from_tunnel(tcp(9, 3, 80))).sent == ["p3"]
    vrouter.ofctl("del-flows", "table=port")
    for target in (1, 3):
        assert send(vrouter, "t22", from_tunnel(tcp(9, target, 80)), NEW).sent == []

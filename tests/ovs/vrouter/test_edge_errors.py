"""What a router answers with an error goes to the node, and nothing else does; on a real switch."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab.beds.sandbox import Sandbox
from tests.hops import bridged, routed
from tests.ovs.vrouter.tracing import Outcome, trace
from vrouter_ovs.edge import PuntReason
from vrouter_ovs.encapsulation import VXLAN
from vrouter_ovs.state import (
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
    StateObject,
    Tunnel,
    Vrf,
    Vrouter,
)
from vrouter_ovs.state.meters import meter_id

VTEP, OWN, THEIRS = "192.0.2.2", "02:00:00:00:00:01", "02:00:00:00:00:02"
GW, GW2 = "02:aa:00:00:00:01", "02:aa:00:00:00:02"
GW_LOCAL = "fe80::aa:ff:fe00:1"
ALL_V4, ALL_V6 = ("01:00:5e:01:02:03", "239.1.2.3"), ("33:33:00:00:00:99", "ff05::99")


def mac(number: int) -> str:
    return f"52:54:00:00:00:{number:02x}"


def port(number: int, evi: int, *addresses: str, policy: int = 0) -> LocalPort:
    own = mac(number)
    return LocalPort(str(number), number, evi, own, tuple((own, a) for a in addresses), True,
                     policy)  # fmt: skip


# Network 100 (10.1.0.0/24, fd01::/64) and 101 (10.2.0.0/24, fd02::/64) of VRF 900: p1 and p2 are in
# 100, p3 in 101; in 100 there is one far away (.70), the rest of 101 too.  Two ways to 10.7.0.0/16.
OBJECTS: list[StateObject] = [
    Vrouter(OWN, ((VXLAN, 1450),)), Tunnel(Endpoint(VTEP), 22), Evi(100), Evi(101), Vrf(900, OWN),
    Gateway(100, 900, GW, ("10.1.0.1", "fd01::1", GW_LOCAL)),
    Gateway(101, 900, GW2, ("10.2.0.1", "fd02::1")),
    port(1, 100, "10.1.0.5", "fd01::5"), port(2, 100, "10.1.0.6", "fd01::6"),
    port(3, 101, "10.2.0.5", "fd02::5"),
    *(Punt(str(number), number) for number in (1, 2, 3)),
    Neighbor(100, "10.1.0.70", mac(0x70)),
    RemoteMac(100, mac(0x70), (bridged(VTEP, 100),)),
    Route(900, "10.1.0.5/32", (LocalHop(1, 100, mac(1), GW),)),
    Route(900, "fd01::5/128", (LocalHop(1, 100, mac(1), GW),)),
    Route(900, "10.2.0.5/32", (LocalHop(3, 101, mac(3), GW2),)),
    Route(900, "fd02::5/128", (LocalHop(3, 101, mac(3), GW2),)),
    Route(900, "10.2.0.70/32", (routed(VTEP, 900, THEIRS),)),
    Route(900, "fd02::70/128", (routed(VTEP, 900, THEIRS),)),
    Route(900, "10.7.0.0/16", (LocalHop(3, 101, mac(3), GW2), routed(VTEP, 900, THEIRS))),
    Route(900, "10.1.0.0/24", ()), Route(900, "fd01::/64", ()),
    Flood(100, (1, 2)), FloodRemotes(100, (bridged(VTEP, 100),)), Flood(101, (3,)),
]  # fmt: skip
SENDERS = {4: "10.1.0.5", 6: "fd01::5"}
FAR = {4: "10.1.0.70", 6: "fd01::70"}
ROUTED_FAR = {4: "10.2.0.70", 6: "fd02::70"}
ROUTED_NEAR = {4: "10.2.0.5", 6: "fd02::5"}
NOWHERE = {4: "203.0.113.9", 6: "2001:db8::9"}
GATEWAYS = {4: ("10.1.0.1", "10.2.0.1"), 6: ("fd01::1", "fd02::1", GW_LOCAL)}
both = pytest.mark.parametrize("version", [4, 6])


@pytest.fixture(scope="module")
def vrouter(sandbox: Sandbox) -> Iterator[Sandbox]:
    sandbox.add_ports(1, 2, 3)
    sandbox.add_underlay()
    sandbox.add_tunnel(22, VTEP)
    client = sandbox.connect()
    client.clear()
    client.install(OBJECTS)
    client.close()
    yield sandbox


def ip(source: str, target: str, src: str, dst: str, ttl: int = 64, kind: str = "udp",
       ports: str = "udp_src=7,udp_dst=33434") -> str:  # fmt: skip
    six = "6" if ":" in dst else ""
    name = "ipv6" if six else "nw"
    if kind == "icmp":
        ports = "icmpv6_type=128,icmpv6_code=0" if six else "icmp_type=8,icmp_code=0"
    if kind == "tcp":
        ports = "tcp_src=7,tcp_dst=80"
    return (
        f"{kind}{six},dl_src={source},dl_dst={target},{name}_src={src},{name}_dst={dst},"
        f"nw_ttl={ttl},{ports}"
    )


def send(vrouter: Sandbox, packet: str, *states: str, larger: bool = False) -> Outcome:
    return trace(vrouter, f"in_port=p1,{packet}", *states, larger=larger)


def from_tunnel(vrouter: Sandbox, vni: int, packet: str, larger: bool = False) -> Outcome:
    outcome = trace(
        vrouter, f"in_port=t22,tun_id={vni},tun_src={VTEP},tun_dst=192.0.2.1,{packet}",
        larger=larger,
    )
    assert "userspace(" not in outcome.actions and "controller" not in outcome.actions
    return outcome


def why(outcome: Outcome) -> PuntReason | None:
    """Why it went to the node, through the meter of p1 and nowhere else; None: it did not."""
    if "userspace(" not in outcome.actions:
        return None
    assert outcome.sent == []
    assert "meter(" in outcome.actions and f"meter:{meter_id(1)}" in outcome.text
    assert outcome.actions.count("userspace(") == 1 and "controller(reason=1," in outcome.actions
    found = [line.strip() for line in outcome.text.splitlines() if "->reg9" in line]
    return PuntReason(int(found[-1].removeprefix("set_field:").partition("->")[0], 16))


# ------------------------------------------------------------ too big


@both
def test_what_fits_enters_the_tunnel_and_what_does_not_is_punted(
    vrouter: Sandbox, version: int
) -> None:
    switched = ip(mac(1), mac(0x70), SENDERS[version], FAR[version])
    routed = ip(mac(1), GW, SENDERS[version], ROUTED_FAR[version])
    for packet, vni in ((switched, 100), (routed, 900)):
        assert send(vrouter, packet).sent == [(VTEP, vni)]
        larger = send(vrouter, packet, larger=True)
        assert why(larger) == PuntReason.TOO_BIG
        # Ethernet and 1450 bytes; a VLAN tag would not count, and there is none.
        assert "check_pkt_len(size=1464," in larger.text


@both
def test_the_sender_of_a_routed_packet_is_still_known(vrouter: Sandbox, version: int) -> None:
    """Its MAC comes back off the stack: the source MAC of the last change is the sender's."""
    outcome = send(vrouter, ip(mac(1), GW, SENDERS[version], ROUTED_FAR[version]), larger=True)
    assert outcome.actions.rpartition("set(eth(src=")[2].startswith(mac(1))


@both
def test_the_size_matters_nowhere_else(vrouter: Sandbox, version: int) -> None:
    near = ip(mac(1), mac(2), SENDERS[version], "10.1.0.6" if version == 4 else "fd01::6")
    assert send(vrouter, near, larger=True).sent == ["p2"]
    assert "check_pkt_len" not in send(vrouter, near).text
    routed = send(vrouter, ip(mac(1), GW, SENDERS[version], ROUTED_NEAR[version]), larger=True)
    assert routed.sent == ["p3"] and "check_pkt_len" not in routed.text
    for vni, packet in (
        (100, ip(mac(0x70), mac(1), FAR[version], SENDERS[version])),
        (900, ip(THEIRS, OWN, ROUTED_FAR[version], SENDERS[version])),
    ):
        outcome = from_tunnel(vrouter, vni, packet, larger=True)
        assert outcome.sent == ["p1"] and "check_pkt_len" not in outcome.text


@pytest.mark.parametrize(("version", "group"), [(4, ALL_V4), (6, ALL_V6)])
def test_group_frames_are_not_measured(
    vrouter: Sandbox, version: int, group: tuple[str, str]
) -> None:
    packet = ip(mac(1), group[0], SENDERS[version], group[1])
    outcome = send(vrouter, packet, larger=True)
    assert outcome.sent == ["p2", (VTEP, 100)] and "check_pkt_len" not in outcome.text
    back = from_tunnel(vrouter, 100, ip(mac(0x70), group[0], FAR[version], group[1]))
    assert back.sent == ["p1", "p2"]


def test_what_is_no_ip_packet_ends_silently(vrouter: Sandbox) -> None:
    arp = (f"arp,dl_src={mac(1)},dl_dst={mac(0x70)},arp_op=2,arp_spa=10.1.0.5,arp_tpa=10.1.0.70,"
           f"arp_sha={mac(1)},arp_tha={mac(0x70)}")  # fmt: skip
    assert send(vrouter, arp).sent == [(VTEP, 100)]
    larger = send(vrouter, arp, larger=True)
    assert larger.sent == [] and "userspace(" not in larger.actions


@pytest.mark.parametrize("address", ["10.7.0.1", "10.7.0.2", "10.7.0.3", "10.7.0.4", "10.7.0.5"])
def test_too_big_for_one_of_several_hops(vrouter: Sandbox, address: str) -> None:
    packet = ip(mac(1), GW, "10.1.0.5", address)
    sent = send(vrouter, packet).sent
    assert sent in (["p3"], [(VTEP, 900)])
    larger = send(vrouter, packet, larger=True)
    assert (larger.sent, why(larger)) == (
        (["p3"], None) if sent == ["p3"] else ([], PuntReason.TOO_BIG)
    )


# ------------------------------------------------------------ one hop


@both
@pytest.mark.parametrize("ttl", [0, 1])
def test_a_ttl_that_is_used_up_is_told(vrouter: Sandbox, version: int, ttl: int) -> None:
    for target in (ROUTED_NEAR, ROUTED_FAR, NOWHERE):
        packet = ip(mac(1), GW, SENDERS[version], target[version], ttl)
        assert why(send(vrouter, packet)) == PuntReason.TIME_EXCEEDED
    # Bridging does not look at it.
    bridged = ip(mac(1), mac(0x70), SENDERS[version], FAR[version], ttl)
    assert send(vrouter, bridged).sent == [(VTEP, 100)]


@both
def test_the_first_vrouter_takes_the_hop(vrouter: Sandbox, version: int) -> None:
    for target, place in ((ROUTED_FAR, (VTEP, 900)), (ROUTED_NEAR, "p3")):
        outcome = send(vrouter, ip(mac(1), GW, SENDERS[version], target[version], 2))
        assert (outcome.sent, outcome.packet["nw_ttl"]) == ([place], "1")


@both
@pytest.mark.parametrize("ttl", [1, 2, 64])
def test_the_second_vrouter_takes_none(vrouter: Sandbox, version: int, ttl: int) -> None:
    packet = ip(THEIRS, OWN, ROUTED_FAR[version], SENDERS[version], ttl)
    outcome = from_tunnel(vrouter, 900, packet)
    assert (outcome.sent, outcome.packet["nw_ttl"]) == (["p1"], str(ttl))
    assert (outcome.packet["dl_src"], outcome.packet["dl_dst"]) == (GW, mac(1))


@both
def test_a_bridge_far_away_that_uses_the_gateway_takes_none(vrouter: Sandbox, version: int) -> None:
    """With the L2 VNI to the gateway's MAC: this vrouter is the only router on the way."""
    for ttl, sent in ((64, ["p3"]), (2, ["p3"]), (1, []), (0, [])):
        packet = ip(mac(0x70), GW, FAR[version], ROUTED_NEAR[version], ttl)
        outcome = from_tunnel(vrouter, 100, packet)
        assert outcome.sent == sent
        assert not sent or outcome.packet["nw_ttl"] == str(ttl - 1)


def test_the_second_vrouter_takes_none_of_several_hops(vrouter: Sandbox) -> None:
    outcome = from_tunnel(vrouter, 900, ip(THEIRS, OWN, "10.2.0.70", "10.7.0.1", 1))
    assert (outcome.sent, outcome.packet["nw_ttl"]) == (["p3"], "1")


@both
def test_from_a_tunnel_nothing_is_forwarded_with_ttl_0_or_into_a_tunnel(
    vrouter: Sandbox, version: int
) -> None:
    packet = ip(THEIRS, OWN, ROUTED_FAR[version], SENDERS[version], 0)
    assert from_tunnel(vrouter, 900, packet).sent == []
    for ttl in (1, 64):
        onward = ip(THEIRS, OWN, SENDERS[version], ROUTED_FAR[version], ttl)
        assert from_tunnel(vrouter, 900, onward).sent == []


# ------------------------------------------------------------ unreachable


@both
def test_no_route(vrouter: Sandbox, version: int) -> None:
    for kind in ("udp", "tcp", "icmp"):
        packet = ip(mac(1), GW, SENDERS[version], NOWHERE[version], 64, kind)
        assert why(send(vrouter, packet)) == PuntReason.UNREACHABLE
    packet = ip(THEIRS, OWN, ROUTED_FAR[version], NOWHERE[version])
    assert from_tunnel(vrouter, 900, packet).sent == []


@both
def test_an_address_of_an_attached_network_that_nobody_has_now(
    vrouter: Sandbox, version: int
) -> None:
    """It may be on its way to another hypervisor, so nobody is told to give up."""
    unknown = {4: "10.1.0.99", 6: "fd01::99"}[version]
    outcome = send(vrouter, ip(mac(1), GW, SENDERS[version], unknown))
    assert (outcome.sent, why(outcome)) == ([], None)


@pytest.mark.parametrize(
    ("source", "target"),
    [("fd01::5", "fe80::1234"), ("fe80::5054:ff:fe00:1", "2001:db8::9"), ("fd01::5", "ff05::99")],
)
def test_of_one_link_alone(vrouter: Sandbox, source: str, target: str) -> None:
    """RFC 4443 section 2.4 e: no error about what no router may forward."""
    outcome = send(vrouter, ip(mac(1), GW, source, target))
    assert (outcome.sent, why(outcome)) == ([], None)


@both
def test_the_gateways_addresses(vrouter: Sandbox, version: int) -> None:
    for address in GATEWAYS[version]:
        for kind in ("udp", "tcp"):
            for ttl in (1, 64):
                packet = ip(mac(1), GW, SENDERS[version], address, ttl, kind)
                assert why(send(vrouter, packet)) == PuntReason.TO_GATEWAY
        echo = ip(mac(1), GW, SENDERS[version], address, 1, "icmp")
        assert send(vrouter, echo).sent == ["p1"]
        assert from_tunnel(
            vrouter, 900, ip(THEIRS, OWN, ROUTED_FAR[version], address)
        ).sent == []


# ------------------------------------------------------------ policy


def test_policy_comes_first(vrouter: Sandbox, sandbox: Sandbox) -> None:
    """What the sender may not send is no reason to answer it."""
    client = sandbox.connect()
    try:
        client.install([port(1, 100, "10.1.0.5", "fd01::5", policy=77), Policy(77)])
        for packet in (
            ip(mac(1), GW, "10.1.0.5", "10.2.0.5", 1),
            ip(mac(1), GW, "10.1.0.5", "203.0.113.9"),
            ip(mac(1), GW, "10.1.0.5", "10.1.0.1"),
        ):
            outcome = send(vrouter, packet, "trk,new")
            assert (outcome.sent, why(outcome)) == ([], None)
    finally:
        client.clear()
        client.install(OBJECTS)
        client.close()

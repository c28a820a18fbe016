"""What of a port's packets goes to the node, and that it goes nowhere else; on a real switch."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab.beds.sandbox import STORM_RATE, OpenFlow, Sandbox
from tests.hops import bridged
from tests.ovs.vrouter.edge_support import GATEWAY, OWN, VTEP, mac, punted, send
from tests.ovs.vrouter.tracing import trace
from vrouter_ovs.state import (
    Endpoint,
    Evi,
    Flood,
    FloodRemotes,
    Gateway,
    LocalPort,
    Policy,
    Punt,
    RemoteMac,
    StateObject,
    Tunnel,
    Vrf,
    Vrouter,
)
from vrouter_ovs.state.meters import PACKETS, PUNT_BURST, PUNT_RATE, meter_pools, meters
from vrouter_ovs.wire import encode

BROADCAST, ALL_ROUTERS = "ff:ff:ff:ff:ff:ff", "33:33:00:00:00:02"


def objects(punts: bool = True) -> list[StateObject]:
    """p1: IPv4 and IPv6 addresses; p2: no address; p3: no port security; p4: a policy set that
    allows nothing.  All in EVI 100."""
    found: list[StateObject] = [
        Vrouter(OWN), Tunnel(Endpoint(VTEP), 22), Evi(100), Vrf(900, OWN),
        Gateway(100, 900, GATEWAY, ("10.1.0.1", "fd01::1")),
        LocalPort("1", 1, 100, mac(1), ((mac(1), "10.1.0.5"), (mac(1), "fd01::5"))),
        LocalPort("2", 2, 100, mac(2), ((mac(2), ""),)),
        LocalPort("3", 3, 100, mac(3), ((mac(3), "10.1.0.7"),), port_security=False),
        LocalPort("4", 4, 100, mac(4), ((mac(4), "10.1.0.5"), (mac(4), "fd01::5")), policy=77),
        Policy(77),
        RemoteMac(100, mac(0x70), (bridged(VTEP, 100),)),
        Flood(100, (1, 2, 3, 4)), FloodRemotes(100, (bridged(VTEP, 100),)),
    ]  # fmt: skip
    return found + [Punt(str(n), n) for n in (1, 2, 3, 4) if punts]


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


def dhcp(source: str, address: str = "0.0.0.0", to: str = "255.255.255.255",
         target: str = BROADCAST, ports: str = "udp_src=68,udp_dst=67") -> str:  # fmt: skip
    return f"udp,dl_src={source},dl_dst={target},nw_src={address},nw_dst={to},nw_ttl=64,{ports}"


def dhcpv6(source: str, ports: str = "udp_src=546,udp_dst=547") -> str:
    return (
        f"udp6,dl_src={source},dl_dst=33:33:00:01:00:02,ipv6_src=fe80::5054:ff:fe00:1,"
        f"ipv6_dst=ff02::1:2,nw_ttl=1,{ports}"
    )


def solicitation(source: str, address: str = "::") -> str:
    return (
        f"icmp6,dl_src={source},dl_dst={ALL_ROUTERS},ipv6_src={address},ipv6_dst=ff02::2,"
        "nw_ttl=255,icmpv6_type=133,icmpv6_code=0"
    )


def packets(number: int) -> list[str]:
    own = mac(number)
    return [
        dhcp(own),
        dhcp(own, "10.1.0.5"),
        dhcp(own, "10.1.0.5", "10.1.0.1", GATEWAY),
        dhcp(own, "10.1.0.5", "10.1.0.70", mac(0x70)),
        dhcp(own, "10.9.9.9"),
        dhcpv6(own),
        solicitation(own),
        solicitation(own, "fe80::5054:ff:fe00:1"),
    ]


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_questions_to_the_network_are_punted_and_forwarded_nowhere(
    vrouter: Sandbox, number: int
) -> None:
    for packet in packets(number):
        assert punted(send(vrouter, number, packet), number), packet


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_from_another_mac_too_as_the_meter_is_the_same(vrouter: Sandbox, number: int) -> None:
    for packet in (*packets(9), *packets(number % 3 + 1)):
        assert punted(send(vrouter, number, packet), number), packet


def test_without_a_punt_they_are_dropped(ports: Sandbox, openflow: OpenFlow) -> None:
    openflow.install(objects(punts=False))
    for number in (1, 2, 3, 4):
        for packet in packets(number):
            assert not punted(send(ports, number, packet), number), packet


def test_nothing_from_a_tunnel_is_punted(vrouter: Sandbox) -> None:
    for packet in (*packets(0x70), *packets(1)):
        outcome = trace(
            vrouter, f"in_port=t22,tun_id=100,tun_src={VTEP},tun_dst=192.0.2.1,{packet}"
        )
        assert "userspace(" not in outcome.text and "controller" not in outcome.text
        assert set(outcome.sent) <= {"p1", "p2", "p3", "p4"}


def test_a_tagged_or_fragmented_question_is_not_forwarded(vrouter: Sandbox) -> None:
    for number in (1, 2, 3, 4):
        tagged = send(vrouter, number, f"{dhcp(mac(number))},dl_vlan=5")
        assert tagged.sent == [] and "userspace(" not in tagged.text
    fragment = (
        f"ip,dl_src={mac(1)},dl_dst={BROADCAST},nw_src=0.0.0.0,nw_dst=255.255.255.255,nw_proto=17,"
        "nw_frag=later"
    )
    assert send(vrouter, 1, fragment).sent == []


def test_no_port_is_a_dhcp_server(vrouter: Sandbox) -> None:
    """Nor a router.  Port security off is how the owner of a port says that it may be."""
    answers = (
        dhcp(mac(1), "10.1.0.5", "10.1.0.7", mac(3), "udp_src=67,udp_dst=68"),
        dhcp(mac(1), "10.1.0.5", ports="udp_src=67,udp_dst=68"),
        dhcpv6(mac(1), "udp_src=547,udp_dst=546"),
        solicitation(mac(1), "fe80::5054:ff:fe00:1").replace("type=133", "type=134"),
    )
    for packet in answers:
        outcome = send(vrouter, 1, packet)
        assert outcome.sent == [] and "userspace(" not in outcome.text
    allowed = dhcp(mac(3), "10.1.0.7", "10.1.0.5", mac(1), "udp_src=67,udp_dst=68")
    assert send(vrouter, 3, allowed).sent == ["p1"]


def test_policy_is_asked_about_all_else(vrouter: Sandbox) -> None:
    for packet in (
        dhcp(mac(4), "10.1.0.5", "10.1.0.7", mac(3), "udp_src=68,udp_dst=69"),
        dhcp(mac(4), "10.1.0.5", "10.1.0.70", mac(0x70), "udp_src=1068,udp_dst=67"),
    ):
        outcome = send(vrouter, 4, packet)
        assert outcome.sent == [] and "userspace(" not in outcome.text
    assert send(
        vrouter, 1, dhcp(mac(1), "10.1.0.5", "10.1.0.5", mac(4), "udp_src=7,udp_dst=8")
    ).sent == []


def test_other_traffic_passes_as_before(vrouter: Sandbox) -> None:
    near = dhcp(mac(1), "10.1.0.5", "10.1.0.7", mac(3), "udp_src=68,udp_dst=69")
    assert send(vrouter, 1, near).sent == ["p3"]
    near = dhcp(mac(1), "10.1.0.5", "10.1.0.70", mac(0x70), "udp_src=1068,udp_dst=67")
    assert send(vrouter, 1, near).sent == [(VTEP, 100)]
    assert send(vrouter, 1, dhcp(mac(1), ports="udp_src=1,udp_dst=2")).sent == []


def test_meters_read_back(openflow: OpenFlow, sandbox: Sandbox) -> None:
    wanted = meters(meter_pools(0, STORM_RATE))
    assert openflow.read_meters() == wanted
    xid = openflow.next_xid()
    change = encode.meter_mod(encode.METER_MODIFY, 7, 9, 9, PACKETS, xid)
    openflow.send(change + encode.barrier(xid + 1))
    assert not openflow.until(21, xid + 1)[1]
    assert openflow.read_meters() == wanted | {7: (9, 9, PACKETS)}
    sandbox.ofctl("mod-meter", "meter=7,kbps,bands=type=drop,rate=4")
    assert openflow.read_meters() == wanted | {7: None}
    openflow.send(
        encode.meter_mod(encode.METER_MODIFY, 7, PUNT_RATE, PUNT_BURST, PACKETS, 5)
        + encode.barrier(6)
    )
    assert not openflow.until(21, 6)[1]
    assert openflow.read_meters() == wanted


def test_a_flow_whose_meter_is_missing_is_refused(openflow: OpenFlow, sandbox: Sandbox) -> None:
    """Why meters come first, and why a Punt is not part of its LocalPort."""
    sandbox.ofctl("del-meter", "meter=9")
    (flow,) = encode.encode_object(Punt("p", 8))
    errors = openflow.flow_mods(encode.ADD, [flow])
    assert len(errors) == 1
    openflow.send(
        encode.meter_mod(encode.METER_ADD, 9, PUNT_RATE, PUNT_BURST, PACKETS, 5) + encode.barrier(6)
    )
    openflow.until(21, 6)
    assert openflow.flow_mods(encode.ADD, [flow]) == []

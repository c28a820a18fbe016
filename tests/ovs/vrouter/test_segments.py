"""Frames of a network that come from a physical segment and go to it, asked of a real
ovs-vswitchd.  VMs 1 and 2 are in a VLAN, VM 3 in the network of the untagged frames; port 9 leads
to the physical network."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.ovs.vrouter.policy_bed import ip4, ip6, mac
from tests.ovs.vrouter.tracing import Outcome, trace
from vrouter_ovs.addresses import link_local
from vrouter_ovs.state import (
    BridgedHop,
    Endpoint,
    Evi,
    Flood,
    FloodRemotes,
    Gateway,
    LocalPort,
    Neighbor,
    PhysicalNetwork,
    Policy,
    RemoteMac,
    Segment,
    Tunnel,
    Vrf,
    Vrouter,
)
from vrouter_ovs.state.segments import OUTWARD, SERVERS

VLAN_EVI, FLAT_EVI, VID = 100, 101, 210
OUTSIDE, BROADCAST = "52:54:00:00:00:77", "ff:ff:ff:ff:ff:ff"
TAG = f"vlan_tci=0x{0x1000 | VID:x}"
DHCP = f"udp,dl_src={mac(1)},dl_dst={BROADCAST},nw_src=0.0.0.0,nw_dst=255.255.255.255,nw_ttl=64"
Send = Callable[[str, str], Outcome]


@pytest.fixture(scope="module")
def send(sandbox) -> Iterator[Send]:
    sandbox.add_ports(1, 2, 3, 9)
    sandbox.add_underlay()
    sandbox.add_tunnel(22, "192.0.2.2")

    def port(n: int, evi: int, outward: tuple[str, ...] = OUTWARD) -> LocalPort:
        allowed = (mac(n), ip4(n)), (mac(n), ip6(n))
        return LocalPort(f"p{n}", n, evi, mac(n), allowed, outward=outward, policy=7)

    far = BridgedHop(Endpoint("192.0.2.2"), VLAN_EVI)
    openflow = sandbox.connect()
    openflow.install([
        Vrouter("02:00:00:00:00:01"), Tunnel(Endpoint("192.0.2.2"), 22), Policy(7),
        Evi(VLAN_EVI, flood_unknown=True), Evi(FLAT_EVI, flood_unknown=True),
        Flood(VLAN_EVI, (1, 2)), Flood(FLAT_EVI, (3,)), FloodRemotes(VLAN_EVI, (far,)),
        port(1, VLAN_EVI), port(2, VLAN_EVI, ("arp",)), port(3, FLAT_EVI),
        *(Neighbor(VLAN_EVI, ip4(n), mac(n), ofport=n) for n in (1, 2)),
        PhysicalNetwork("physnet1", 9), Segment(VLAN_EVI, 9, VID, SERVERS), Segment(FLAT_EVI, 9),
    ])  # fmt: skip
    yield lambda port, packet: trace(sandbox, f"in_port={port},{packet}")
    openflow.close()


def arp(sender: int, target: int, asker: str = "") -> str:
    return (
        f"arp,dl_src={mac(sender)},dl_dst={BROADCAST},arp_op=1,arp_sha={mac(sender)},"
        f"arp_spa={asker or ip4(sender)},arp_tpa={ip4(target)}"
    )


def test_what_all_are_to_hear_goes_to_the_segment_too(send: Send) -> None:
    found = send("p1", arp(1, 99))
    assert "p9" in found.sent and "p2" in found.sent and ("192.0.2.2", VLAN_EVI) in found.sent
    assert f"push_vlan(vid={VID},pcp=0),9" in found.actions.replace(" ", "")
    assert found.actions.count("push_vlan") == found.actions.count("pop_vlan"), (
        "without the tag to others"
    )
    flat = send("p3", arp(3, 99))
    assert flat.sent == ["p9"] and "push_vlan" not in flat.actions


def test_unknown_unicast_goes_to_the_segment_alone(send: Send) -> None:
    frame = f"arp,dl_src={mac(1)},dl_dst={OUTSIDE},arp_op=2,arp_sha={mac(1)},arp_spa={ip4(1)}"
    found = send("p1", frame)
    assert found.sent == ["p9"] and f"vid={VID}" in found.actions
    spoofed = frame.replace(mac(1), mac(2))
    assert send("p1", spoofed).sent == []


@pytest.mark.parametrize("frame,sent", [
    (f"dl_dst={mac(1)},{TAG}", ["p1"]), (f"dl_dst={BROADCAST},{TAG}", ["p1", "p2"]),
    (f"dl_dst={mac(3)}", ["p3"]), (f"dl_dst={mac(3)},vlan_tci=0xf000", ["p3"]),
    (f"dl_dst={BROADCAST}", ["p3"]),
    (f"dl_dst={mac(1)}", []), (f"dl_dst={mac(3)},{TAG}", []),
    (f"dl_dst={mac(0x55)},{TAG}", []), (f"dl_dst={mac(1)},vlan_tci=0x10d3", []),
    (f"dl_dst=01:80:c2:00:00:0e,{TAG}", []),
    (f"dl_dst={mac(1)},{TAG},dl_type=0x8100", []),
])  # fmt: skip
def test_what_comes_from_the_segment_reaches_local_ports_alone(
    send: Send, frame: str, sent: list[str]
) -> None:
    packet = f"dl_src={OUTSIDE},{frame}" + ("" if "dl_type" in frame else ",dl_type=0x88b5")
    found = send("p9", packet)
    assert sorted(found.sent) == sent, found.text
    assert "push_vlan" not in found.actions


def test_a_multicast_source_ends(send: Send) -> None:
    frame = f"dl_src=53:54:00:00:00:01,dl_dst={mac(1)},{TAG},dl_type=0x88b5"
    assert send("p9", frame).sent == []


def test_an_announcement_and_a_probe_are_heard(send: Send) -> None:
    for asker in (ip4(1), "0.0.0.0"):
        assert {"p9", "p2"} <= set(send("p1", arp(1, 1, asker)).sent)
    assert send("p1", arp(1, 2)).sent == ["p1"], "another's address is answered here"


def test_who_asks_servers_of_the_segment(send: Send) -> None:
    """Whatever its security groups say; port 2 asks the node."""
    ask4 = f"{DHCP},udp_src=68,udp_dst=67"
    local = link_local(mac(1))
    ask6 = (
        f"udp6,dl_src={mac(1)},dl_dst=33:33:00:01:00:02,ipv6_src={local},ipv6_dst=ff02::1:2,"
        "udp_src=546,udp_dst=547"
    )
    router = (
        f"icmp6,dl_src={mac(1)},dl_dst=33:33:00:00:00:02,ipv6_src={local},ipv6_dst=ff02::2,"
        "nw_ttl=255,icmpv6_type=133,icmpv6_code=0"
    )
    for packet in (ask4, ask6, router):
        assert "p9" in send("p1", packet).sent, packet
        asked = packet.replace(mac(1), mac(2)).replace(local, link_local(mac(2)))
        assert send("p2", asked).sent == [], asked
    assert send("p1", ask4.replace(mac(1), mac(2))).sent == [], "of another's MAC"
    assert send("p1", f"{DHCP},udp_src=67,udp_dst=68").sent == [], "no VM is a server"


def test_servers_of_the_segment_answer(send: Send) -> None:
    answer = f"udp,dl_src={OUTSIDE},dl_dst={mac(1)},nw_src=10.1.0.254,nw_dst={ip4(1)},nw_ttl=64"
    found = send("p9", f"{answer},{TAG},udp_src=67,udp_dst=68")
    assert found.sent == ["p1"] and not found.tracked
    other = send("p9", f"{answer},{TAG},udp_src=67,udp_dst=69")
    assert other.sent == [] and other.tracked, "all else is the security groups' to judge"
    flat = answer.replace(mac(1), mac(3))
    assert send("p9", f"{flat},udp_src=67,udp_dst=68").sent == [], "nobody is asked there"


@pytest.fixture(scope="module")
def transparent(sandbox) -> Iterator[Send]:
    """VMs 1 and 2 of an overlay and 3 of the untagged frames, networks that carry tags; 2 has no
    port security.  VLAN 210 of the physical network is that of another network, with VM 4."""
    sandbox.add_ports(4)
    openflow = sandbox.connect()
    openflow.clear()

    def port(n: int, evi: int, secure: bool = True) -> LocalPort:
        pair = (mac(n), ip4(n))
        return LocalPort(f"p{n}", n, evi, mac(n), (pair,), secure, transparent=evi != 102)

    far = BridgedHop(Endpoint("192.0.2.2"), VLAN_EVI)
    openflow.install([
        Vrouter("02:00:00:00:00:01"), Tunnel(Endpoint("192.0.2.2"), 22),
        Evi(VLAN_EVI, transparent=True), Evi(FLAT_EVI, flood_unknown=True, transparent=True),
        Evi(102, flood_unknown=True), Flood(VLAN_EVI, (1, 2)), Flood(FLAT_EVI, (3,)),
        Flood(102, (4,)), FloodRemotes(VLAN_EVI, (far,)), Gateway(VLAN_EVI, 900, GATEWAY, ()),
        Vrf(900, "02:00:00:00:00:01"), Neighbor(VLAN_EVI, ip4(2), mac(2), ofport=2),
        RemoteMac(VLAN_EVI, mac(0x70), (far,)),
        port(1, VLAN_EVI), port(2, VLAN_EVI, False), port(3, FLAT_EVI), port(4, 102),
        PhysicalNetwork("physnet1", 9), Segment(FLAT_EVI, 9, transparent=True),
        Segment(102, 9, VID),
    ])  # fmt: skip
    yield lambda port, packet: trace(sandbox, f"in_port={port},{packet}")
    openflow.close()


GATEWAY = "02:00:00:00:00:fe"
OWN_TAG = "vlan_tci=0x1005"


def test_frames_of_a_vlan_are_carried_as_they_are(send: Send, transparent: Send) -> None:
    ip = f"ip,dl_src={mac(1)},nw_src={ip4(1)},nw_dst={ip4(2)},{OWN_TAG}"
    found = transparent("p1", f"{ip},dl_dst={mac(2)}")
    assert found.sent == ["p2"] and "pop_vlan" not in found.actions
    assert transparent("p1", f"{ip},dl_dst={mac(0x70)}").sent == [("192.0.2.2", VLAN_EVI)]
    group = transparent("p1", f"{ip},dl_dst={BROADCAST}").sent
    assert set(group) == {"p2", ("192.0.2.2", VLAN_EVI)}
    ask = arp(1, 2).replace(f"dl_src={mac(1)}", f"dl_src={mac(1)},{OWN_TAG}")
    assert "p2" in transparent("p1", ask).sent, "nobody answers for another in a VLAN"
    arrived = f"tun_id={VLAN_EVI},tun_src=192.0.2.2,dl_src={mac(0x70)},{OWN_TAG}"
    assert transparent("t22", f"{arrived},dl_dst={mac(1)},dl_type=0x800").sent == ["p1"]


def test_a_vlan_hides_nothing_and_leads_nowhere_else(send: Send, transparent: Send) -> None:
    forged = f"ip,dl_src={mac(1)},nw_src={ip4(7)},nw_dst={ip4(2)},{OWN_TAG},dl_dst={mac(2)}"
    assert transparent("p1", forged).sent == []
    assert transparent("p2", forged.replace(mac(1), mac(7)).replace(mac(2), mac(1))).sent == ["p1"]
    routed = f"ip,dl_src={mac(1)},nw_src={ip4(1)},nw_dst=10.9.0.1,{OWN_TAG},dl_dst={GATEWAY}"
    found = transparent("p1", routed)
    assert found.sent == [] and "controller" not in found.actions
    dhcp = f"{DHCP.replace(mac(1), mac(2))},udp_src=68,udp_dst=67,{OWN_TAG}"
    assert "p1" in transparent("p2", dhcp).sent and "controller" not in (
        transparent("p2", dhcp).actions), "it is for a server in that VLAN"
    asked = transparent("p1", f"{DHCP},udp_src=68,udp_dst=67,{OWN_TAG}")
    assert asked.sent == [] and "controller" not in asked.actions


def test_untagged_and_other_vlans_of_a_physical_network(send: Send, transparent: Send) -> None:
    ip = f"ip,dl_src={mac(3)},nw_src={ip4(3)},nw_dst={ip4(99)},dl_dst={OUTSIDE},{OWN_TAG}"
    found = transparent("p3", ip)
    assert found.sent == ["p9"] and "vlan" not in found.actions
    back = f"dl_src={OUTSIDE},dl_dst={mac(3)},dl_type=0x88b5"
    assert transparent("p9", f"{back},{OWN_TAG}").sent == ["p3"]
    assert transparent("p9", back).sent == ["p3"]
    assert transparent("p9", f"{back},{TAG}").sent == [], "that VLAN is another network's"
    assert transparent("p9", f"{back.replace(mac(3), mac(4))},{TAG}").sent == ["p4"]
    other = f"ip,dl_src={mac(4)},nw_src={ip4(4)},nw_dst={ip4(99)},dl_dst={OUTSIDE}"
    assert transparent("p4", f"{other},{OWN_TAG}").sent == []

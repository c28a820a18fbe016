"""A vrouter that sends more than VXLAN: each hop by its own tunnel, measured for it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab.beds.sandbox import BRIDGE, OpenFlow, Sandbox
from ryu_apps.cli.trace.ofproto import parse
from tests.ovs.vrouter.tracing import Outcome, trace
from vrouter_ovs.encapsulation import ENCAPSULATIONS
from vrouter_ovs.state import (
    BridgedHop,
    Endpoint,
    Evi,
    Flood,
    FloodRemotes,
    Gateway,
    LocalPort,
    RemoteHop,
    RemoteMac,
    Route,
    Tunnel,
    Vrf,
    Vrouter,
)

NEAR, FAR = "192.0.2.2", "192.0.2.3"
OWN, GW, THEIRS = "02:00:00:00:00:01", "02:00:00:00:00:fe", "02:00:00:00:00:02"
TUNNELS = {
    Endpoint(NEAR): 22, Endpoint(NEAR, "geneve"): 32, Endpoint("192.0.2.6", "geneve"): 33,
    Endpoint(NEAR, "nvgre"): 42,
    Endpoint(NEAR, "mpls-in-gre"): 52, Endpoint(FAR): 23, Endpoint(FAR, "mpls-in-gre"): 53,
}
GONE = Endpoint(FAR, "geneve")
"""There is no such tunnel, and one of VXLAN to the same VTEP."""
HOPS = [
    Endpoint(NEAR, "geneve"), Endpoint(NEAR), GONE, Endpoint(NEAR, "nvgre"),
    Endpoint(NEAR, "mpls-in-gre"),
]
EVI_LABEL, VRF_LABELS = 70100, (140900, 200900)
COPIES = [*HOPS, Endpoint(FAR), Endpoint(NEAR, "geneve")]


def mac(number: int) -> str:
    return f"52:54:00:00:00:{number:02x}"


@pytest.fixture(scope="module")
def vrouter(sandbox: Sandbox) -> Iterator[Sandbox]:
    sandbox.add_ports(1)
    sandbox.add_underlay()
    for (vtep, encap, _), port in TUNNELS.items():
        options = ("packet_type=legacy_l3",) if encap == "mpls-in-gre" else ()
        sandbox.add_tunnel(port, vtep, ENCAPSULATIONS[encap].ovs.interface_type, *options)
    client = sandbox.connect()
    client.install([
        Vrouter(OWN, (("geneve", 1446), ("mpls-in-gre", 1457), ("nvgre", 1458), ("vxlan", 1450))),
        Evi(100, label=EVI_LABEL), Vrf(900, OWN, VRF_LABELS),
        Gateway(100, 900, GW, ("10.0.0.1",)),
        LocalPort("p1", 1, 100, mac(1), ((mac(1), "10.0.0.11"),)),
        *(Tunnel(endpoint, port) for endpoint, port in TUNNELS.items()),
        *(RemoteMac(100, mac(0x70 + n), (BridgedHop(hop, 100),))
          for n, hop in enumerate(HOPS)),
        *(Route(900, f"10.{n}.0.0/16", (RemoteHop(hop, 900, THEIRS),))
          for n, hop in enumerate(HOPS, 1)),
        Flood(100, (1,)),
        FloodRemotes(100, tuple(BridgedHop(hop, 100) for hop in COPIES)),
    ])  # fmt: skip
    client.close()
    yield sandbox


def sent(outcome: Outcome) -> list[Endpoint]:
    """Where copies went, by the headers that the switch puts around them."""
    return [Endpoint(one.dst, one.encap) for one in parse(outcome.text, BRIDGE).tunnels]


def bridged(vrouter: Sandbox, number: int, larger: bool = False) -> Outcome:
    return trace(
        vrouter, f"in_port=p1,tcp,dl_src={mac(1)},dl_dst={mac(0x70 + number)},nw_src=10.0.0.11,"
        "nw_dst=10.0.0.70,nw_ttl=64", larger=larger,
    )  # fmt: skip


def routed(vrouter: Sandbox, number: int) -> Outcome:
    return trace(
        vrouter, f"in_port=p1,tcp,dl_src={mac(1)},dl_dst={GW},nw_src=10.0.0.11,"
        f"nw_dst=10.{number + 1}.0.1,nw_ttl=64",
    )  # fmt: skip


@pytest.mark.parametrize("way", [bridged, routed])
def test_each_hop_has_its_own_tunnel(vrouter: Sandbox, way) -> None:
    for number, endpoint in enumerate(HOPS):
        outcome = way(vrouter, number)
        assert sent(outcome) == ([] if endpoint == GONE else [endpoint]), outcome.text


@pytest.mark.parametrize("way", [bridged, routed])
def test_each_is_measured_for_its_encapsulation(vrouter: Sandbox, way) -> None:
    for number, mtu in ((0, 1446), (1, 1450), (3, 1458), (4, 1457)):
        assert f"check_pkt_len(size={mtu + 14}," in way(vrouter, number).text
    assert "tnl_push" not in bridged(vrouter, 0, larger=True).actions


def test_a_copy_for_each_and_none_in_another_encapsulation(vrouter: Sandbox) -> None:
    outcome = trace(vrouter, f"in_port=p1,tcp,dl_src={mac(1)},dl_dst=01:00:5e:00:00:05,"
                             "nw_src=10.0.0.11,nw_dst=224.0.0.5,nw_ttl=1")
    assert sent(outcome) == [hop for hop in COPIES if hop != GONE], outcome.text


def test_the_vni_of_nvgre_stands_above_the_flow_id(vrouter: Sandbox) -> None:
    """RFC 7637 section 3.2: the key is 24 bits of the virtual subnet's id and 8 of the flow's."""
    for way, key in ((bridged, "0x6400"), (routed, "0x38400")):
        assert f"gre((flags=0x2000,proto=0x6558),key={key})" in way(vrouter, 3).text


@pytest.mark.parametrize("port, shift", [(22, 0), (32, 0), (42, 8)])
def test_what_arrives_is_known_by_the_vni_whatever_it_came_in(
    vrouter: Sandbox, port: int, shift: int
) -> None:
    to_port = f"dl_src={mac(0x70)},dl_dst={mac(1)},nw_src=10.0.0.70,nw_dst=10.0.0.11,nw_ttl=64"
    for flow_id in {0, (1 << shift) - 1}:
        key = (100 << shift) + flow_id
        got = trace(vrouter, f"in_port={port},tun_id={key},tun_src={NEAR},tun_dst=192.0.2.1,tcp,"
                             f"{to_port}")
        assert got.sent == ["p1"], got.text
        other = trace(vrouter, f"in_port={port},tun_id={(101 << shift) + flow_id},tun_src={NEAR},"
                               f"tun_dst=192.0.2.1,tcp,{to_port}")
        assert other.sent == [], other.text


def test_a_key_is_read_as_its_tunnel_has_it(vrouter: Sandbox) -> None:
    """A VNI of one encapsulation may be the key of another VNI in the other."""
    to_port = f"dl_src={mac(0x70)},dl_dst={mac(1)},nw_src=10.0.0.70,nw_dst=10.0.0.11,nw_ttl=64"
    for port, key in ((42, 100), (22, 100 << 8), (32, 100 << 8)):
        got = trace(vrouter, f"in_port={port},tun_id={key},tun_src={NEAR},tun_dst=192.0.2.1,tcp,"
                             f"{to_port}")
        assert got.sent == [], got.text


@pytest.mark.parametrize("way, taken_off", [(bridged, False), (routed, True)])
def test_a_label_stands_before_a_frame_or_before_a_packet(
    vrouter: Sandbox, way, taken_off: bool
) -> None:
    """RFC 7432 section 9.1; RFC 9136 section 4.4.1."""
    actions = way(vrouter, 4).actions
    label = 900 if taken_off else 100
    assert f"add_mpls(label={label},tc=0,ttl=64,bos=1,eth_type=0x8847),tnl_push(" in actions
    assert "gre((flags=0x0,proto=0x8847))" in actions
    assert ("pop_eth,add_mpls(" in actions) == taken_off


def labelled(vrouter: Sandbox, port: int, label: int) -> Outcome:
    return trace(vrouter, f"in_port={port},tun_src={NEAR},tun_dst=192.0.2.1,dl_type=0x8847,"
                          f"mpls_label={label},mpls_bos=1,mpls_ttl=64")


def test_a_label_leads_to_its_instance(vrouter: Sandbox) -> None:
    for port in (52, 53):
        got = labelled(vrouter, port, EVI_LABEL)
        assert "pop_mpls(eth_type=0x6558),recirc(" in got.actions, got.text
        for label, eth_type in zip(VRF_LABELS, ("0x800", "0x86dd"), strict=True):
            got = labelled(vrouter, port, label)
            assert f"pop_mpls(eth_type={eth_type}),recirc(" in got.actions, got.text


@pytest.mark.parametrize("port, label", [
    (52, EVI_LABEL + 1), (52, 100), (52, 900), (1, EVI_LABEL), (1, VRF_LABELS[0]),
    (22, EVI_LABEL), (42, EVI_LABEL),
])
def test_a_label_leads_nowhere_else(vrouter: Sandbox, port: int, label: int) -> None:
    """One that nobody gave, the VNI of one that has another, and MPLS that came from a VM or in a
    frame of another tunnel."""
    got = labelled(vrouter, port, label)
    assert "pop_mpls" not in got.actions and got.sent == [], got.text


def test_all_of_it_reads_back(vrouter: Sandbox, openflow: OpenFlow) -> None:
    wanted = openflow.install([
        Vrouter(OWN, (("mpls-in-gre", 1457),)), Evi(7, label=EVI_LABEL), Vrf(8, OWN, VRF_LABELS),
        Tunnel(Endpoint(NEAR, "mpls-in-gre"), 52), Tunnel(Endpoint(FAR, "nvgre"), 42),
        Tunnel(Endpoint("192.0.2.4", "mpls-in-gre"), 53, (52,), spread=True),
        Tunnel(Endpoint("192.0.2.5", "mpls-in-gre"), 53, (52,)),
        RemoteMac(7, mac(9), (BridgedHop(Endpoint(NEAR, "mpls-in-gre"), 70000),)),
        Route(8, "10.9.0.0/16", (RemoteHop(Endpoint(NEAR, "mpls-in-gre"), 140000, ""),)),
    ])
    assert openflow.read_flows() == wanted


@pytest.mark.parametrize("spread", [True, False])
@pytest.mark.parametrize("encap", ["vxlan", "geneve", "mpls-in-gre"])
def test_several_paths_of_several_encapsulations(
    vrouter: Sandbox, openflow: OpenFlow, encap: str, spread: bool
) -> None:
    """The flows of VXLAN name no encapsulation: those of the others stand above them."""
    hop = Endpoint(NEAR, encap)
    openflow.install([
        Vrouter(OWN, (("geneve", 1450), ("mpls-in-gre", 1457), ("vxlan", 1450))), Evi(100),
        Vrf(900, OWN), Gateway(100, 900, GW, ("10.0.0.1",)),
        LocalPort("p1", 1, 100, mac(1), ((mac(1), "10.0.0.11"),)),
        Tunnel(Endpoint(NEAR), 22, (23,), spread),
        Tunnel(Endpoint(NEAR, "geneve"), 32, (33,), spread),
        Tunnel(Endpoint(NEAR, "mpls-in-gre"), 52, (53,), spread),
        RemoteMac(100, mac(0x70), (BridgedHop(hop, 70000),)),
        Route(900, "10.1.0.0/16", (RemoteHop(hop, 70000, THEIRS),)),
    ])
    for way in (bridged, routed):
        found = parse(way(vrouter, 0).text, BRIDGE).tunnels
        assert [(one.encap, one.vni) for one in found] == [(encap, 70000)]

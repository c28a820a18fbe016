"""Floating IPs on the hypervisor of their ports: in, out, to one another, who asks for them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab.beds.sandbox import Sandbox
from tests.hops import bridged, routed
from tests.ovs.vrouter.tenants import (
    BROADCAST,
    GW1,
    OWN,
    RMAC2,
    VTEP2,
    VTEP3,
    from_tunnel,
    ip,
    mac,
    port,
    send,
)
from tests.ovs.vrouter.tracing import trace
from vrouter_ovs.edge import PuntReason
from vrouter_ovs.state import (
    Endpoint,
    Evi,
    ExternalNeighbor,
    FloatingErrors,
    FloatingIp,
    Gateway,
    LocalHop,
    PhysicalNetwork,
    Punt,
    RemoteMac,
    Route,
    Segment,
    StateObject,
    Tunnel,
    Vrf,
    Vrouter,
)

FAR, CLIENT, ROUTER = "52:54:00:00:00:aa", "198.51.100.7", "203.0.113.1"
F1, F2, F3 = "203.0.113.21", "203.0.113.22", "203.0.113.23"
M1, M2, M3 = "02:f1:00:00:00:01", "02:f1:00:00:00:02", "02:f1:00:00:00:03"
ONWARD = (("0.0.0.0/0", ROUTER), ("203.0.113.0/24", ""))
OBJECTS: tuple[StateObject, ...] = (
    Vrouter(OWN),
    Tunnel(Endpoint(VTEP2), 22),
    Tunnel(Endpoint(VTEP3), 23),
    Evi(100), Evi(200), Evi(300), Vrf(900, OWN), Vrf(901, OWN),
    Gateway(100, 900, GW1, ("10.1.0.1",)),
    Gateway(200, 901, GW1, ("10.1.0.1",)),
    port(1, 100, "10.1.0.5"), Punt("port-1", 1),
    port(2, 100, "10.1.0.6"), Punt("port-2", 2),
    port(5, 200, "10.1.0.5", mac_of=1), Punt("port-5", 5),
    port(9, 300, "203.0.113.9"),
    *(
        Route(vrf, f"{address}/32", (LocalHop(number, evi, mac(own), GW1),))
        for vrf, address, number, evi, own in (
            (900, "10.1.0.5", 1, 100, 1), (900, "10.1.0.6", 2, 100, 2), (901, "10.1.0.5", 5, 200, 1)
        )
    ),
    Route(900, "10.1.0.0/24", ()),
    Route(900, "0.0.0.0/0", (routed(VTEP2, 900, RMAC2),)),
    FloatingErrors(),
    FloatingIp(300, M1, F1, 900, "10.1.0.5", 1, mac(1), GW1, ONWARD),
    FloatingIp(300, M2, F2, 901, "10.1.0.5", 5, mac(1), GW1, ONWARD),
    ExternalNeighbor(300, ROUTER, FAR, hop=bridged(VTEP3, 300)),
    ExternalNeighbor(300, "203.0.113.9", mac(9), 9),
    ExternalNeighbor(300, F3, M3, hop=bridged(VTEP2, 300)),
    RemoteMac(300, FAR, (bridged(VTEP3, 300),)),
    RemoteMac(300, M3, (bridged(VTEP2, 300),)),
)  # fmt: skip
ERRORS = (3, 11, 12)


@pytest.fixture(scope="module")
def bed(sandbox: Sandbox) -> Iterator[Sandbox]:
    sandbox.add_ports(*range(1, 10))
    sandbox.add_underlay()
    sandbox.add_tunnel(22, VTEP2)
    sandbox.add_tunnel(23, VTEP3)
    client = sandbox.connect()
    client.clear()
    client.install(list(OBJECTS))
    client.close()
    yield sandbox


def of(result: object, *names: str) -> tuple[str, ...]:
    return tuple(result.packet[name] for name in names)


def test_in(bed: Sandbox) -> None:
    result = trace(bed, from_tunnel(VTEP3, 300, ip(FAR, M1, CLIENT, F1, 50)))
    assert result.sent == ["p1"]
    assert of(result, "nw_src", "nw_dst", "nw_ttl") == (CLIENT, "10.1.0.5", "49")
    assert of(result, "dl_src", "dl_dst") == (GW1, mac(1))
    local = send(bed, 9, ip(mac(9), M1, "203.0.113.9", F1))
    assert local.sent == ["p1"] and of(local, "nw_dst", "nw_ttl") == ("10.1.0.5", "63")
    # The same fixed address in another VRF.
    other = trace(bed, from_tunnel(VTEP3, 300, ip(FAR, M2, CLIENT, F2, 50)))
    assert other.sent == ["p5"]


def test_to_its_mac_and_not_for_it(bed: Sandbox) -> None:
    for target in ("10.1.0.5", "203.0.113.99", "192.0.2.1"):
        assert trace(bed, from_tunnel(VTEP3, 300, ip(FAR, M1, CLIENT, target))).sent == []
    # Nor in another network.
    assert trace(bed, from_tunnel(VTEP3, 200, ip(FAR, M1, CLIENT, F1))).sent == []


@pytest.mark.parametrize(
    ("target", "left_by", "to"),
    [(CLIENT, (VTEP3, 300), FAR), ("203.0.113.9", "p9", mac(9)), (F3, (VTEP2, 300), M3)],
    ids=["beyond", "a port on the link", "a floating IP elsewhere"],
)
def test_out(bed: Sandbox, target: str, left_by: object, to: str) -> None:
    result = send(bed, 1, ip(mac(1), GW1, "10.1.0.5", target))
    assert result.sent == [left_by]
    assert of(result, "nw_src", "nw_dst", "nw_ttl") == (F1, target, "63")
    assert of(result, "dl_src", "dl_dst") == (M1, to)


def test_all_others_of_the_router_go_where_they_went(bed: Sandbox) -> None:
    result = send(bed, 2, ip(mac(2), GW1, "10.1.0.6", CLIENT))
    assert result.sent == [(VTEP2, 900)] and result.packet["nw_src"] == "10.1.0.6"
    # And what is inside stays as it is.
    result = send(bed, 1, ip(mac(1), GW1, "10.1.0.5", "10.1.0.6"))
    assert result.sent == ["p2"] and result.packet["nw_src"] == "10.1.0.5"


def test_from_one_floating_ip_to_another_here(bed: Sandbox) -> None:
    result = send(bed, 1, ip(mac(1), GW1, "10.1.0.5", F2))
    assert result.sent == ["p5"] and of(result, "nw_src", "nw_dst") == (F1, "10.1.0.5")
    own = send(bed, 1, ip(mac(1), GW1, "10.1.0.5", F1))
    assert own.sent == ["p1"] and of(own, "nw_src", "nw_dst") == (F1, "10.1.0.5")


def test_an_address_outside_that_nobody_has(bed: Sandbox) -> None:
    assert send(bed, 1, ip(mac(1), GW1, "10.1.0.5", "203.0.113.77")).sent == []


@pytest.mark.parametrize("kind", ERRORS)
def test_errors_go_to_the_node(bed: Sandbox, kind: int) -> None:
    error = f"icmp_type={kind},icmp_code=1"
    inward = trace(bed, from_tunnel(VTEP3, 300, ip(FAR, M1, CLIENT, F1, 50, "icmp", error)))
    outward = send(bed, 1, ip(mac(1), GW1, "10.1.0.5", CLIENT, 64, "icmp", error))
    for result in (inward, outward):
        assert result.sent == [] and "userspace" in result.actions
        assert int(result.packet["reg9"], 0) == PuntReason.TRANSLATED_ERROR
    # By the port's own meter.
    assert inward.packet["in_port"] == "1"
    assert inward.packet["nw_dst"] == "10.1.0.5" and outward.packet["nw_src"] == F1


def test_other_icmp_passes(bed: Sandbox) -> None:
    ping = "icmp_type=8,icmp_code=0"
    inward = trace(bed, from_tunnel(VTEP3, 300, ip(FAR, M1, CLIENT, F1, 50, "icmp", ping)))
    assert inward.sent == ["p1"]


def arp(target: str, to: str = BROADCAST) -> str:
    return (
        f"arp,dl_src={FAR},dl_dst={to},arp_op=1,arp_sha={FAR},arp_spa={ROUTER},arp_tpa={target}"
    )


@pytest.mark.parametrize("to", [BROADCAST, M1])
def test_who_asks_from_outside_is_answered(bed: Sandbox, to: str) -> None:
    result = trace(bed, from_tunnel(VTEP3, 300, arp(F1, to)))
    assert result.sent == [(VTEP3, 300)]
    assert of(result, "arp_spa", "arp_sha", "dl_dst", "arp_op") == (F1, M1, FAR, "2")
    assert trace(bed, from_tunnel(VTEP3, 300, arp(F3))).sent == []


def test_by_a_physical_segment(bed: Sandbox) -> None:
    client = bed.connect()
    client.install([
        PhysicalNetwork("provider", 8), Segment(300, 8, 42),
        ExternalNeighbor(300, "203.0.113.88", FAR),
    ])
    client.close()
    result = send(bed, 1, ip(mac(1), GW1, "10.1.0.5", "203.0.113.88"))
    assert result.sent == ["p8"] and "push_vlan(vid=42" in result.actions
    assert of(result, "dl_src", "dl_dst", "nw_src", "nw_ttl") == (M1, FAR, F1, "63")
    tagged = f"in_port=p8,dl_vlan=42,dl_vlan_pcp=0,{ip(FAR, M1, CLIENT, F1, 50)}"
    assert trace(bed, tagged).sent == ["p1"]
    asked = trace(bed, f"in_port=p8,dl_vlan=42,dl_vlan_pcp=0,{arp(F1)}")
    assert asked.packet["arp_sha"] == M1 and asked.sent == ["p8"]
    assert "pop_vlan" not in asked.actions

"""What leaves a VRF by its gateway port, and what comes back, at a gateway and before one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab.beds.sandbox import Sandbox
from tests.hops import bridged, routed
from tests.ovs.vrouter.tenants import (
    GW1,
    OWN,
    RMAC2,
    RMAC3,
    VTEP2,
    VTEP3,
    from_tunnel,
    ip,
    mac,
    port,
    send,
)
from tests.ovs.vrouter.tracing import Outcome, trace
from vrouter_ovs.state import (
    Endpoint,
    Evi,
    Gateway,
    GatewayPort,
    LocalHop,
    NatRefusals,
    Neighbor,
    OtherGateway,
    OutsideHop,
    RemoteMac,
    Route,
    StateObject,
    Tunnel,
    Vrf,
    Vrouter,
)

OUT, FAR = "02:0e:00:00:00:01", "52:54:00:00:00:aa"
ADDRESS, OUTSIDE = "203.0.113.10", "198.51.100.7"
ZONE = 0x8005
TO_PORT = OutsideHop(300, FAR, OUT, ofport=9)
TO_VTEP = OutsideHop(300, FAR, OUT, endpoint=Endpoint(VTEP3), label=300)


def gateway_port(**more: object) -> GatewayPort:
    given = {"addresses": (ADDRESS, "2001:db8::a"), "snat": ADDRESS, "zone": ZONE, **more}
    return GatewayPort(900, 300, OUT, router_mac=OWN, **given)


COMMON: tuple[StateObject, ...] = (
    Vrouter(OWN),
    Tunnel(Endpoint(VTEP2), 22),
    Tunnel(Endpoint(VTEP3), 23),
    Evi(100), Evi(300), Vrf(900, OWN),
    Gateway(100, 900, GW1, ("10.1.0.1", "fd01::1")),
    port(1, 100, "10.1.0.5"),
    port(4, 100, "10.1.0.8", port_security=False),
    port(7, 100, "fd01::5"),
    port(9, 300, "203.0.113.1"),
    Route(900, "10.1.0.5/32", (LocalHop(1, 100, mac(1), GW1),)),
    Route(900, "10.1.0.7/32", (routed(VTEP2, 900, RMAC2),)),
    Route(900, "fd01::5/128", (LocalHop(7, 100, mac(7), GW1),)),
    Route(900, "10.1.0.0/24", ()),
)  # fmt: skip
NEW, TRANSLATED, BACK = "trk,new", "trk,new,snat", "trk,est,rpl,dnat"


@pytest.fixture(scope="module")
def bed(sandbox: Sandbox) -> Iterator[Sandbox]:
    sandbox.add_ports(*range(1, 10))
    sandbox.add_underlay()
    sandbox.add_tunnel(22, VTEP2)
    sandbox.add_tunnel(23, VTEP3)
    yield sandbox


def have(bed: Sandbox, *objects: StateObject) -> None:
    client = bed.connect()
    client.clear()
    client.install([*COMMON, *objects])
    client.close()


def out(bed: Sandbox, state: str, source: str = "10.1.0.5", number: int = 1) -> Outcome:
    return trace(bed, f"in_port=p{number},{ip(mac(number), GW1, source, OUTSIDE)}", state)


@pytest.mark.parametrize(
    ("hop", "left_by"), [(TO_PORT, "p9"), (TO_VTEP, (VTEP3, 300))], ids=["port", "vtep"]
)
@pytest.mark.parametrize("relayed", [False, True])
def test_out(bed: Sandbox, hop: OutsideHop, left_by: object, relayed: bool) -> None:
    have(bed, gateway_port(), Route(900, "0.0.0.0/0", (hop,)))
    if relayed:
        packet = ip(RMAC2, OWN, "10.1.0.7", OUTSIDE, 63)
        result = trace(bed, from_tunnel(VTEP2, 900, packet), TRANSLATED)
    else:
        result = out(bed, TRANSLATED)
    assert result.sent == [left_by]
    assert f"ct(commit,zone={ZONE},nat(src={ADDRESS}))" in result.actions
    packet = result.packet
    # Both vrouters on its way are one router, which takes one hop.
    assert (packet["dl_src"], packet["dl_dst"], packet["nw_ttl"]) == (OUT, FAR, "63")


@pytest.mark.parametrize("hop", [TO_PORT, TO_VTEP], ids=["port", "vtep"])
def test_what_was_not_translated_stays(bed: Sandbox, hop: OutsideHop) -> None:
    have(bed, gateway_port(), NatRefusals(900), Route(900, "0.0.0.0/0", (hop,)))
    for state in (NEW, "trk,inv", "trk,est"):
        assert out(bed, state).sent == []


def test_from_and_to_the_address_itself(bed: Sandbox) -> None:
    """A guest without port security that sends from it ended the switch."""
    have(bed, gateway_port(), Route(900, "0.0.0.0/0", (TO_PORT,)))
    result = out(bed, TRANSLATED, ADDRESS, 4)
    assert result.sent == [] and f"zone={ZONE}" not in result.text.split("Datapath")[-1]
    relayed = from_tunnel(VTEP2, 900, ip(RMAC2, OWN, ADDRESS, OUTSIDE, 63))
    assert trace(bed, relayed, TRANSLATED).sent == []
    relayed = from_tunnel(VTEP2, 900, ip(RMAC2, OWN, "10.1.0.7", ADDRESS, 63))
    assert trace(bed, relayed, TRANSLATED).sent == []


@pytest.mark.parametrize("way_in", ["port", "tunnel"])
def test_back(bed: Sandbox, way_in: str) -> None:
    have(bed, gateway_port(), Route(900, "0.0.0.0/0", (TO_PORT,)))

    def back(state: str, *, inner: str) -> Outcome:
        # What conntrack would write, trace does not: the packet has its inner address already,
        # and enters behind the lookup by one of the router's own.
        packet = ip(FAR, OUT, OUTSIDE, inner, 50)
        if way_in == "port":
            return trace(bed, f"in_port=p9,{ip(mac(9), OUT, '203.0.113.1', inner, 50)}", state)
        return trace(bed, from_tunnel(VTEP3, 300, packet), state)

    result = back(BACK, inner=ADDRESS)
    assert f"ct(zone={ZONE},nat)" in result.actions
    for state in (NEW, "trk,inv"):
        assert back(state, inner=ADDRESS).sent == []
    # Nothing else enters where addresses are translated.
    assert back(BACK, inner="10.1.0.5").sent == []


def test_ping_to_the_address_is_answered(bed: Sandbox) -> None:
    have(bed, gateway_port(), Route(900, "0.0.0.0/0", (TO_PORT,)))
    ping = "icmp_type=8,icmp_code=0"
    result = trace(
        bed, from_tunnel(VTEP3, 300, ip(FAR, OUT, OUTSIDE, ADDRESS, 50, "icmp", ping)), NEW
    )
    assert result.sent == [(VTEP3, 300)]
    assert (result.packet["nw_src"], result.packet["nw_dst"]) == (ADDRESS, OUTSIDE)
    assert (result.packet["dl_dst"], result.packet["icmp_type"]) == (FAR, "0")


def test_without_translation(bed: Sandbox) -> None:
    have(
        bed, gateway_port(snat="", zone=0), Route(900, "0.0.0.0/0", (TO_PORT,)),
        Route(900, "::/0", (TO_VTEP,)),
    )
    result = send(bed, 1, ip(mac(1), GW1, "10.1.0.5", OUTSIDE))
    assert result.sent == ["p9"] and "ct(" not in result.actions
    packet = (
        f"tcp6,dl_src={mac(7)},dl_dst={GW1},ipv6_src=fd01::5,ipv6_dst=2001:db8:9::1,nw_ttl=64"
    )
    result = send(bed, 7, packet)
    assert result.sent == [(VTEP3, 300)]
    assert (result.packet["dl_src"], result.packet["nw_ttl"]) == (OUT, "63")
    # From outside to the inside, also to a VTEP that it did not come from.
    back = trace(bed, from_tunnel(VTEP3, 300, ip(FAR, OUT, OUTSIDE, "10.1.0.5", 50)))
    assert back.sent == ["p1"] and back.packet["nw_ttl"] == "49"
    back = trace(bed, from_tunnel(VTEP3, 300, ip(FAR, OUT, OUTSIDE, "10.1.0.7", 50)))
    assert back.sent == [(VTEP2, 900)]
    assert (back.packet["dl_src"], back.packet["nw_ttl"]) == (OWN, "49")
    # And not through the router to the outside again.
    through = trace(bed, from_tunnel(VTEP3, 300, ip(FAR, OUT, OUTSIDE, "192.0.2.99", 50)))
    assert through.sent == []


def test_its_address_is_known_outside(bed: Sandbox) -> None:
    have(bed, gateway_port())
    asks = (
        f"in_port=p9,arp,dl_src={mac(9)},dl_dst=ff:ff:ff:ff:ff:ff,arp_op=1,arp_sha={mac(9)},"
        f"arp_spa=203.0.113.1,arp_tpa={ADDRESS}"
    )
    result = trace(bed, asks)
    assert result.sent == ["p9"] and result.packet["arp_sha"] == OUT


def test_what_no_connection_here_knows_goes_to_the_other_gateways(bed: Sandbox) -> None:
    """One that has failed may have begun it, or a sender that sees other gateways alive."""
    others = OtherGateway(bridged(VTEP2, 300), (22,)), OtherGateway(bridged(VTEP3, 300), (23,))
    have(bed, gateway_port(before=others[:1], after=others[1:]))
    packet = ip(FAR, OUT, OUTSIDE, ADDRESS, 50)
    from_port = f"in_port=p9,{ip(mac(9), OUT, '203.0.113.1', ADDRESS, 50)}"
    with bfd_down(bed, 22):
        for state in (NEW, "trk,inv"):
            result = trace(bed, from_port, state)
            assert sorted(result.sent) == [(VTEP2, 300), (VTEP3, 300)]
    for vtep in (VTEP2, VTEP3):
        assert trace(bed, from_tunnel(vtep, 300, packet), NEW).sent == []


def test_before_the_gateways_the_first_live_one_is_taken(bed: Sandbox) -> None:
    hops = routed(VTEP2, 900, RMAC2), routed(VTEP3, 900, RMAC3)
    have(bed, Route(900, "0.0.0.0/0", hops, watch=((22,), (23,))))
    packet = ip(mac(1), GW1, "10.1.0.5", OUTSIDE)
    assert send(bed, 1, packet).sent == [(VTEP2, 900)]
    with bfd_down(bed, 22):
        result = send(bed, 1, packet)
        assert result.sent == [(VTEP3, 900)] and result.packet["dl_dst"] == RMAC3
        with bfd_down(bed, 23):
            assert send(bed, 1, packet).sent == [(VTEP2, 900)]
    assert send(bed, 1, packet).sent == [(VTEP2, 900)]


def test_to_its_mac_likewise(bed: Sandbox) -> None:
    hops = bridged(VTEP2, 300), bridged(VTEP3, 300)
    have(bed, RemoteMac(300, OUT, hops, watch=((22,), (23,))), Neighbor(300, ADDRESS, OUT))
    packet = ip(mac(9), OUT, "203.0.113.1", ADDRESS)
    assert send(bed, 9, packet).sent == [(VTEP2, 300)]
    with bfd_down(bed, 22):
        assert send(bed, 9, packet).sent == [(VTEP3, 300)]


def test_a_gateway_that_comes_second(bed: Sandbox) -> None:
    """It takes what others send it, and what its own ports send only while the first is not
    alive."""
    have(
        bed,
        gateway_port(before=(OtherGateway(bridged(VTEP2, 300), (22,)),)),
        Route(900, "0.0.0.0/0", (routed(VTEP2, 900, RMAC2), TO_PORT), watch=((22,), ())),
    )
    first = out(bed, TRANSLATED)
    assert first.sent == [(VTEP2, 900)] and "nat(" not in first.actions
    assert (first.packet["dl_src"], first.packet["dl_dst"]) == (OWN, RMAC2)
    relayed = from_tunnel(VTEP3, 900, ip(RMAC3, OWN, "10.1.0.7", OUTSIDE, 63))
    assert trace(bed, relayed, TRANSLATED).sent == ["p9"]
    to_mac = ip(mac(9), OUT, "203.0.113.1", ADDRESS)
    assert send(bed, 9, to_mac).sent == [(VTEP2, 300)]
    assert "nat" in trace(bed, from_tunnel(VTEP3, 300, ip(FAR, OUT, OUTSIDE, ADDRESS))).actions
    with bfd_down(bed, 22):
        assert out(bed, TRANSLATED).sent == ["p9"]
        assert f"ct(zone={ZONE},nat)" in send(bed, 9, to_mac).actions


class bfd_down:
    """BFD is on at a tunnel port, and nobody answers."""

    def __init__(self, bed: Sandbox, number: int) -> None:
        self.bed, self.name = bed, f"t{number}"

    def __enter__(self) -> None:
        self.bed.vsctl("set", "interface", self.name, "bfd:enable=true")
        self.bed.vsctl("wait-until", "interface", self.name, "bfd_status:state=down")

    def __exit__(self, *_: object) -> None:
        self.bed.vsctl("set", "interface", self.name, "bfd:enable=false")

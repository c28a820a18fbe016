"""ARP and neighbor discovery in a vrouter: answered, guarded, or ended; a real ovs-vswitchd."""

from __future__ import annotations

import pytest

from lab.beds.sandbox import Sandbox
from tests.ovs.vrouter.tenants import BROADCAST, GW1, VTEP2, VTEP3, arp, from_tunnel, mac, send
from tests.ovs.vrouter.tracing import trace


@pytest.mark.parametrize(
    ("tpa", "answer"), [("10.1.0.1", GW1), ("10.1.0.6", mac(2)), ("10.1.0.7", mac(7))]
)
def test_arp_is_answered_in_the_switch(vrouter: Sandbox, tpa: str, answer: str) -> None:
    for target in (BROADCAST, answer):
        result = send(vrouter, 1, arp(mac(1), target, "10.1.0.5", tpa))
        assert result.sent == ["p1"]
        packet = result.packet
        assert (packet["arp_op"], packet["dl_src"], packet["dl_dst"]) == ("2", answer, mac(1))
        assert (packet["arp_spa"], packet["arp_sha"]) == (tpa, answer)
        assert (packet["arp_tpa"], packet["arp_tha"]) == ("10.1.0.5", mac(1))


def test_arp_never_floods(vrouter: Sandbox) -> None:
    assert send(vrouter, 1, arp(mac(1), BROADCAST, "10.1.0.5", "10.1.0.200")).sent == []
    assert send(vrouter, 1, arp(mac(1), BROADCAST, "10.1.0.5", "10.1.0.5")).sent == []
    assert send(vrouter, 1, arp(mac(1), BROADCAST, "10.1.0.5", "10.1.0.5", op=2)).sent == []
    # An address of another network is nobody's here.
    assert send(vrouter, 1, arp(mac(1), BROADCAST, "10.1.0.5", "10.2.0.1")).sent == []


def test_arp_probe_and_unicast_reply(vrouter: Sandbox) -> None:
    assert send(vrouter, 1, arp(mac(1), BROADCAST, "0.0.0.0", "10.1.0.6")).sent == ["p1"]
    reply = arp(mac(1), mac(0x70), "10.1.0.5", "10.1.0.70", op=2)
    assert send(vrouter, 1, reply).sent == [(VTEP2, 100)]


def test_arp_probes_come_from_the_port_itself(vrouter: Sandbox) -> None:
    def probe(number: int, source: str, sha: str = "") -> list:
        return send(vrouter, number, arp(source, BROADCAST, "0.0.0.0", "10.1.0.7", sha=sha)).sent

    assert probe(1, mac(2)) == probe(1, mac(1), mac(2)) == probe(1, mac(2), mac(1)) == []
    # Each MAC that it may use with an IPv4 address, and none without one.
    assert probe(8, mac(8)) == probe(8, mac(0x88)) == ["p8"]
    assert probe(7, mac(7)) == []
    # What stands in for the missing address in a probe is no leave to say it from another MAC.
    claim = arp(mac(0x88), mac(2), "10.1.0.9", "10.1.0.6", op=2)
    assert send(vrouter, 8, claim).sent == []
    assert send(vrouter, 8, arp(mac(0x88), mac(2), "10.1.0.88", "10.1.0.6", op=2)).sent == ["p2"]


def test_arp_request_from_a_tunnel_reaches_local_ports_only(vrouter: Sandbox) -> None:
    packet = arp(mac(0x70), BROADCAST, "10.1.0.70", "10.1.0.5")
    result = trace(vrouter, from_tunnel(VTEP2, 100, packet))
    assert result.sent == ["p1", "p2", "p4", "p7", "p8"]


def nd(number: int, kind: int, src: str, target: str, option: str = "") -> str:
    name = "nd_sll" if kind == 135 else "nd_tll"
    packet = (
        f"icmp6,dl_src={mac(number)},dl_dst=33:33:ff:00:00:05,ipv6_src={src},ipv6_dst=ff02::1,"
        f"icmpv6_type={kind},icmpv6_code=0,nw_ttl=255,nd_target={target}"
    )
    return f"{packet},{name}={option}" if option else packet


def test_neighbor_discovery_is_guarded(vrouter: Sandbox) -> None:
    flooded = ["p1", "p2", "p4", "p8", (VTEP2, 100), (VTEP3, 555)]
    link_local = "fe80::5054:ff:fe00:7"
    for packet in (
        nd(7, 136, "fd01::5", "fd01::5", mac(7)),
        nd(7, 136, "fd01::5", "fd01::5"),
        nd(7, 136, link_local, link_local, mac(7)),
    ):
        assert send(vrouter, 7, packet).sent == flooded, packet
    for packet in (
        nd(7, 135, "fd01::9", "fd01::6", mac(7)),
        nd(7, 135, "fd01::5", "fd01::6", mac(2)),
        nd(7, 136, "fd01::5", "fd01::1", mac(7)),
        nd(7, 136, "fd01::5", "fd01::5", mac(2)),
        f"icmp6,dl_src={mac(7)},dl_dst=33:33:00:00:00:01,ipv6_src={link_local},icmpv6_type=134",
    ):
        assert send(vrouter, 7, packet).sent == [], packet


@pytest.mark.parametrize(
    ("target", "answer", "flags"),
    [("fd01::1", GW1, "e0000000"), ("fd01::7", mac(0x77), "60000000")],
)
def test_neighbor_solicitation_is_answered(
    vrouter: Sandbox, target: str, answer: str, flags: str
) -> None:
    result = send(vrouter, 7, nd(7, 135, "fd01::5", target, mac(7)))
    assert result.sent == ["p7"]
    packet = result.packet
    assert (packet["dl_src"], packet["dl_dst"]) == (answer, mac(7))
    assert (packet["ipv6_src"], packet["ipv6_dst"]) == (target, "fd01::5")
    assert (packet["icmp_type"], packet["nd_target"]) == ("136", target)
    assert packet["nd_tll"] == answer
    assert f"nd_reserved=0x{flags},nd_options_type=2" in result.text


@pytest.mark.parametrize("source", ["fd01::5", "fe80::5054:ff:fe00:7"])
def test_solicitations_for_the_unknown_end_in_the_switch(vrouter: Sandbox, source: str) -> None:
    assert send(vrouter, 7, nd(7, 135, source, "fd01::6", mac(7))).sent == []


def test_duplicate_address_detection_of_what_is_given_out_once_stays_here(
    vrouter: Sandbox,
) -> None:
    assert send(vrouter, 7, nd(7, 135, "::", "fd01::5")).sent == []


def test_a_solicitation_that_was_routed_is_not_answered(vrouter: Sandbox) -> None:
    packet = nd(7, 135, "fd01::5", "fd01::1", mac(7)).replace("nw_ttl=255", "nw_ttl=254")
    assert "p7" not in send(vrouter, 7, packet).sent

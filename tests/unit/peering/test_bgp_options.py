import pytest

from ryu_apps.control.families import EVPN, IPV4_UNICAST
from ryu_apps.peering import Peer, is_router_id, make_engine, parse_peer, parse_peers


def test_a_peer_with_everything():
    assert parse_peer("192.0.2.1 remote-as 4200000000 port 1179 name 'rack 7' passive "
                      "password s3cret hold-time 30 max-prefixes 500 "
                      "families l2vpn-evpn,ipv4-unicast max-unicast 9") == Peer(
        "192.0.2.1", 4200000000, port=1179, name="rack 7", passive=True, password="s3cret",
        hold_time=30, max_prefixes=500, families=(EVPN, IPV4_UNICAST), max_unicast=9)


def test_a_peer_with_the_least():
    peer = parse_peer("2001:DB8::0:1 remote-as 65000")
    assert peer == Peer("2001:db8::1", 65000)
    assert peer.families == (EVPN,)
    assert peer.id == "2001:db8::1"


@pytest.mark.parametrize(("text", "reason"), [
    ("", "empty"),
    ("router1 remote-as 1", "no IP address"),
    ("192.0.2.1", "remote-as is missing"),
    ("192.0.2.1 remote-as", "needs a value"),
    ("192.0.2.1 remote-as 0", "no number from 1"),
    ("192.0.2.1 remote-as 4294967296", "no number from 1"),
    ("192.0.2.1 remote-as 1 port 70000", "no number from 1 to 65535"),
    ("192.0.2.1 remote-as 1 port x", "no number"),
    ("192.0.2.1 remote-as 1 remote-as 2", "stands twice"),
    ("192.0.2.1 remote-as 1 holdtime 3", "unknown word 'holdtime'"),
    ("192.0.2.1 remote-as 1 hold-time 2", "at least 3 seconds"),
    ("192.0.2.1 remote-as 1 name 'x", "No closing quotation"),
    ("192.0.2.1 remote-as 1 name ''", "name is empty"),
    ("192.0.2.1 remote-as 1 families ipv4-vpls", "'ipv4-vpls' is none of l2vpn-evpn"),
    ("192.0.2.1 remote-as 1 families 25/70", "families '25/70' is none of"),
    ("192.0.2.1 remote-as 1 families ''", "families '' is none of"),
    ("192.0.2.1 remote-as 1 families l2vpn-evpn,l2vpn-evpn", "names a family twice"),
    ("192.0.2.1 remote-as 1 password " + "x" * 81, "80 bytes"),
])
def test_what_is_wrong_is_said(text, reason):
    with pytest.raises(ValueError, match=reason):
        parse_peer(text)


def test_an_unknown_engine_is_a_value_error():
    with pytest.raises(ValueError, match="no BGP engine 'bird'"):
        make_engine("bird", None, print)


@pytest.mark.parametrize("lines, reason", [
    (["192.0.2.1 remote-as 1", "192.0.2.1 remote-as 2 name x"], "address 192.0.2.1"),
    (["192.0.2.1 remote-as 1 name x", "192.0.2.2 remote-as 1 name x"], "name x"),
    (["192.0.2.1 remote-as 1", "192.0.2.2 remote-as 1 name 192.0.2.1"], "name 192.0.2.1"),
    (["192.0.2.1 remote-as 1", "::ffff:192.0.2.1 remote-as 1"], "address 192.0.2.1"),
    (["fe80::1%eth0 remote-as 1", "FE80:0::1%eth0 remote-as 1"], "address fe80::1%eth0"),
])
def test_two_peers_of_one_address_or_name(lines, reason):
    with pytest.raises(ValueError, match=reason):
        parse_peers(lines)


def test_one_link_local_address_on_two_interfaces():
    lines = ["fe80::1%eth0 remote-as 1", "fe80::1%eth1 remote-as 1"]
    assert [peer.id for peer in parse_peers(lines)] == ["fe80::1%eth0", "fe80::1%eth1"]
    with pytest.raises(ValueError, match="needs its interface"):
        parse_peer("fe80::1 remote-as 1")


@pytest.mark.parametrize("text, good", [
    ("192.0.2.1", True), ("0.0.0.1", True), ("0.0.0.0", False), ("192.0.2", False),
    ("fd00::1", False), ("node1", False), ("", False),
])
def test_bgp_identifiers(text, good):
    assert is_router_id(text) == good

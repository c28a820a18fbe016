import pytest

from ryu_apps.peering import Peer, make_engine, parse_peer


def test_a_peer_with_everything():
    assert parse_peer("192.0.2.1 remote-as 4200000000 port 1179 name 'rack 7' passive "
                      "password s3cret hold-time 30 max-prefixes 500") == Peer(
        "192.0.2.1", 4200000000, port=1179, name="rack 7", passive=True, password="s3cret",
        hold_time=30, max_prefixes=500)


def test_a_peer_with_the_least():
    peer = parse_peer("2001:DB8::0:1 remote-as 65000")
    assert peer == Peer("2001:db8::1", 65000)
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
    ("192.0.2.1 remote-as 1 password " + "x" * 81, "80 bytes"),
])
def test_what_is_wrong_is_said(text, reason):
    with pytest.raises(ValueError, match=reason):
        parse_peer(text)


def test_an_unknown_engine_is_a_value_error():
    with pytest.raises(ValueError, match="no BGP engine 'bird'"):
        make_engine("bird", None, print)

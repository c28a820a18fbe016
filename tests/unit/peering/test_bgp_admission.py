"""What is taken from a peer: values, policy and bounds; and the peer's own word on its paths."""

from __future__ import annotations

from collections import Counter

import pytest

from ryu_apps.control.families import EVPN
from ryu_apps.control.routes import Attributes
from ryu_apps.peering import parse_peer
from ryu_apps.peering.codec.attributes import SessionParameters, pack_attributes, parse_attributes
from ryu_apps.peering.codec.families import FAMILIES
from ryu_apps.peering.codec.messages import BgpError
from ryu_apps.peering.codec.nlri import pack_ip
from ryu_apps.peering.codec.nlri_evpn import pack_route, unpack_routes
from ryu_apps.peering.codec.update import Decoder, Update, pack_reach
from ryu_apps.peering.codec.values import invalid_host, invalid_mac, invalid_prefix
from ryu_apps.peering.native.received import Received
from ryu_apps.peering.native.send_hold import SEND_HOLD, SendHold

MAC, IP, ESI = "02:00:00:00:00:01", "10.0.0.1", "00112233445566778899"


@pytest.mark.parametrize("mac, good", [
    (MAC, True), ("fa:16:3e:00:00:01", True), ("00:00:00:00:00:01", True),
    ("00:00:00:00:00:00", False), ("ff:ff:ff:ff:ff:ff", False), ("01:00:5e:00:00:01", False),
    ("33:33:00:00:00:01", False), ("03:00:00:00:00:01", False),
])
def test_macs(mac, good):
    assert bool(invalid_mac(mac)) != good


@pytest.mark.parametrize("address, good", [
    (IP, True), ("1.0.0.1", True), ("126.255.255.255", True), ("128.0.0.1", True),
    ("169.254.0.1", True), ("223.255.255.255", True), ("0.0.0.0", False), ("0.1.2.3", False),
    ("127.0.0.1", False), ("224.0.0.1", False), ("239.1.1.1", False), ("240.0.0.1", False),
    ("255.255.255.255", False), ("fd00::1", True), ("fe80::1", True), ("ff0::1", True),
    ("2001:db8::ff02:1", True), ("::", False), ("::1", False), ("ff02::1", False),
    ("::ffff:10.0.0.1", False),
])
def test_hosts(address, good):
    assert bool(invalid_host(address)) != good


@pytest.mark.parametrize("prefix, good", [
    ("0.0.0.0/0", True), ("0.0.0.0/1", True), ("128.0.0.0/1", True), ("10.0.0.0/8", True),
    ("0.0.0.0/8", False), ("0.0.0.0/32", False), ("127.0.0.0/8", False), ("224.0.0.0/4", False),
    ("224.0.0.5/32", False), ("255.255.255.255/32", False), ("::/0", True), ("fd00::/64", True),
    ("::1/128", False), ("::/128", False), ("ff00::/8", False), ("fe80::/64", False),
])
def test_prefixes(prefix, good):
    assert bool(invalid_prefix(prefix)) != good


class Peer:
    """A peer, and what reached the node of it."""

    def __init__(self, options: str = "") -> None:
        self.held: dict = {}
        self.logged: list[str] = []
        self.received = Received(
            parse_peer(f"192.0.2.9 remote-as 65000 {options}"), Counter(), self._post,
            lambda level, text, limited: self.logged.append(text))

    def _post(self, message: list) -> None:
        _, _, _, table, items, withdrawn = message
        for place in withdrawn:
            self.held.pop(tuple(place), None)
        for kind, fields, index, *rest in items:
            self.held[kind, fields] = (Attributes(*table[index]), *rest)

    def tell(self, *routes, next_hop="10.9.0.1", rts=("65000:1",), pmsi=100):
        update = Update(EVPN, attrs=tuple(Attributes(next_hop, rts)), pmsi=pmsi)
        for kind, fields, labels, esi, gateway in routes:
            nlri = pack_route(kind, fields, labels, esi, gateway)[1]
            update.announced += unpack_routes(nlri)
        self.received.take(update)
        self.received.flush()

    @property
    def refused(self) -> dict:
        return dict(self.received.admission.refused)


def type2(number=1, mac="", ip="", etag=0, labels=(100,)):
    mac = mac or f"02:00:00:00:{number >> 8:02x}:{number & 255:02x}"
    return 2, ("65000:1", etag, mac, ip), labels, "", ""


def type3(ip=IP, etag=0):
    return 3, ("65000:1", etag, ip), (100,), "", ""


def type5(prefix="10.5.0.0/24", etag=0, esi="", gateway=""):
    return 5, ("65000:1", etag, prefix), (200,), esi, gateway


@pytest.mark.parametrize("route, reason", [
    (type2(mac="ff:ff:ff:ff:ff:ff"), "group MAC address"),
    (type2(mac="01:00:5e:00:00:05", ip=IP), "group MAC address"),
    (type2(mac="00:00:00:00:00:00"), "MAC address zero"),
    (type2(ip="255.255.255.255"), "IP address of no host"),
    (type2(ip="224.0.0.251"), "multicast IP address"),
    (type2(ip="ff02::1"), "multicast IP address"),
    (type2(ip="::1"), "IP address of no host"),
    (type2(labels=(0,)), "label 0"),
    (type2(labels=(0, 200)), "label 0"),
    (type2(etag=5), "Ethernet tag"),
    (type3("224.0.0.1"), "multicast IP address"),
    (type3(etag=7), "Ethernet tag"),
    (type5("224.0.0.0/4"), "multicast IP address"),
    (type5(etag=1), "Ethernet tag"),
    (type5(gateway="127.0.0.1"), "IP address of no host"),
    (type5(esi=ESI, gateway="10.0.0.9"), "both ESI and gateway"),
])
def test_a_route_with_a_value_that_cannot_be_is_refused_alone(route, reason):
    peer = Peer()
    peer.tell(type2(8), route, type2(9))
    assert [fields[2][-1] for _, fields in peer.held] == ["8", "9"]
    assert peer.refused == {reason: 1}
    assert peer.received.prefixes == 2
    assert reason in peer.logged[0]


def test_good_ones_are_taken():
    peer = Peer()
    routes = [type2(1), type2(2, ip=IP), type2(3, ip="fe80::1", labels=(100, 200)), type3(),
              type5(), type5("0.0.0.0/0", gateway="10.0.0.9"), type5("10.6.0.0/24", esi=ESI)]
    peer.tell(*routes)
    assert len(peer.held) == len(routes) and not peer.refused


def test_what_a_refused_route_replaces_goes():
    peer = Peer()
    peer.tell(type2(1))
    peer.tell(type2(1, labels=(0,)))
    assert not peer.held and not peer.received.prefixes


def test_route_targets_of_others_are_not_taken():
    peer = Peer("route-targets 65000:1,65000:10-19,65001:*")
    peer.tell(type2(1), rts=("65000:1", "65000:2"))
    peer.tell(type2(2), rts=("65000:2",))
    peer.tell(type2(3), type2(4), rts=("65000:15", "65000:20", "65001:7", "65002:7"))
    assert {fields[2][-1]: held[0].rts for (_, fields), held in peer.held.items()} == {
        "1": ("65000:1",), "3": ("65000:15", "65001:7"), "4": ("65000:15", "65001:7")}
    assert peer.refused == {"route targets outside of the peer's": 1}


def test_next_hops_of_others_are_not_taken():
    peer = Peer("next-hops 10.9.0.0/24,192.0.2.7/32")
    peer.tell(type2(1))
    peer.tell(type2(2), next_hop="192.0.2.7")
    peer.tell(type2(3), type2(4), next_hop="10.9.1.1")
    peer.tell(type2(1), next_hop="10.9.1.1")
    assert [fields[2][-1] for _, fields in peer.held] == ["2"]
    assert peer.refused == {"next hop outside of the peer's": 3}


def test_next_hops_are_bounded_by_those_that_stand():
    peer = Peer("max-next-hops 2")
    for number in (1, 2, 3):
        peer.tell(type2(number), type2(10 + number), next_hop=f"10.9.0.{number}")
    assert len(peer.held) == 4 and peer.refused == {"more than 2 next hops": 2}
    # One moves away from the first, the other is withdrawn: a third next hop has room.
    peer.tell(type2(1), next_hop="10.9.0.2")
    update = Update(unreach=EVPN, withdrawn=list(unpack_routes(pack_route(*type2(11)[:3])[1])))
    peer.received.take(update)
    peer.tell(type2(3), next_hop="10.9.0.3")
    assert len(peer.held) == 4
    peer.received.forget()
    peer.tell(type2(3), next_hop="10.9.0.4")
    assert peer.refused == {"more than 2 next hops": 2}


def test_many_route_targets_count_as_many_prefixes():
    peer = Peer("max-prefixes 100")
    many = tuple(f"65000:{number}" for number in range(80))
    peer.tell(type2(1), type2(2), type2(3), rts=many)
    with pytest.raises(BgpError, match="maximum number of prefixes"):
        peer.tell(type2(4), rts=many)
    peer.received.forget()
    peer.tell(*(type2(number) for number in range(100)))


@pytest.mark.parametrize("option", [
    "route-targets x", "route-targets 65000", "route-targets 65000:5-3", "route-targets :5",
    "route-targets 65000:1-*", "next-hops 10.0.0.1/24", "next-hops x", "max-next-hops 0",
    "kind switch",
])
def test_options_that_are_none(option):
    with pytest.raises(ValueError, match=option.split()[0]):
        parse_peer(f"192.0.2.9 remote-as 65000 {option}")


# ---------------------------------------------------------------- attributes

EBGP = SessionParameters(65000, "192.0.2.1", True, True, 65001)


def judged(session, *as_path, **values):
    attrs = Attributes("10.9.0.1", ("65000:1",), as_path=as_path, **values)
    # As the peer packs it: for a session on which it puts nothing before the path.
    sender = SessionParameters(65009, "192.0.2.9", False, True)
    next_hop, packed = pack_attributes(attrs, None, sender)
    nlri = pack_route(*type2(1))[1]
    return Decoder(session).decode(pack_reach(FAMILIES[EVPN], [nlri], next_hop, packed)[0][19:])


@pytest.mark.parametrize("session, as_path, good", [
    (EBGP, (65001,), True), (EBGP, (65001, 65002), True), (EBGP, (), False),
    (EBGP, (65002, 65001), False), (EBGP._replace(first_as=0), (65002,), True),
    (EBGP, (65001, 0), False), (SessionParameters(65000, "192.0.2.1", False, True), (0,), False),
    (SessionParameters(65000, "192.0.2.1", False, True), (), True),
])
def test_as_paths(session, as_path, good):
    update = judged(session, *as_path)
    assert len(update.announced) == good and len(update.treated_as_withdrawn) == (not good)
    assert any(name == "treated_as_withdraw" for name, _ in update.notes) != good


@pytest.mark.parametrize("values", [
    {"router_mac": "ff:ff:ff:ff:ff:ff"}, {"router_mac": "01:00:5e:00:00:01"},
    {"router_mac": "00:00:00:00:00:00"},
])
def test_a_router_s_mac_is_a_station_s(values):
    assert not judged(EBGP, 65001, **values).announced


@pytest.mark.parametrize("next_hop", [
    "0.0.0.0", "127.0.0.1", "224.0.0.1", "240.1.1.1", "255.255.255.255", "::", "::1", "ff02::1",
    "::ffff:10.0.0.1",
])
def test_a_next_hop_is_a_host(next_hop):
    ours = SessionParameters(65009, "192.0.2.9", False, True)
    _, packed = pack_attributes(Attributes("10.9.0.1", ("65000:1",), as_path=(65001,)), None, ours)
    nlri = pack_route(*type2(1))[1]

    def told(hop):
        return Decoder(EBGP).decode(pack_reach(FAMILIES[EVPN], [nlri], hop, packed)[0][19:])

    assert len(told(pack_ip("10.9.0.1")).announced) == 1
    update = told(pack_ip(next_hop))
    assert not update.announced and len(update.treated_as_withdrawn) == 1


def test_an_aggregator_of_as_0_is_discarded():
    raw = [(0x40, 1, b"\0"), (0x40, 2, b""), (0xC0, 7, bytes(4) + b"\xc0\0\2\1")]
    session = SessionParameters(65000, "192.0.2.1", False, True)
    parsed = parse_attributes(raw, b"\x0a\x09\0\1", session)
    assert parsed.attrs is not None
    assert [name for name, _ in parsed.notes] == ["attributes_discarded"]


# ---------------------------------------------------------------- the send hold timer


def test_a_peer_that_takes_nothing_is_given_up():
    hold = SendHold(9)
    hold.wrote(1000)
    assert not hold.stuck(0, 600)
    assert not hold.stuck(SEND_HOLD - 1, 600)
    hold.wrote(50)  # what is added does not count as taken
    assert hold.stuck(SEND_HOLD, 650)


def test_a_peer_that_takes_a_little_or_has_nothing_to_take_is_not():
    hold = SendHold(9)
    hold.wrote(1000)
    for step in range(10):
        assert not hold.stuck(step * (SEND_HOLD - 1), 1000 - step)
    assert not hold.stuck(1e6, 0)
    assert not hold.stuck(2e6, 0)
    hold.wrote(10)
    assert not hold.stuck(2e6 + 1, 10)


def test_the_limit_is_at_least_twice_the_hold_time():
    hold = SendHold(1000)
    hold.wrote(1)
    assert not hold.stuck(0, 1) and not hold.stuck(1999, 1) and hold.stuck(2000, 1)


def test_large_sets_of_attributes_are_not_remembered():
    decoder = Decoder(EBGP)
    nlri = pack_route(*type2(1))[1]
    for count in (10, 400):
        targets = tuple(f"65000:{number}" for number in range(count))
        hop, packed = pack_attributes(Attributes("10.9.0.1", targets, as_path=(65001,)), None,
                                      SessionParameters(65009, "192.0.2.9", False, True))
        message = pack_reach(FAMILIES[EVPN], [nlri], hop, packed)[0][19:]
        for _ in range(2):
            assert len(decoder.decode(message).attrs[1]) == count
        assert len(decoder._parsed) == 1

"""IPv4 and IPv6 unicast: routes in an UPDATE's own fields and in MP_REACH_NLRI, as others send
them."""

from __future__ import annotations

import struct
from collections import Counter

import pytest
from os_ken.lib.packet import bgp

from ryu_apps.control.families import EVPN, IPV4_UNICAST, IPV6_UNICAST
from ryu_apps.control.routes import LLGR_STALE, NO_LLGR, Attributes
from ryu_apps.peering import parse_peer
from ryu_apps.peering.codec import messages as wire
from ryu_apps.peering.codec.attributes import SessionParameters
from ryu_apps.peering.codec.families import FAMILIES
from ryu_apps.peering.codec.messages import BgpError
from ryu_apps.peering.codec.update import Decoder
from ryu_apps.peering.native.adj_rib_out import AdjRibOut
from ryu_apps.peering.native.received import Received

ALL = (EVPN, IPV4_UNICAST, IPV6_UNICAST)
IBGP = SessionParameters(65000, "192.0.2.250", False, True, families=ALL)
ORIGIN, PATH = b"\x40\x01\x01\x00", b"\x40\x02\x00"
HOP = b"\x40\x03\x04\x0a\0\0\x09"
NET = b"\x18\x0a\1\2"
GLOBAL = bytes.fromhex("fd000000000000000000000000000009")
LINK_LOCAL = bytes.fromhex("fe800000000000000000000000000009")
V6_NET = b"\x20\xfd\0\0\1"


def update(attributes=b"", withdrawn=b"", nlri=b"", session=IBGP):
    body = struct.pack("!H", len(withdrawn)) + withdrawn + struct.pack("!H", len(attributes)) \
        + attributes + nlri
    return Decoder(session).decode(body)


def reach(family, next_hop, nlri):
    value = struct.pack("!HBB", *family, len(next_hop)) + next_hop + b"\0" + nlri
    return b"\x80\x0e" + bytes((len(value),)) + value


def unreach(family, nlri):
    value = struct.pack("!HB", *family) + nlri
    return b"\x80\x0f" + bytes((len(value),)) + value


def prefixes(routes):
    return [route.fields[0] for route in routes]


def test_an_update_as_os_ken_packs_it():
    message = bgp.BGPUpdate(
        withdrawn_routes=[bgp.BGPWithdrawnRoute(22, "10.9.0.0")],
        path_attributes=[
            bgp.BGPPathAttributeOrigin(0), bgp.BGPPathAttributeAsPath([]),
            bgp.BGPPathAttributeNextHop("10.0.0.9"), bgp.BGPPathAttributeMultiExitDisc(7)],
        nlri=[bgp.BGPNLRI(24, "10.1.2.0"), bgp.BGPNLRI(0, "0.0.0.0"), bgp.BGPNLRI(32, "10.0.0.9")],
    ).serialize()
    found = Decoder(IBGP).decode(bytes(message)[wire.HEADER:])
    assert (found.reach, found.unreach, found.also) == (IPV4_UNICAST, IPV4_UNICAST, None)
    assert prefixes(found.announced) == ["10.1.2.0/24", "0.0.0.0/0", "10.0.0.9/32"]
    assert prefixes(found.withdrawn) == ["10.9.0.0/22"]
    assert Attributes(*found.attrs) == Attributes("10.0.0.9", (), encaps=(), med=7)
    assert not found.notes and not found.end_of_rib


def test_os_ken_reads_what_we_pack():
    rib = AdjRibOut(FAMILIES[IPV4_UNICAST])
    rib.announce([tuple(Attributes("10.0.0.9", ()))], [
        (0, (prefix,), 0, (), "", "") for prefix in ("10.1.2.0/24", "10.8.0.0/13")])
    ((told,), *_) = rib.messages(rib.table(), IBGP)
    parsed, _, _ = bgp.BGPMessage.parser(told)
    assert [str(one.prefix) for one in parsed.nlri] == ["10.1.2.0/24", "10.8.0.0/13"]
    assert parsed.get_path_attr(bgp.BGP_ATTR_TYPE_NEXT_HOP).value == "10.0.0.9"
    keys = rib.table()
    rib.withdraw([(0, ("10.1.2.0/24",)), (0, ("10.8.0.0/13",))])
    ((gone,), *_) = rib.messages(keys, IBGP)
    parsed, _, _ = bgp.BGPMessage.parser(gone)
    assert [str(one.prefix) for one in parsed.withdrawn_routes] == ["10.1.2.0/24", "10.8.0.0/13"]


@pytest.mark.parametrize("hop, next_hop, link_local", [
    (GLOBAL, "fd00::9", ""),
    (GLOBAL + LINK_LOCAL, "fd00::9", "fe80::9"),
    (LINK_LOCAL, "fe80::9", ""),
    (bytes(16) + LINK_LOCAL, "fe80::9", ""),
    (LINK_LOCAL + LINK_LOCAL, "fe80::9", ""),
])
def test_next_hops_of_ipv6(hop, next_hop, link_local):
    found = update(ORIGIN + PATH + reach(IPV6_UNICAST, hop, V6_NET))
    assert prefixes(found.announced) == ["fd00:1::/32"] and not found.notes
    attrs = Attributes(*found.attrs)
    assert (attrs.next_hop, attrs.link_local) == (next_hop, link_local)


@pytest.mark.parametrize("family, size", [
    (IPV6_UNICAST, 4), (IPV6_UNICAST, 24), (IPV6_UNICAST, 0), (IPV4_UNICAST, 16),
    (IPV4_UNICAST, 8), (EVPN, 32),
])
def test_next_hops_that_are_none_end_the_session(family, size):
    with pytest.raises(BgpError, match="next hop of"):
        update(ORIGIN + PATH + reach(family, b"\x0a" * size, b""))


def test_both_families_may_stand_in_mp_reach():
    found = update(ORIGIN + PATH + reach(IPV4_UNICAST, b"\x0a\0\0\x09", NET))
    assert (found.reach, prefixes(found.announced)) == (IPV4_UNICAST, ["10.1.2.0/24"])
    found = update(unreach(IPV4_UNICAST, NET))
    assert (found.unreach, prefixes(found.withdrawn)) == (IPV4_UNICAST, ["10.1.2.0/24"])


def test_routes_in_both_places_of_one_update():
    attributes = ORIGIN + PATH + HOP + reach(IPV6_UNICAST, GLOBAL, V6_NET) + unreach(
        IPV6_UNICAST, b"\x20\xfd\0\0\2")
    found = update(attributes, b"\x18\x0a\1\3", NET)
    assert (found.reach, found.unreach) == (IPV6_UNICAST, IPV6_UNICAST)
    assert prefixes(found.announced) == ["fd00:1::/32"]
    assert prefixes(found.withdrawn) == ["fd00:2::/32"]
    assert (found.also.reach, found.also.unreach) == (IPV4_UNICAST, IPV4_UNICAST)
    assert prefixes(found.also.announced) == ["10.1.2.0/24"]
    assert prefixes(found.also.withdrawn) == ["10.1.3.0/24"]
    assert Attributes(*found.attrs).next_hop == "fd00::9"
    assert Attributes(*found.also.attrs).next_hop == "10.0.0.9"
    posted = []
    received = Received(parse_peer("192.0.2.1 remote-as 65000 families "
                                   "ipv4-unicast,ipv6-unicast"), Counter(), posted.append, print)
    received.take(found)
    received.flush()
    assert {(message[2], item[1]) for message in posted for item in message[4]} == {
        (IPV4_UNICAST, ("10.1.2.0/24",)), (IPV6_UNICAST, ("fd00:1::/32",))}
    assert received.prefixes == 2


def test_the_ends_of_tables():
    assert update().end_of_rib and update().unreach == IPV4_UNICAST
    assert update(unreach(IPV4_UNICAST, b"")).unreach == IPV4_UNICAST
    assert update(unreach(IPV4_UNICAST, b"")).end_of_rib
    assert update(unreach(IPV6_UNICAST, b"")).unreach == IPV6_UNICAST
    for not_the_end in (update(withdrawn=NET), update(ORIGIN + PATH + HOP, nlri=NET),
                        update(unreach(IPV6_UNICAST, V6_NET)), update(ORIGIN),
                        update(unreach(IPV6_UNICAST, b""), withdrawn=NET)):
        assert not not_the_end.end_of_rib
    evpn_alone = IBGP._replace(families=(EVPN,))
    assert not update(session=evpn_alone).end_of_rib
    assert update(unreach(EVPN, b""), session=evpn_alone).end_of_rib


@pytest.mark.parametrize("attributes, reason", [
    (ORIGIN + PATH, "attribute 3 is missing"),
    (ORIGIN + PATH + b"\x40\x03\x03\x0a\0\0", "NEXT_HOP of 3 bytes"),
    (ORIGIN + PATH + b"\x40\x03\x04\xe0\0\0\1", "next hop 224.0.0.1: multicast IP address"),
    (PATH + HOP, "attribute 1 is missing"),
])
def test_what_is_treated_as_withdrawn(attributes, reason):
    found = update(attributes, nlri=NET)
    assert found.notes == (("treated_as_withdraw", reason),)
    assert prefixes(found.treated_as_withdrawn) == ["10.1.2.0/24"] and not found.announced


@pytest.mark.parametrize("field", [b"\x21\x0a\0\0\0\0", b"\x18\x0a\1", b"\x08"])
def test_fields_that_cannot_be_delimited_end_the_session(field):
    for parts in ({"withdrawn": field}, {"attributes": ORIGIN + PATH + HOP, "nlri": field}):
        with pytest.raises(BgpError) as error:
            update(**parts)
        assert (error.value.code, error.value.subcode) == (wire.UPDATE_ERROR, 10)


def test_what_stands_behind_the_length_is_zero():
    found = update(ORIGIN + PATH + HOP, nlri=b"\x14\x0a\1\xff")
    assert prefixes(found.announced) == ["10.1.240.0/20"]
    assert found.announced[0].key == b"\x14\x0a\1\xf0"


def test_well_known_communities():
    """RFC 9494 section 3.3; others are not kept."""
    value = struct.pack("!IIII", 0xFFFF0007, 65000 << 16 | 7, 0xFFFFFF01, 0xFFFF0006)
    found = update(ORIGIN + PATH + HOP + b"\xc0\x08\x10" + value, nlri=NET)
    assert Attributes(*found.attrs).communities == (LLGR_STALE, NO_LLGR) and not found.notes
    found = update(ORIGIN + PATH + HOP + b"\xc0\x08\x04" + value[4:8], nlri=NET)
    assert Attributes(*found.attrs).communities == ()


def test_own_fields_of_a_session_without_the_family_are_skipped():
    found = update(ORIGIN + PATH + HOP, NET, NET, IBGP._replace(families=(EVPN,)))
    assert found.skipped == 1 and not found.announced and not found.withdrawn and not found.notes


def test_too_many_are_refused_alone():
    """Other than max-prefixes: the session may have the VPN's routes too."""
    posted, peer = [], parse_peer(
        "192.0.2.1 remote-as 65000 families l2vpn-evpn,ipv4-unicast max-unicast 2 next-hops "
        "192.0.2.64/26 max-next-hops 1 route-targets 65000:1")
    received = Received(peer, Counter(), posted.append, lambda *_, **__: None)

    def nets(*numbers):
        return b"".join(bytes((24, 10, 1, number)) for number in numbers)

    received.take(update(ORIGIN + PATH + HOP, nlri=nets(1, 2, 3)))
    assert received.prefixes == 2
    assert received.admission.refused == {"more than 2 unicast routes": 1}
    received.take(update(ORIGIN + PATH + HOP, nlri=nets(1, 2)))
    assert received.prefixes == 2 and sum(received.admission.refused.values()) == 1
    received.take(update(withdrawn=nets(1)))
    received.take(update(ORIGIN + PATH + b"\x40\x03\x04\x0a\0\0\x08", nlri=nets(3)))
    received.flush()
    (message,) = posted
    assert [item[1] for item in message[4]] == [("10.1.2.0/24",), ("10.1.3.0/24",)]
    received.take(update(ORIGIN + PATH + HOP, nlri=b"\x20\x7f\0\0\1"))
    assert received.admission.refused["IP address of no host"] == 1

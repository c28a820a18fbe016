"""The BGP codec: round trips, and agreement with os-ken's message library where that is right."""

import ipaddress
import struct

from hypothesis import given, settings
from hypothesis import strategies as st
from os_ken.lib.packet import bgp

from ryu_apps.control.families import EVPN
from ryu_apps.control.routes import Attributes
from ryu_apps.peering.codec import messages as wire
from ryu_apps.peering.codec import open as capabilities
from ryu_apps.peering.codec.attributes import SessionParameters
from ryu_apps.peering.codec.families import FAMILIES
from ryu_apps.peering.codec.nlri_evpn import pack_route, unpack_routes
from ryu_apps.peering.codec.update import Decoder, pack_unreach
from ryu_apps.peering.codec.values import invalid_host, invalid_mac
from ryu_apps.peering.native.adj_rib_out import AdjRibOut
from vrouter_ovs.encapsulation import ENCAPSULATIONS, has_mpls_labels, in_order

IBGP = SessionParameters(64512, "192.0.2.250", False, True)

v4 = st.integers(0x01000000, 0xDFFFFFFF).map(lambda n: str(ipaddress.IPv4Address(n)))
v6 = st.integers(1 << 112, (1 << 127) - 1).map(lambda n: str(ipaddress.IPv6Address(n)))
address = v4 | v6
number16, number24, number32 = (st.integers(0, (1 << bits) - 1) for bits in (16, 24, 32))
mac = st.binary(min_size=6, max_size=6).map(lambda data: data.hex(":"))
target = st.one_of(
    st.builds("{}:{}".format, st.integers(1, 65535), number32),
    st.builds("{}:{}".format, st.integers(65536, (1 << 32) - 1), number16),
    st.builds("{}:{}".format, v4, number16))
rd = target | st.builds("{}L:{}".format, st.integers(0, 65535), number16)
esi = st.just("") | st.binary(min_size=10, max_size=10).filter(any).map(bytes.hex)


@st.composite
def prefixes(draw):
    ip = ipaddress.ip_address(draw(address))
    length = draw(st.integers(0, ip.max_prefixlen))
    return str(ipaddress.ip_network(f"{ip}/{length}", strict=False))


def _type5(r, etag, prefix, vni, e, hop):
    return (5, (r, etag, prefix), (vni,), e, str(ipaddress.ip_address(hop)) if hop else "")


type2 = st.tuples(st.just(2), st.tuples(rd, number32, mac, st.just("") | address),
                  st.tuples(number24) | st.tuples(number24, number24), esi, st.just(""))
type3 = st.tuples(st.just(3), st.tuples(rd, number32, address), st.tuples(number24),
                  st.just(""), st.just(""))
type5 = st.one_of(
    st.builds(_type5, rd, number32, prefixes().filter(lambda p: ":" not in p), number24, esi,
              st.just("") | v4),
    st.builds(_type5, rd, number32, prefixes().filter(lambda p: ":" in p), number24, esi,
              st.just("") | v6))
routes = st.one_of(type2, type3, type5)
encapsulations = st.sampled_from([*ENCAPSULATIONS, "77", "65535"])
attributes = st.builds(
    Attributes, next_hop=address.filter(lambda ip: not invalid_host(ip)),
    rts=st.lists(target, max_size=20, unique=True).map(
        lambda values: tuple(sorted(values))),
    encaps=st.sets(encapsulations, min_size=1).map(in_order).filter(
        lambda names: not has_mpls_labels(names)),
    router_mac=st.just("") | mac.filter(lambda value: not invalid_mac(value)),
    mobility=number32, sticky=st.booleans(), local_pref=number32,
    as_path=st.lists(st.integers(1, (1 << 32) - 1).filter(lambda n: n != 64512),
                     max_size=6).map(tuple) | st.just((7,) * 300),
    med=st.just(-1) | number32, origin=st.integers(0, 2), originator_id=st.just("") | v4,
    cluster_list=st.lists(v4, max_size=5).map(tuple), link_local=st.just(""),
    communities=st.just(())).filter(
        lambda a: "192.0.2.250" not in (a.originator_id, *a.cluster_list))


def exchange(paths, session=IBGP):
    """Announce [(attrs, route)] through an Adj-RIB-Out, decode; {key: (route, attrs)}."""
    rib = AdjRibOut(FAMILIES[EVPN])
    for attrs, (kind, fields, labels, e, gateway) in paths:
        _, refused = rib.announce([tuple(attrs)], [(kind, fields, 0, labels, e, gateway)])
        assert not refused
    messages, _, _, refused = rib.messages(rib.table(), session)
    assert not refused
    decoder = Decoder(session)
    out = {}
    for message in messages:
        assert len(message) <= wire.MAX_MESSAGE
        length, kind = wire.check_header(message, 0)
        assert (length, kind) == (len(message), wire.UPDATE)
        update = decoder.decode(message[19:])
        assert not update.notes and not update.skipped
        assert not update.withdrawn and not update.treated_as_withdrawn
        for route in update.announced:
            labels = (update.pmsi,) if route.route_type == 3 else route.labels
            out[route.route_type, route.fields] = (
                (route.route_type, route.fields, labels, route.esi, route.gateway),
                Attributes(*update.attrs))
    return out, messages, rib


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(attributes, routes), min_size=1, max_size=8))
def test_what_is_announced_is_what_is_decoded(paths):
    want = {(route[0], route[1]): (route, attrs) for attrs, route in paths}
    got, _, rib = exchange(paths)
    assert got == want
    decoder = Decoder(IBGP)
    gone = [(route.route_type, route.fields) for message in pack_unreach(rib.codec, rib.table())
            for route in decoder.decode(message[19:]).withdrawn]
    assert sorted(map(repr, gone)) == sorted(map(repr, want))


@settings(max_examples=60, deadline=None)
@given(attributes, routes)
def test_a_two_byte_session_carries_four_byte_paths(attrs, route):
    got, _, _ = exchange([(attrs, route)], IBGP._replace(as4=False))
    assert list(got.values()) == [(route, attrs)]


@settings(max_examples=60, deadline=None)
@given(attributes, routes)
def test_os_ken_reads_our_updates(attrs, route):
    # os-ken has no class for most ESI types, and fails on them.
    _, messages, _ = exchange([(attrs, (*route[:3], "", route[4]))])
    parsed, _, _ = bgp.BGPMessage.parser(messages[0])
    by_type = {a.type: a for a in parsed.path_attributes}
    reach = by_type[bgp.BGP_ATTR_TYPE_MP_REACH_NLRI]
    assert (reach.afi, reach.safi, reach.next_hop) == (25, 70, attrs.next_hop)
    nlri = reach.nlri[0]
    kind, fields, labels, _, _ = route
    assert nlri.type == kind
    if "L" not in fields[0]:
        assert nlri.route_dist == fields[0]
    if kind == 2:
        assert (nlri.mac_addr, nlri.ip_addr or "") == fields[2:]
        assert (nlri.ethernet_tag_id, nlri.vni) == (fields[1], labels[0])
    elif kind == 3:
        assert (nlri.ethernet_tag_id, nlri.ip_addr) == fields[1:]
        pmsi = by_type[bgp.BGP_ATTR_TYEP_PMSI_TUNNEL_ATTRIBUTE]
        assert pmsi.tunnel_id.tunnel_endpoint_ip == fields[2]
        assert pmsi.vni == labels[0]
    else:
        assert (nlri.ethernet_tag_id, f"{nlri.ip_prefix}") == fields[1:]
        assert nlri.vni == labels[0]
    assert by_type[bgp.BGP_ATTR_TYPE_LOCAL_PREF].value == attrs.local_pref
    communities = by_type[bgp.BGP_ATTR_TYPE_EXTENDED_COMMUNITIES]
    assert sorted(communities.rt_list) == sorted(attrs.rts)


@settings(max_examples=60, deadline=None)
@given(v4.filter(lambda ip: not invalid_host(ip)),
       st.lists(st.integers(1, 60000), max_size=5), number32, number24, mac, v4)
def test_we_read_os_ken_s_updates(next_hop, path, pref, vni, mac_address, ip):
    nlri = bgp.EvpnMacIPAdvertisementNLRI(
        route_dist="65000:7", esi=bgp.EvpnArbitraryEsi(bytes(9)), ethernet_tag_id=3,
        mac_addr=mac_address, ip_addr=ip, vni=vni)
    message = bgp.BGPUpdate(path_attributes=[
        bgp.BGPPathAttributeOrigin(2), bgp.BGPPathAttributeAs4Path([path] if path else []),
        bgp.BGPPathAttributeLocalPref(pref),
        bgp.BGPPathAttributeExtendedCommunities([
            bgp.BGPTwoOctetAsSpecificExtendedCommunity(
                subtype=2, as_number=65000, local_administrator=9),
            bgp.BGPEncapsulationExtendedCommunity.from_str("vxlan")]),
        bgp.BGPPathAttributeMpReachNLRI(25, 70, next_hop, [nlri])]).serialize()
    # The AS_PATH class of os-ken writes two bytes a number; its AS4_PATH class has our format.
    message = bytes(message).replace(b"\xc0\x11", b"\x40\x02", 1)
    update = Decoder(IBGP).decode(message[19:])
    assert not update.notes
    assert update.announced[0][1:] == (
        2, ("65000:7", 3, mac_address, ip), (vni,), "", "")
    assert Attributes(*update.attrs) == Attributes(
        next_hop, ("65000:9",), local_pref=pref, as_path=tuple(path), origin=2)


def test_open_and_end_of_rib_agree_with_os_ken():
    packed = capabilities.pack_open(4200000001, 9, "192.0.2.1", 120, True)
    parsed, _, _ = bgp.BGPMessage.parser(packed)
    assert parsed.get_opt_param_cap(bgp.BGP_CAP_FOUR_OCTET_AS_NUMBER).as_number == 4200000001
    ours = capabilities.parse_open(packed[19:])
    assert (ours.asn, ours.hold_time, ours.router_id) == (4200000001, 9, "192.0.2.1")
    assert ours.graceful and ours.restart_time == 120 and ours.refresh and ours.as4
    assert ours.restart_flags == capabilities.GR_RESTARTING | capabilities.GR_NOTIFICATION
    assert ours.families == ours.forwarding == {EVPN}
    update, _, _ = bgp.BGPMessage.parser(FAMILIES[EVPN].end_of_rib)
    assert [a.type for a in update.path_attributes] == [bgp.BGP_ATTR_TYPE_MP_UNREACH_NLRI]
    assert Decoder(IBGP).decode(FAMILIES[EVPN].end_of_rib[19:]).end_of_rib


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_mutations_raise_nothing_but_bgp_errors(data):
    """Whatever a peer sends is an Update or a NOTIFICATION."""
    _, messages, _ = exchange([(data.draw(attributes), data.draw(routes))])
    body = bytearray(messages[0][19:])
    for _ in range(data.draw(st.integers(1, 5))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    body = bytes(body[: data.draw(st.integers(4, len(body)))])
    try:
        Decoder(IBGP).decode(body)
    except wire.BgpError as error:
        assert error.code == wire.UPDATE_ERROR


@settings(max_examples=150, deadline=None)
@given(st.binary(min_size=10, max_size=80))
def test_any_open_is_parsed_or_refused(body):
    try:
        capabilities.parse_open(body)
    except wire.BgpError as error:
        assert error.code == wire.OPEN_ERROR


@settings(max_examples=10, deadline=None)
@given(st.lists(type2, min_size=1, max_size=200, unique_by=lambda r: r[1]))
def test_routes_of_one_set_share_updates(many):
    attrs = Attributes("10.0.0.1", ("1:1",))
    got, messages, _ = exchange([(attrs, route) for route in many])
    assert len(got) == len(many)
    assert len(messages) <= 1 + len(many) // 60


@given(st.integers(0, (1 << 20) - 1), rd, mac)
def test_labels_of_mpls_have_twenty_bits(label, rd_, mac_address):
    _, packed = pack_route(2, (rd_, 0, mac_address, ""), (label,), mpls=True)
    assert struct.unpack("!I", b"\0" + packed[-3:])[0] >> 4 == label
    assert next(iter(unpack_routes(packed, True))).labels == (label,)

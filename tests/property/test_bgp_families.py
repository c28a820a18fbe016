"""Each address family by itself: what holds for every row, and that no family touches another.

The second family is :mod:`.second_family`'s.
"""

from __future__ import annotations

import ipaddress
import itertools

import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from ryu_apps.control.families import (
    EVPN,
    IPV4_UNICAST,
    IPV6_UNICAST,
    UNDERLAY_FAMILIES,
)
from ryu_apps.control.routes import NLRI_CLASSES, Attributes, Path
from ryu_apps.control.vpn.import_rules import IMPORT_KEYS
from ryu_apps.peering.codec import messages as wire
from ryu_apps.peering.codec.attributes import SessionParameters
from ryu_apps.peering.codec.families import FAMILIES
from ryu_apps.peering.codec.messages import UNPACKABLE
from ryu_apps.peering.codec.open import pack_open, parse_open
from ryu_apps.peering.codec.update import Decoder, pack_unreach
from ryu_apps.peering.codec.values import invalid_host
from ryu_apps.peering.engine.messages import PathsDecoder, batches, nlris_of
from ryu_apps.peering.native.adj_rib_out import AdjRibOut

from .second_family import NUMBERS, second_family
from .world_model import DEEPER

with second_family():
    ALL = tuple(FAMILIES)


@pytest.fixture(autouse=True, scope="module")
def numbers():
    with second_family():
        yield


v4 = st.integers(0x01000000, 0xDFFFFFFF).map(lambda n: str(ipaddress.IPv4Address(n)))
v6 = st.integers(1 << 112, (1 << 127) - 1).map(lambda n: str(ipaddress.IPv6Address(n)))
FIELDS = {
    "rd": st.builds("{}:{}".format, st.integers(1, 65535), st.integers(0, (1 << 32) - 1)),
    "esi": st.binary(min_size=10, max_size=10).map(bytes.hex),
    "etag": st.integers(0, (1 << 32) - 1),
    "mac": st.binary(min_size=6, max_size=6).map(lambda data: data.hex(":")),
    "ip": st.just("") | v4 | v6,
    "prefix": st.tuples(v4, st.integers(0, 32)).map(
        lambda pair: str(ipaddress.ip_network(f"{pair[0]}/{pair[1]}", strict=False))),
}
"""What the fields of NLRI classes may be, by name."""
UNLABELLED = {(EVPN, 3), (EVPN, 4), (IPV4_UNICAST, 0), (IPV6_UNICAST, 0)}
"""Route types whose NLRI have no label (RFC 7432 sections 7.3 and 7.4, RFC 4760 section 5)."""
prefixes_v6 = st.tuples(v6, st.integers(0, 128)).map(
    lambda pair: str(ipaddress.ip_network(f"{pair[0]}/{pair[1]}", strict=False)))


def nlris(family):
    """Any NLRI of a family."""
    def nlri(cls):
        of = FIELDS | {"prefix": prefixes_v6} if cls.family == IPV6_UNICAST else FIELDS
        fields = (of[name] for name in cls._fields if name != "nlri_type")
        return st.tuples(*fields).map(lambda values: cls(*values))

    return st.one_of(*(nlri(cls) for (of, _), cls in NLRI_CLASSES.items() if of == family))




def hosts(family):
    """Next hops of a family's routes."""
    versions = {IPV4_UNICAST: v4, IPV6_UNICAST: v6}
    return versions.get(family, v4 | v6).filter(lambda ip: not invalid_host(ip))


labels = st.tuples(st.integers(0, (1 << 20) - 1))


@pytest.mark.parametrize("family", ALL, ids=str)
def test_a_row_has_a_class_for_each_route_type(family):
    assert FAMILIES[family].family == family
    assert {kind for of, kind in NLRI_CLASSES if of == family} == FAMILIES[family].route_types


def test_instances_know_by_what_to_import_each_family():
    assert set(IMPORT_KEYS) == set(FAMILIES) - {NUMBERS, *UNDERLAY_FAMILIES}


@pytest.mark.parametrize("family", ALL, ids=str)
@settings(max_examples=60 * DEEPER, deadline=None)
@given(data=st.data())
def test_what_a_codec_packs_it_unpacks(family, data):
    codec = FAMILIES[family]
    nlri, values = data.draw(nlris(family)), data.draw(labels)
    mpls = data.draw(st.booleans())
    try:
        key, packed = codec.pack(nlri.route_type, nlri[:-1], values, "", "", mpls)
    except UNPACKABLE:
        reject()
    route, again = codec.unpack(packed + packed, mpls)
    assert route == again
    assert (route.route_type, route.fields) == (nlri.route_type, nlri[:-1])
    assert route.labels == (() if (family, nlri.route_type) in UNLABELLED else values)
    (withdrawn,) = codec.unpack(key, mpls)
    assert (withdrawn.key, withdrawn.fields) == (route.key, nlri[:-1])


@pytest.mark.parametrize("family", ALL, ids=str)
@settings(max_examples=60 * DEEPER, deadline=None)
@given(data=st.data())
def test_two_routes_have_two_keys(family, data):
    codec = FAMILIES[family]
    one, other = data.draw(nlris(family)), data.draw(nlris(family))
    try:
        keys = [codec.pack(nlri.route_type, nlri[:-1], (0,))[0] for nlri in (one, other)]
    except UNPACKABLE:
        reject()
    assert (keys[0] == keys[1]) == (one == other)


@pytest.mark.parametrize("family", ALL, ids=str)
@settings(max_examples=40 * DEEPER, deadline=None)
@given(data=st.data())
def test_what_is_announced_is_decoded_with_its_family(family, data):
    codec = FAMILIES[family]
    session = SessionParameters(65000, "192.0.2.1", False, True, families=ALL)
    rib = AdjRibOut(codec)
    wanted = data.draw(st.lists(nlris(family), max_size=6, unique=True))
    encaps = data.draw(st.sampled_from([(), ("vxlan",), ("mpls",)]))
    attrs = tuple(Attributes(data.draw(hosts(family)), ("65000:1",), encaps))
    items = [(nlri.route_type, nlri[:-1], 0, (7,), "", "") for nlri in wanted]
    rib.announce((attrs,), items)
    messages, count, _, refused = rib.messages(rib.table(), session)
    updates = [Decoder(session).decode(message[wire.HEADER:]) for message in messages]
    assert not refused and all(not update.notes for update in updates)
    assert all(update.reach == family and update.unreach is None for update in updates)
    told = tuple(Attributes(*attrs)._replace(encaps=encaps or codec.default_encaps))
    assert all(update.attrs == told for update in updates)
    assert {route.labels for update in updates for route in update.announced} <= {(7,), ()}
    assert {(route.route_type, route.fields) for update in updates for route in update.announced} \
        == {(kind, fields) for kind, fields, *_ in items if packs(codec, kind, fields)}
    gone = [Decoder(session).decode(message[wire.HEADER:])
            for message in pack_unreach(codec, rib.table())]
    assert all(update.unreach == family and update.reach is None for update in gone)
    assert sum(len(update.withdrawn) for update in gone) == count


def packs(codec, route_type, fields):
    try:
        codec.pack(route_type, fields, (7,))
    except UNPACKABLE:
        return False
    return True


@pytest.mark.parametrize("family", ALL, ids=str)
def test_end_of_rib_is_the_family_s_own(family):
    message = FAMILIES[family].end_of_rib
    assert wire.check_header(message, 0) == (len(message), wire.UPDATE)
    session = SessionParameters(65000, "192.0.2.1", False, True, families=ALL)
    update = Decoder(session).decode(message[wire.HEADER:])
    assert update.end_of_rib and update.unreach == family and not update.notes


@pytest.mark.parametrize("families", [
    families for size in (1, 2) for families in itertools.permutations(ALL, size)], ids=str)
def test_an_open_says_what_each_family_needs(families):
    opened = parse_open(pack_open(65000, 90, "192.0.2.1", 120, False, families)[wire.HEADER:])
    assert opened.families == opened.restart_families == set(families)
    assert opened.forwarding == {
        family for family in families if FAMILIES[family].restart_flags & 0x80}
    assert set(opened.unknown) == {
        code for family in families for code, _ in FAMILIES[family].capabilities}


@pytest.mark.parametrize("seconds", [0, 1, 86400, 0xFFFFFF])
def test_an_open_says_for_how_long_routes_of_vpn_families_may_be_kept(seconds):
    """RFC 9494 section 3.1: AFI, SAFI, flag F, 24 bits of seconds."""
    packed = pack_open(65000, 90, "192.0.2.1", 120, False, ALL, seconds)
    of = [family for family in ALL if FAMILIES[family].long_lived]
    assert of == [EVPN]
    assert parse_open(packed[wire.HEADER:]).long_lived == (
        {EVPN: (seconds, True)} if seconds else {})
    assert (b"\x47\x07\0\x19\x46\x80" + seconds.to_bytes(3, "big") in packed) == bool(seconds)


def test_the_long_lived_capability_says_nothing_without_the_other():
    packed = bytearray(pack_open(65000, 90, "192.0.2.1", 120, False, (EVPN,), 60))
    packed[packed.index(b"\x40\x06\x40\x78")] = 99
    opened = parse_open(bytes(packed[wire.HEADER:]))
    assert not opened.graceful and opened.long_lived == {}


def test_with_evpn_alone_the_bytes_are_those_of_the_first_version():
    """Nodes of both versions run in one system."""
    marker = "ff" * 16
    assert pack_open(65000, 9, "192.0.2.1", 120, True).hex() == (
        marker + "003b0104fde80009c00002011e0206010400190046020202000206"
        "41040000fde802084006c07800194680")
    assert FAMILIES[EVPN].end_of_rib.hex() == marker + "001d0200000006800f03001946"
    assert wire.pack_refresh(EVPN).hex() == marker + "00170500190046"


@settings(max_examples=60 * DEEPER, deadline=None)
@given(st.lists(st.integers(0, 1) | st.sampled_from(["a", "b"]), min_size=1, max_size=4))
def test_routes_of_two_families_or_types_are_never_equal(fields):
    """Whatever stands in them, and so they share a dict."""
    same = [
        cls(*fields) for cls in NLRI_CLASSES.values() if len(cls._fields) == len(fields) + 1]
    assert len(dict.fromkeys(same)) == len(same)


@settings(max_examples=40 * DEEPER, deadline=None)
@given(st.lists(nlris(EVPN) | st.deferred(lambda: nlris(NUMBERS)), unique=True, max_size=8),
       st.data())
def test_messages_to_the_engine_say_each_route_s_family(many, data):
    attrs = Attributes("10.0.0.1", ("65000:1",))
    changes = {
        nlri: Path(nlri, attrs, (5,)) if data.draw(st.booleans()) else None for nlri in many}
    told = {}
    for message in batches(changes):
        named = nlris_of(message)
        assert {nlri.family for nlri in named} == {message[1]}
        told.update(dict.fromkeys(named, message[0]))
        if message[0] == "announce":  # The way back has the same form.
            event = PathsDecoder().event("p", message[1], *message[2:], ())
            assert event.announced == tuple(changes[nlri] for nlri in named)
    assert told == {
        nlri: "withdraw" if path is None else "announce" for nlri, path in changes.items()}

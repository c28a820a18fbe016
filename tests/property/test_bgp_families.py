"""Each address family by itself: what holds for every row, and that no family touches another.

The second family is :mod:`.second_family`'s.
"""

from __future__ import annotations

import asyncio
import ipaddress
import itertools
from collections import Counter

import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from lab.beds.option_values import world_settings
from ryu_apps.control import messages as msg
from ryu_apps.control.families import EVPN
from ryu_apps.control.graceful_restart import BY_TCP, Negotiated, SessionEnd
from ryu_apps.control.routes import NLRI_CLASSES, Attributes, MacIp, Path
from ryu_apps.control.vpn.import_rules import IMPORT_KEYS
from ryu_apps.control.world import World
from ryu_apps.peering.base import Peer
from ryu_apps.peering.codec import messages as wire
from ryu_apps.peering.codec.attributes import SessionParameters
from ryu_apps.peering.codec.families import FAMILIES
from ryu_apps.peering.codec.messages import UNPACKABLE
from ryu_apps.peering.codec.open import pack_open, parse_open
from ryu_apps.peering.codec.update import Decoder, pack_unreach
from ryu_apps.peering.codec.values import invalid_host
from ryu_apps.peering.engine.messages import PathsDecoder, batches, nlris_of
from ryu_apps.peering.native.adj_rib_out import AdjRibOut
from ryu_apps.peering.native.advertising import Advertising
from ryu_apps.peering.native.received import Received

from .second_family import NUMBERS, Number, second_family
from .world_model import DEEPER

BOTH = (EVPN, NUMBERS)
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
UNLABELLED = {(EVPN, 3), (EVPN, 4)}
"""Route types whose NLRI have no label (RFC 7432 sections 7.3 and 7.4)."""


def nlris(family):
    """Any NLRI of a family."""
    def nlri(cls):
        fields = (FIELDS[name] for name in cls._fields if name != "nlri_type")
        return st.tuples(*fields).map(lambda values: cls(*values))

    return st.one_of(*(nlri(cls) for (of, _), cls in NLRI_CLASSES.items() if of == family))


hosts = (v4 | v6).filter(lambda ip: not invalid_host(ip))
labels = st.tuples(st.integers(0, (1 << 20) - 1))


# ---------------------------------------------------------------- every row


@pytest.mark.parametrize("family", ALL, ids=str)
def test_a_row_has_a_class_for_each_route_type(family):
    assert FAMILIES[family].family == family
    assert {kind for of, kind in NLRI_CLASSES if of == family} == FAMILIES[family].route_types


def test_instances_know_by_what_to_import_each_family():
    assert set(IMPORT_KEYS) == set(FAMILIES) - {NUMBERS}


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
    attrs = tuple(Attributes(data.draw(hosts), ("65000:1",), encaps))
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


def test_with_evpn_alone_the_bytes_are_those_of_the_first_version():
    """Nodes of both versions run in one system."""
    marker = "ff" * 16
    assert pack_open(65000, 9, "192.0.2.1", 120, True).hex() == (
        marker + "003b0104fde80009c00002011e0206010400190046020202000206"
        "41040000fde802084006c07800194680")
    assert FAMILIES[EVPN].end_of_rib.hex() == marker + "001d0200000006800f03001946"
    assert wire.pack_refresh(EVPN).hex() == marker + "00170500190046"


# ---------------------------------------------------------------- keys


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


# ---------------------------------------------------------------- what a peer is told


class Told:
    """A session that keeps what was sent: the routes by family, and when each End-of-RIB came."""

    congested = False

    def __init__(self, families):
        self.session = SessionParameters(65000, "192.0.2.9", False, True, families=families)
        self.routes = {family: set() for family in families}
        self.ended = Counter()

    def send(self, data):
        while data:
            length, _ = wire.check_header(data, 0)
            update = Decoder(self.session).decode(data[wire.HEADER : length])
            data = data[length:]
            self.ended[update.unreach] += update.end_of_rib
            if update.reach:
                self.routes[update.reach] |= {route.fields for route in update.announced}
            if update.unreach:
                self.routes[update.unreach] -= {route.fields for route in update.withdrawn}


ROUTES = {
    EVPN: [MacIp(f"65000:{n}", 0, "02:00:00:00:00:01", "") for n in range(3)],
    NUMBERS: [Number(f"65000:{n}", 0) for n in range(3)],
}
change = st.tuples(st.sampled_from(["announce", "withdraw"]), st.sampled_from(BOTH),
                   st.integers(0, 2))
sessions = st.sampled_from([(EVPN,), (NUMBERS,), BOTH])


@settings(max_examples=100 * DEEPER, deadline=None)
@given(sessions, st.lists(change | st.just(("run",)) | st.just(("end",)), max_size=20),
       st.integers(0, 20))
def test_a_peer_is_told_of_the_families_of_its_session_alone(families, operations, up):
    async def run():
        loop = asyncio.get_running_loop()
        ribs = {family: AdjRibOut(FAMILIES[family]) for family in BOTH}
        peer = Peer("192.0.2.2", 65000, families=BOTH)
        parts = {family: Advertising(loop, ribs[family], peer, Counter(), print)
                 for family in BOTH}
        told, complete = Told(families), False
        want = {family: set() for family in BOTH}
        for number, (name, *arguments) in enumerate([*operations, *[("run",)] * 21]):
            if number == up:
                for family in families:
                    parts[family].begin(told, complete)
            if name == "run":
                for _ in range(3):
                    await asyncio.sleep(0)
            elif name == "end":
                if not complete:
                    complete = True
                    for part in parts.values():
                        part.end_of_rib()
            else:
                family, index = arguments
                nlri = ROUTES[family][index]
                if name == "announce":
                    item = (nlri.route_type, nlri[:-1], 0, (5,), "", "")
                    keys, _ = ribs[family].announce((tuple(Attributes("10.0.0.1", ())),), [item])
                    want[family].add(nlri[:-1])
                else:
                    keys = ribs[family].withdraw([(nlri.route_type, nlri[:-1])])
                    want[family].discard(nlri[:-1])
                parts[family].mark(dict.fromkeys(keys))
        assert told.routes == {family: want[family] for family in families}
        assert +told.ended == Counter(families if complete else ())
        assert not any(part.pending for part in parts.values())

    asyncio.run(run())


@settings(max_examples=60 * DEEPER, deadline=None)
@given(st.lists(change, max_size=20))
def test_what_a_peer_sends_reaches_the_node_by_family(operations):
    posted = []
    session = SessionParameters(65000, "192.0.2.9", False, True, families=BOTH)
    received = Received(Peer("192.0.2.2", 65000, families=BOTH), Counter(), posted.append, print)
    ribs = {family: AdjRibOut(FAMILIES[family]) for family in BOTH}
    want = {family: set() for family in BOTH}
    for name, family, index in operations:
        nlri = ROUTES[family][index]
        if name == "announce":
            item = (nlri.route_type, nlri[:-1], 0, (5,), "", "")
            ribs[family].announce((tuple(Attributes("10.0.0.1", ())),), [item])
            want[family].add(nlri[:-1])
        else:
            ribs[family].withdraw([(nlri.route_type, nlri[:-1])])
            want[family].discard(nlri[:-1])
        key, _ = FAMILIES[family].pack(nlri.route_type, nlri[:-1], (0,))
        for message in ribs[family].messages([key], session)[0]:
            received.take(Decoder(session).decode(message[wire.HEADER:]))
    assert received.prefixes == sum(map(len, want.values()))
    for family in BOTH:
        received.take(Decoder(session).decode(FAMILIES[family].end_of_rib[wire.HEADER:]))
        assert posted.pop() == ["eor", "192.0.2.2", family]
    found = {family: set() for family in BOTH}
    for _, _, family, _, items, withdrawn in posted:
        found[family] -= {fields for _, fields in withdrawn}
        found[family] |= {item[1] for item in items}
    assert found == want


def test_a_family_that_was_not_negotiated_is_counted_and_the_session_lives():
    codec, session = FAMILIES[NUMBERS], SessionParameters(65000, "192.0.2.9", False, True)
    rib = AdjRibOut(codec)
    rib.announce((tuple(Attributes("10.0.0.1", ())),), [(0, ("65000:1", 0), 0, (5,), "", "")])
    counters, logged, posted = Counter(), [], []
    received = Received(Peer("192.0.2.2", 65000), counters, posted.append,
                        lambda level, text, limited: logged.append(text))
    for message in (*rib.messages(rib.table(), session)[0], codec.end_of_rib):
        received.take(Decoder(session).decode(message[wire.HEADER:]))
    received.flush()
    assert counters["family_not_negotiated"] == 2 and not posted
    assert str(NUMBERS) in logged[0]


# ---------------------------------------------------------------- stale routes and a node's start

GR = Negotiated(graceful_restart=True, forwarding=True, restart_time=100)
terms = st.sampled_from([GR, GR, GR._replace(forwarding=False), Negotiated()])
event = st.one_of(
    st.tuples(st.just("up"), st.fixed_dictionaries({EVPN: terms, NUMBERS: terms})
              | st.dictionaries(st.sampled_from(BOTH), terms, min_size=1)),
    st.tuples(st.just("announce"), st.sampled_from(BOTH), st.integers(0, 2)),
    st.tuples(st.just("withdraw"), st.sampled_from(BOTH), st.integers(0, 2)),
    st.tuples(st.just("down"), st.sampled_from([BY_TCP, BY_TCP, SessionEnd(6, 2)])),
    st.tuples(st.just("end"), st.sampled_from(BOTH)),
    st.tuples(st.just("tick"), st.integers(1, 40)),
)


BEGIN = [
    ("up", dict.fromkeys(BOTH, GR)), ("announce", EVPN, 0), ("announce", NUMBERS, 0),
    ("down", BY_TCP), ("up", dict.fromkeys(BOTH, GR)), ("announce", NUMBERS, 1), ("end", EVPN),
]
"""So much of it comes first: a restart in which one family has ended and the other has not."""


class Model:
    """One peer, a router or a node: NLRI -> whether it is stale, each family by itself."""

    def __init__(self, kind):
        self.is_node = kind == "node"
        self.families = {}
        self.paths = {family: {} for family in BOTH}
        self.until = {}

    def up(self, families, now):
        self.families = families
        for family in BOTH:
            if not self.stale(family) or self.is_node:
                continue
            if families.get(family, Negotiated())[:3:2] == (True, True):
                self.until[family] = now + 360
            else:
                self.sweep(family)

    def down(self, end, now):
        for family, paths in self.paths.items():
            if self.is_node:
                paths.update(dict.fromkeys(paths, True))
                continue  # The longest time is longer than any test here.
            self.sweep(family)
            had = self.families.get(family, Negotiated())
            for nlri in paths:
                paths[nlri] = True
            if not had.graceful_restart or end.code:
                self.sweep(family)
            elif paths:
                self.until[family] = now + had.restart_time
        self.families = {}

    def stale(self, family):
        return {nlri for nlri, stale in self.paths[family].items() if stale}

    def sweep(self, family):
        for nlri in self.stale(family):
            del self.paths[family][nlri]
        self.until.pop(family, None)

    def tick(self, now):
        for family, until in list(self.until.items()):
            if now >= until:
                self.sweep(family)


@pytest.mark.parametrize("kind", ["router", "node"])
@settings(max_examples=300 * DEEPER, deadline=None)
@given(st.lists(event, max_size=25), st.integers(0, 7))
def test_stale_routes_of_a_family_are_its_own_affair(kind, events, begin):
    """End-of-RIB, graceful restart and their times of one family never touch another's routes."""
    world = World(world_settings("n1", 64512, ("p",), peer_kinds={"p": kind}))
    world.step(msg.ConfigLoaded(), 0.0)
    model, now = Model(kind), 0.0
    attrs = Attributes("10.0.0.9", ("64512:1",))
    for name, *arguments in [*BEGIN[:begin], *events]:
        is_up = bool(model.families)
        if name == "up" and not is_up:
            families = arguments[0]
            world.step(msg.PeerUp("p", {"router_id": "192.0.2.9"}, families), now)
            model.up(families, now)
        elif name == "down" and is_up:
            world.step(msg.PeerDown("p", "cut", arguments[0]), now)
            model.down(arguments[0], now)
        elif name == "tick":
            now += arguments[0]
            world.step(msg.Tick(), now)
            model.tick(now)
        elif name in ("announce", "withdraw") and arguments[0] in model.families:
            nlri = ROUTES[arguments[0]][arguments[1]]
            paths = model.paths[arguments[0]]
            if name == "announce":
                world.step(msg.PathsReceived("p", (Path(nlri, attrs, (1,)),)), now)
                paths[nlri] = False
            else:
                world.step(msg.PathsReceived("p", (), (nlri,)), now)
                paths.pop(nlri, None)
        elif name == "end" and arguments[0] in model.families:
            world.step(msg.EndOfRib("p", arguments[0]), now)
            model.sweep(arguments[0])
        for family in BOTH:
            found = {nlri for nlri in ROUTES[family] if nlri in world.rib.best}
            stale = {path.nlri for path in world.rib.stale_from("p", family)}
            assert (found, stale) == (set(model.paths[family]), model.stale(family)), family


@settings(max_examples=100 * DEEPER, deadline=None)
@given(st.dictionaries(st.sampled_from(BOTH), st.just(GR), min_size=1),
       st.lists(st.sampled_from(BOTH), max_size=3))
def test_a_node_that_starts_waits_for_every_family_of_a_session(families, ends):
    world = World(world_settings("n1", 64512, ("p",), peer_kinds={"p": "router"}))
    world.step(msg.ConfigLoaded(), 0.0)
    world.step(msg.PeerUp("p", {"router_id": "192.0.2.9"}, families), 0.0)
    waits = set(families)
    for family in ends:
        if family in families:
            world.step(msg.EndOfRib("p", family), 1.0)
            waits.discard(family)
        assert world.convergence.converged == (not waits)
    world.step(msg.Tick(), 29.0)
    assert world.convergence.converged == (not waits)
    assert ("peer p" in world.convergence.waiting_for()) == bool(waits)
    world.step(msg.Tick(), 30.0)
    assert world.convergence.converged

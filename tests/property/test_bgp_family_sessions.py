"""What a peer sends and is told is of the families of its session, each by itself."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ryu_apps.control.families import EVPN
from ryu_apps.control.routes import Attributes
from ryu_apps.peering.base import Peer
from ryu_apps.peering.codec import messages as wire
from ryu_apps.peering.codec.attributes import SessionParameters
from ryu_apps.peering.codec.families import FAMILIES
from ryu_apps.peering.codec.update import Decoder
from ryu_apps.peering.native.adj_rib_out import AdjRibOut
from ryu_apps.peering.native.advertising import Advertising
from ryu_apps.peering.native.received import Received
from tests.property.family_routes import BOTH, ROUTES, change

from .second_family import NUMBERS, second_family
from .world_model import DEEPER


@pytest.fixture(autouse=True, scope="module")
def numbers():
    with second_family():
        yield


class SentRoutes:
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
        told, complete = SentRoutes(families), False
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

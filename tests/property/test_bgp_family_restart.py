"""Graceful restart and a node's start, each address family by itself."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.beds.option_values import world_settings
from ryu_apps.control import messages as msg
from ryu_apps.control.families import EVPN
from ryu_apps.control.graceful_restart import BY_TCP, Negotiated, SessionEnd
from ryu_apps.control.routes import Attributes, Path
from ryu_apps.control.world import World
from tests.property.family_routes import BOTH, ROUTES

from .second_family import NUMBERS, second_family
from .world_model import DEEPER


@pytest.fixture(autouse=True, scope="module")
def numbers():
    with second_family():
        yield


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

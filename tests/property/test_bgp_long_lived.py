"""Long-lived graceful restart (RFC 9494), in every order of what a peer and the clock can do."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import example, given, settings
from hypothesis import strategies as st

from lab.beds.option_values import world_settings
from ryu_apps.control import messages as msg
from ryu_apps.control.families import EVPN
from ryu_apps.control.graceful_restart import BY_TCP, Negotiated, SessionEnd
from ryu_apps.control.routes import LLGR_STALE, NO_LLGR, Attributes, MacIp, Path
from ryu_apps.control.vpn.rib import LIVE, LONG_LIVED, STALE
from ryu_apps.control.world import World

from .world_model import DEEPER

RESTART, LONG, RESYNC, LONGEST = 10, 50, 30, 200
ROUTES = [MacIp(f"65000:{n}", 0, "02:00:00:00:00:01", "") for n in range(3)]
BOTH = Negotiated(True, False, True, False, RESTART, LONG, True)
terms = st.sampled_from([
    BOTH, BOTH, BOTH,
    BOTH._replace(long_lived_forwarding=False),
    BOTH._replace(graceful_restart=False, forwarding=False),  # As FRR: for LLGR alone.
    BOTH._replace(long_lived_time=0, long_lived_forwarding=False),
    BOTH._replace(forwarding=False),
    BOTH._replace(notification=True),
    Negotiated(),
])
communities = st.sampled_from([(), (), (NO_LLGR,), (LLGR_STALE,)])
event = st.one_of(
    st.tuples(st.just("up"), terms),
    st.tuples(st.just("down"), st.sampled_from([BY_TCP, BY_TCP, BY_TCP, SessionEnd(6, 2)])),
    st.tuples(st.just("announce"), st.integers(0, 2), communities),
    st.tuples(st.just("withdraw"), st.integers(0, 2)),
    st.tuples(st.just("end")),
    st.tuples(st.just("wait"), st.sampled_from([1, 5, 9, 11, 29, 31, 49])),
)
START = [("up", BOTH), ("announce", 0, ()), ("announce", 1, (NO_LLGR,)), ("announce", 2, ()),
         ("end",), ("down", BY_TCP)]
SCRIPTS = [[*START, *rest] for rest in (
    [("wait", 11), ("up", BOTH), ("announce", 0, ()), ("down", BY_TCP), ("wait", 5)],
    # The time of a long-lived restart is over before the peer has told everything.
    [("wait", 49), ("up", BOTH), ("announce", 0, ()), ("wait", 11), ("down", BY_TCP)],
    # It is not begun again by another session.
    [("wait", 49), ("up", BOTH), ("announce", 0, ()), ("down", BY_TCP), ("wait", 11)],
    # Nor does what an earlier session left to be done end the next one's.
    [("wait", 5), ("up", BOTH), ("down", BY_TCP), ("wait", 31)],
)]
"""What is seldom met by chance comes first, as far as a test goes with it."""


@dataclass
class Held:
    """A route of the peer: its communities, and since when it is stale and long-lived stale."""

    communities: tuple
    stale: bool = False
    long_lived: bool = False


class Model:
    """RFC 9494 section 4.2, read line by line, with one family and a second as the least time."""

    def __init__(self):
        self.now, self.up = 0, None
        self.held: dict[int, Held] = {}
        self.terms = Negotiated()
        self.restart_left = self.llst_left = self.deferral_left = None
        self.llst = 0
        self.first_stale = None
        self.expired = False

    def quiet(self):
        """Nothing runs any more."""
        self.restart_left = self.llst_left = self.deferral_left = self.first_stale = None
        self.expired = False

    def delete_stale(self):
        self.held = {n: one for n, one in self.held.items() if not one.stale}

    def session_up(self, terms):
        self.up = self.terms = terms
        self.restart_left = None
        if self.llst_left is not None:
            keep = terms.long_lived_time and terms.long_lived_forwarding
        else:
            keep = terms.graceful_restart and terms.forwarding
        if not keep:
            self.delete_stale()
            self.quiet()
        elif self.first_stale is not None:
            self.deferral_left = RESYNC

    def session_down(self, end):
        terms, self.up = self.terms, None
        restart = terms.restart_time if terms.graceful_restart else 0
        llst = terms.long_lived_time
        if end.code and not terms.notification:
            restart = llst = 0
        if self.expired:
            restart = llst = 0
        if not llst:
            self.delete_stale()
            self.quiet()
        for one in self.held.values():
            one.stale = True
        if not restart and not llst:
            self.held = {}
            self.quiet()
        elif self.held:
            if self.first_stale is None:
                self.first_stale = self.now
            self.restart_left, self.llst, self.deferral_left = restart, llst, None
            self.due()

    def second(self):
        self.now += 1
        for name in ("restart_left", "llst_left", "deferral_left"):
            if getattr(self, name) is not None:
                setattr(self, name, getattr(self, name) - 1)
        self.due()

    def due(self):
        if self.restart_left == 0:
            self.restart_left = None
            if not self.llst and self.llst_left is None:
                self.delete_stale()
                self.quiet()
                return
            self.held = {n: one for n, one in self.held.items()
                         if not (one.stale and NO_LLGR in one.communities)}
            for one in self.held.values():
                one.long_lived |= one.stale
            if self.llst_left is None:
                self.llst_left = self.llst
        if self.deferral_left == 0 or (
                self.first_stale is not None and self.now - self.first_stale >= LONGEST):
            self.delete_stale()
            self.quiet()
        elif self.llst_left == 0:
            self.delete_stale()
            if self.up is None:
                self.quiet()
            else:
                self.llst_left, self.expired = None, True

    def freshness(self, one):
        if LLGR_STALE in one.communities or one.long_lived:
            return LONG_LIVED
        return STALE if one.stale else LIVE


@settings(max_examples=250 * DEEPER, deadline=None)
@given(st.lists(event, max_size=20), st.sampled_from(SCRIPTS), st.integers(0, 12), st.booleans())
@example([], SCRIPTS[0], 12, False)
@example([], SCRIPTS[1], 12, False)
@example([], SCRIPTS[2], 12, False)
@example([], SCRIPTS[3], 12, False)
def test_a_router_s_routes_are_kept_as_the_rfc_says(events, script, begin, slow):
    world = World(world_settings(
        "n1", 64512, ("p", "q"), peer_kinds={"p": "router", "q": "router"}, stale_time=LONGEST,
        stalepath_time=RESYNC))
    world.step(msg.ConfigLoaded(), 0)
    model = Model()
    for name, *arguments in [*script[:begin], *events]:
        is_up = model.up is not None
        if name == "up" and not is_up:
            world.step(msg.PeerUp("p", {}, {EVPN: arguments[0]}), model.now)
            model.session_up(arguments[0])
        elif name == "down" and is_up:
            world.step(msg.PeerDown("p", "cut", arguments[0]), model.now)
            model.session_down(arguments[0])
        elif name == "announce" and is_up:
            number, said = arguments
            path = Path(ROUTES[number], Attributes("10.0.0.9", ("64512:1",), communities=said),
                        (1,))
            world.step(msg.PathsReceived("p", (path,)), model.now)
            model.held[number] = Held(said)
        elif name == "withdraw" and is_up:
            world.step(msg.PathsReceived("p", (), (ROUTES[arguments[0]],)), model.now)
            model.held.pop(arguments[0], None)
        elif name == "end" and is_up:
            world.step(msg.EndOfRib("p", EVPN), model.now)
            model.delete_stale()
            model.quiet()
        elif name == "wait":
            for _ in range(arguments[0]):
                model.second()
                if not slow:
                    world.step(msg.Tick(), model.now)
            world.step(msg.Tick(), model.now)
        if not slow:
            rib = world.rib
            assert {path.nlri: rib.freshness("p", path) for path in rib.from_source("p")} == {
                ROUTES[number]: model.freshness(one) for number, one in model.held.items()}
            assert rib.long_lived_count("p") == sum(
                one.long_lived for one in model.held.values())
    assert_bounded(world, model.now)


def assert_bounded(world, now):
    """Whatever happened: when nothing more is heard of the peer, all is over in the longest
    time."""
    if "p" in world.peers.up:
        world.step(msg.PeerDown("p", "cut"), now)
    for seconds in range(0, LONGEST + 1, 10):
        world.step(msg.Tick(), now + seconds)
    assert not world.rib.count("p")


@settings(max_examples=60 * DEEPER, deadline=None)
@given(st.sampled_from(["live", "stale", "marked"]), st.integers(100, 200))
def test_a_long_lived_stale_path_loses_against_any_other(other, local_pref):
    """RFC 9494 section 4.3, whatever else is said for it."""
    world = World(world_settings(
        "n1", 64512, ("p", "q"), peer_kinds={"p": "router", "q": "router"}))
    for peer in ("p", "q"):
        world.step(msg.PeerUp(peer, {}, {EVPN: BOTH}), 0)
    nlri = ROUTES[0]
    best = Attributes("10.0.0.9", ("64512:1",), local_pref=300)
    said = (LLGR_STALE,) if other == "marked" else ()
    worse = Attributes("10.0.0.8", ("64512:1",), local_pref=local_pref, as_path=(1, 2),
                       communities=said)
    world.step(msg.PathsReceived("p", (Path(nlri, best, (1,)),)), 0)
    world.step(msg.PathsReceived("q", (Path(nlri, worse, (1,)),)), 0)
    assert world.rib.best[nlri].attrs == best
    world.step(msg.PeerDown("p", "cut"), 0)
    world.step(msg.Tick(), RESTART)
    if other == "stale":
        world.step(msg.PeerDown("q", "cut"), RESTART)
    # Of two that are least preferred the usual order decides.
    assert world.rib.best[nlri].attrs == (best if other == "marked" else worse)
    world.step(msg.PeerUp("p", {}, {EVPN: BOTH}), RESTART)
    world.step(msg.PathsReceived("p", (Path(nlri, best, (1,)),)), RESTART)
    assert world.rib.best[nlri].attrs == best and world.rib.best_freshness(nlri) == LIVE

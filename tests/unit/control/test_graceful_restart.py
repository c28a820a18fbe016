"""What is kept of a peer's routes after its session, for how long, and what ends that."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from lab.beds.option_values import world_settings
from ryu_apps.control import messages as msg
from ryu_apps.control.elements.elements import RECORDS, record
from ryu_apps.control.families import EVPN
from ryu_apps.control.graceful_restart import (
    BY_TCP,
    Negotiated,
    Retention,
    SessionEnd,
    kept_on_return,
    promises_end_of_rib,
    retained,
)
from ryu_apps.control.peers import QUIET, UNSEEN
from ryu_apps.control.routes import Attributes, MacIp, Path
from ryu_apps.control.world import World
from tests.property.world_model import element_info

STALE = 86400
GR = Negotiated(graceful_restart=True, forwarding=True, restart_time=120)
GR_N = GR._replace(notification=True)
SHUTDOWN, RESET, GONE, FULL = (SessionEnd(6, code) for code in (2, 4, 3, 1))
HOLD = SessionEnd(4, 0, sent=True)


@pytest.mark.parametrize("negotiated, end, router, node", [
    (Negotiated(), BY_TCP, 0, STALE),  # RFC 4271 section 8.2.2
    (Negotiated(restart_time=120, notification=True), BY_TCP, 0, STALE),  # not of this family
    (GR, BY_TCP, 120, STALE),
    (GR._replace(forwarding=False), BY_TCP, 120, STALE),
    (GR._replace(restart_time=0), BY_TCP, 0, STALE),
    (GR._replace(restart_time=4095), BY_TCP, 4095, STALE),
    (GR, SHUTDOWN, 0, STALE),
    (GR, RESET, 0, STALE),
    (GR, HOLD, 0, STALE),
    (GR, SessionEnd(3, 1, sent=True), 0, STALE),
    (GR_N, SHUTDOWN, 120, STALE),  # RFC 8538 section 4
    (GR_N, HOLD, 120, STALE),
    (GR_N, SHUTDOWN._replace(hard=True), 0, STALE),
    (GR_N, FULL._replace(sent=True, hard=True), 0, STALE),
    (GR_N, GONE._replace(hard=True), 0, 0),
    (GR, GONE, 0, 0),
    (Negotiated(), GONE, 0, 0),
    (Negotiated(), GONE._replace(sent=True), 0, 0),
])
@pytest.mark.parametrize("seconds", [0, 3600])
def test_how_long_routes_outlive_a_session(negotiated, end, router, node, seconds):
    """A long-lived restart goes on where a session could be retained at all (RFC 9494 section 4.2);
    a family that is not in the other capability has no restart time."""
    ends = end.hard or (end.code and not negotiated.notification)
    terms = negotiated._replace(long_lived_time=seconds, long_lived_forwarding=bool(seconds))
    assert retained(False, terms, end, STALE) == Retention(router, 0 if ends else seconds)
    assert retained(True, terms, end, STALE) == Retention(node, 0)


def test_nothing_outlives_the_longest_time():
    assert retained(False, GR, BY_TCP, 60) == Retention(60, 0)
    assert retained(False, GR._replace(long_lived_time=9), BY_TCP, 60) == Retention(60, 0)
    assert retained(False, GR._replace(long_lived_time=900), BY_TCP, 600) == Retention(120, 480)


@pytest.mark.parametrize("negotiated, kept", [
    (GR, True), (GR._replace(forwarding=False), False), (Negotiated(), False),
    (Negotiated(forwarding=True), False),
])
def test_what_stays_when_the_peer_is_back(negotiated, kept):
    assert kept_on_return(False, negotiated) == kept
    assert kept_on_return(True, negotiated)


@pytest.mark.parametrize("negotiated, kept", [
    (GR, False), (GR._replace(long_lived_time=60), False),
    (GR._replace(long_lived_time=60, long_lived_forwarding=True), True),
    (Negotiated(long_lived_time=60, long_lived_forwarding=True), True),
    (Negotiated(long_lived_forwarding=True), False),
])
def test_what_stays_when_the_peer_is_back_after_long(negotiated, kept):
    assert kept_on_return(False, negotiated, long_lived=True) == kept
    assert kept_on_return(True, negotiated, long_lived=True)


@pytest.mark.parametrize("negotiated, router, node", [
    (GR, True, True), (Negotiated(), False, False),
    (GR._replace(restarting=True), False, True),
])
def test_who_promises_end_of_rib(negotiated, router, node):
    assert promises_end_of_rib(False, negotiated) == router
    assert promises_end_of_rib(True, negotiated) == node


# ---------------------------------------------------------------- in the World

NODE_RECORD = {"router_id": "192.0.2.2", "local_as": 64512}


def route(number, vtep="10.0.0.9"):
    return Path(MacIp("10.0.0.9:1", 0, f"02:00:00:00:00:{number:02x}", ""),
                Attributes(vtep, ("64512:1",)), (1,))


@dataclass
class Bed:
    """A World with one peer, ``p``."""

    world: World
    now: float = 0.0

    def step(self, event):
        return self.world.step(event, self.now)

    def up(self, router_id="192.0.2.9", asn=64512, negotiated=GR):
        info = {"router_id": router_id, "remote_as": asn}
        self.step(msg.PeerUp("p", info, {EVPN: negotiated}))

    def announce(self, *paths):
        self.step(msg.PathsReceived("p", paths))

    def down(self, end=BY_TCP):
        self.step(msg.PeerDown("p", "cut", end))

    def end_of_rib(self):
        self.step(msg.EndOfRib("p", EVPN))

    def after(self, seconds):
        self.now += seconds
        self.step(msg.Tick())

    @property
    def held(self):
        """(paths, how many of them are stale)."""
        return self.world.rib.count("p"), self.world.rib.stale_count("p")

    @property
    def kind(self):
        return self.world.peers.kind("p")


def bed(kind="router", **settings):
    made = Bed(World(world_settings(
        "n1", 64512, ("p",), stale_time=STALE, peer_kinds={"p": kind}, **settings,
    )))
    made.step(msg.ConfigLoaded())
    return made


def two(kind="router", negotiated=GR):
    made = bed(kind)
    made.up(negotiated=negotiated)
    made.announce(route(1), route(2))
    made.end_of_rib()
    return made


def test_a_router_without_graceful_restart_takes_its_routes_with_it():
    one = two(negotiated=Negotiated())
    one.down()
    assert one.held == (0, 0)


def test_a_router_has_its_restart_time():
    one = two()
    one.down()
    one.after(119)
    assert one.held == (2, 2)
    one.after(1)
    assert one.held == (0, 0)


@pytest.mark.parametrize("negotiated", [GR._replace(forwarding=False), Negotiated()])
def test_a_router_that_did_not_forward_meanwhile_starts_anew(negotiated):
    one = two()
    one.down()
    one.up(negotiated=negotiated)
    assert one.held == (0, 0)


@pytest.mark.parametrize("negotiated, end", [
    (GR, SHUTDOWN), (GR_N, SHUTDOWN._replace(hard=True)), (GR_N, GONE), (GR, GONE),
    (GR_N, FULL._replace(sent=True)),
])
def test_a_router_that_says_goodbye(negotiated, end):
    one = two(negotiated=negotiated)
    one.down(end)
    assert one.held == (0, 0)


def test_a_second_restart_keeps_what_was_told_since_the_first():
    one = two()
    one.down()
    one.up()
    one.announce(route(1))
    assert one.held == (2, 1)
    one.down()
    assert one.held == (1, 1)
    one.after(120)
    assert one.held == (0, 0)


def test_a_router_that_is_back_has_a_time_for_its_table():
    one = two()
    one.down()
    one.after(100)
    one.up()
    one.announce(route(1))
    one.after(359)
    assert one.held == (2, 1)
    one.after(1)
    assert one.held == (1, 0)


def test_end_of_rib_ends_it_and_the_next_restart_has_all_of_its_time():
    one = two()
    one.down()
    one.after(100)
    one.up()
    one.announce(route(1))
    one.end_of_rib()
    assert one.held == (1, 0)
    one.after(1000)
    one.down()
    one.after(119)
    assert one.held == (1, 1)


def test_a_node_s_routes_outlive_it():
    one = two("node", Negotiated())
    one.down(SHUTDOWN)
    one.after(STALE - 1)
    one.up(negotiated=Negotiated())
    assert one.held == (2, 2)
    one.announce(route(1))
    one.after(1)
    assert one.held == (1, 0)


def test_a_node_that_goes_up_and_down_does_not_keep_its_routes_for_ever():
    one = two("node")
    for _ in range(4):
        one.down()
        one.after(STALE / 4)
        one.up()
    assert one.held == (0, 0)


def test_a_node_that_was_removed_takes_its_routes_with_it():
    one = two("node")
    one.down(GONE)
    assert one.held == (0, 0)


# ---------------------------------------------------------------- who is who


def recorded(one, value, name="n2"):
    one.step(msg.StatusChanged(((f"/status/nodes/{name}", value),)))


@pytest.mark.parametrize("first", ["record", "session"])
def test_a_peer_whose_identifier_a_node_has_is_that_node(first):
    one = bed("auto")
    if first == "record":
        recorded(one, NODE_RECORD)
        one.up("192.0.2.2")
    else:
        one.up("192.0.2.2")
        assert one.kind == "router"
        recorded(one, NODE_RECORD)
    assert one.kind == "node"
    one.announce(route(1))
    # It dies: its record goes, too.
    one.down()
    recorded(one, None)
    assert one.kind == "node" and one.held == (1, 1)
    one.after(1000)
    assert one.held == (1, 1)
    # It is back, before its record is.
    one.up("192.0.2.2", negotiated=Negotiated())
    assert one.kind == "node" and one.held == (1, 1)


@pytest.mark.parametrize("router_id, asn, name", [
    ("192.0.2.3", 64512, "n2"), ("192.0.2.2", 65001, "n2"), ("192.0.2.2", 64512, "n1"),
])
def test_others_are_routers(router_id, asn, name):
    """Another identifier, another AS, or what would be this node itself."""
    one = bed("auto")
    recorded(one, NODE_RECORD, name)
    one.up(router_id, asn)
    assert one.kind == "router"


def test_the_configuration_has_the_last_word():
    for kind in ("node", "router", "reflector"):
        one = bed(kind)
        recorded(one, NODE_RECORD)
        one.up("192.0.2.2")
        assert one.kind == kind


def test_a_router_in_a_node_s_place_is_a_router():
    one = bed("auto")
    recorded(one, NODE_RECORD)
    one.up("192.0.2.2")
    one.announce(route(1))
    one.down()
    one.up("192.0.2.9", negotiated=Negotiated())
    assert one.kind == "router" and one.held == (0, 0)


def test_a_reflector_carries_the_routes_of_nodes_and_of_others():
    one = bed("reflector")
    value = record(element_info("e9", "10.0.0.1"), "n2", True)
    one.step(msg.StatusChanged(((RECORDS + "e9", value),)))
    one.up(negotiated=Negotiated())
    one.announce(route(1, "10.0.0.1"), route(2))
    one.down()
    assert [path.nlri for path in one.world.rib.from_source("p")] == [route(1).nlri]
    one.after(STALE)
    assert one.held == (0, 0)


# ---------------------------------------------------------------- a node's start


def waits(one):
    one.step(msg.Tick())
    return not one.world.convergence.converged


def test_a_peer_that_does_not_exist_is_not_waited_for():
    one = bed("auto")
    assert waits(one)
    one.after(UNSEEN)
    assert not waits(one)


@pytest.mark.parametrize("kind", ["node", "reflector"])
def test_a_node_that_is_away_is_waited_for_to_the_end(kind):
    one = bed(kind)
    one.after(29)
    assert waits(one)
    one.after(1)
    assert not waits(one)


def test_while_a_node_with_hypervisors_is_away_any_peer_may_be_it():
    one = bed("auto")
    value = record(element_info("e9", "10.0.0.1"), "n2", True)
    one.step(msg.StatusChanged(((RECORDS + "e9", value),)))
    one.after(29)
    assert waits(one)
    recorded(one, NODE_RECORD)
    one.up("192.0.2.2", negotiated=GR._replace(restarting=True))
    assert waits(one)
    one.end_of_rib()
    assert not waits(one)


@pytest.mark.parametrize("negotiated", [Negotiated(), GR._replace(restarting=True)])
def test_a_router_that_promises_nothing_is_waited_for_while_it_talks(negotiated):
    one = bed()
    one.up(negotiated=negotiated)
    for number in range(5):
        one.after(QUIET - 0.5)
        assert waits(one)
        one.announce(route(number))
    one.after(QUIET)
    assert not waits(one)


def test_a_router_that_promises_end_of_rib_is_waited_for():
    one = bed()
    one.up()
    one.after(UNSEEN + QUIET)
    assert waits(one)
    one.end_of_rib()
    assert not waits(one)


def test_a_reflector_that_is_not_called_one_is_told_once():
    one = bed("auto")
    value = record(element_info("e9", "10.0.0.1"), "n2", True)
    one.step(msg.StatusChanged(((RECORDS + "e9", value),)))
    one.up()
    told = [
        effect.text
        for path in (route(1), route(2, "10.0.0.1"), route(3, "10.0.0.1"))
        for effect in one.step(msg.PathsReceived("p", (path,)))
        if isinstance(effect, msg.Notice) and "kind reflector" in effect.text
    ]
    assert len(told) == 1 and "10.0.0.1" in told[0]

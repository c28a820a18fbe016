"""A peer that negotiated no graceful restart: whatever ends its session, of whatever family, its
routes go at once (RFC 4271 section 8.2.2), and another's stay."""

from __future__ import annotations

import pytest

from lab.beds.option_values import world_settings
from ryu_apps.control import messages as msg
from ryu_apps.control.families import EVPN, IPV4_UNICAST, IPV6_UNICAST
from ryu_apps.control.graceful_restart import BY_TCP, Negotiated, SessionEnd
from ryu_apps.control.routes import Attributes, Imet, IpPrefix, Ipv4Prefix, Ipv6Prefix, MacIp, Path
from ryu_apps.control.world import World

ROUTES = {
    EVPN: (MacIp("10.0.0.9:1", 0, "02:00:00:00:00:01", ""), Imet("10.0.0.9:1", 0, "10.0.0.9"),
           IpPrefix("10.0.0.9:9", 0, "10.9.0.0/16")),
    IPV4_UNICAST: (Ipv4Prefix("10.9.0.0/16"),),
    IPV6_UNICAST: (Ipv6Prefix("fd00::/16"),),
}
ENDS = {
    "closed or reset by TCP": BY_TCP,
    "hold timer of ours": SessionEnd(4, 0, sent=True),
    "hold timer of the peer": SessionEnd(4, 0),
    "send hold timer": SessionEnd(8, 0, sent=True),
    "maximum of prefixes here": SessionEnd(6, 1, sent=True),
    "maximum of prefixes there": SessionEnd(6, 1),
    "shutdown by the peer": SessionEnd(6, 2),
    "shutdown by us": SessionEnd(6, 2, sent=True),
    "removed from a configuration": SessionEnd(6, 3),
    "reset by us": SessionEnd(6, 4, sent=True),
    "hard reset": SessionEnd(6, 2, hard=True),
    "error in an UPDATE": SessionEnd(3, 1, sent=True),
}
GR = Negotiated(True, False, True, True, 120, 3600, True)


def world_with(terms):
    world = World(world_settings("n1", 64512, ("p", "q"), peer_kinds={"p": "router",
                                                                      "q": "router"}))
    world.step(msg.ConfigLoaded(), 0.0)
    for peer in ("p", "q"):
        world.step(msg.PeerUp(peer, {}, terms if peer == "p" else dict.fromkeys(ROUTES, GR)), 0.0)
        attrs = Attributes(f"10.0.0.{ord(peer)}", ("64512:1",))
        world.step(msg.PathsReceived(peer, tuple(
            Path(nlri, attrs, (1,)) for nlris in ROUTES.values() for nlri in nlris)), 0.0)
    return world


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
@pytest.mark.parametrize("without", ROUTES, ids=str)
def test_the_routes_of_a_family_without_it_go_at_once(without, end):
    """Others of the same session have it."""
    world = world_with(dict.fromkeys(ROUTES, GR) | {without: Negotiated()})
    world.step(msg.PeerDown("p", "cut", end), 0.0)
    left = {path.nlri.family for path in world.rib.from_source("p")}
    assert without not in left
    full = end.sent and (end.code, end.subcode) == (6, 1)
    assert left == (set() if end.hard or end.deconfigured or full else set(ROUTES) - {without})
    assert world.rib.count("q") == sum(map(len, ROUTES.values()))
    assert all(world.rib.best[nlri].attrs.next_hop == "10.0.0.113" for nlri in ROUTES[without])


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_nothing_is_left_of_a_peer_without_the_capability(end):
    world = world_with(dict.fromkeys(ROUTES, Negotiated()))
    world.step(msg.PeerDown("p", "cut", end), 0.0)
    assert not world.rib.count("p") and not world.rib.stale_count("p")

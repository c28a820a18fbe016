"""Underlay paths: which there are, when one that failed returns, and what routes do meanwhile."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.beds.option_values import world_settings
from ryu_apps.control import messages as msg
from ryu_apps.control.links.damping import LONGEST, STEADY, Damping
from ryu_apps.control.links.paths import UnderlayPath, underlay_paths
from ryu_apps.control.routes import Imet, IpPrefix
from ryu_apps.views import elements as elements_view
from ryu_apps.views.rib import SourcedPath, describe
from tests.property.world_model import ASN
from tests.unit.control.explain_support import OUTSIDE, RMAC, Site, prefix
from vrouter_ovs.state import Endpoint, Tunnel, TunnelPort

E0, E1 = ("172.16.0.1", "172.16.1.1"), ("172.16.0.2", "172.16.1.2")
THIRD = "172.16.0.3"
UP, DOWN = "up", "down"

# ---------------------------------------------------------------- pure


@pytest.mark.parametrize(("own", "remote", "wanted"), [
    (("a0",), ("b0",), [(0, "a0", "b0")]),
    (("a0", "a1"), ("b0", "b1"), [(0, "a0", "b0"), (1, "a1", "b1")]),
    (("a0", "a1"), ("b0",), [(0, "a0", "b0"), (1, "a1", "b0")]),
    (("a0",), ("b0", "b1"), [(0, "a0", "b0"), (1, "a0", "b1")]),
    (("a0", "fd00::1"), ("b0", "fd00::2"), [(0, "a0", "b0"), (1, "fd00::1", "fd00::2")]),
    (("a0", "fd00::1"), ("b0", "b1"), [(0, "a0", "b0")]),
    (("a0", "fd00::1"), ("b0",), [(0, "a0", "b0")]),
])  # fmt: skip
def test_which_paths_there_are_and_both_ends_agree(own, remote, wanted) -> None:
    assert underlay_paths(own, remote) == tuple(UnderlayPath(*one) for one in wanted)
    assert underlay_paths(remote, own) == tuple(
        UnderlayPath(number, there, here) for number, here, there in wanted
    )


def test_one_that_was_never_up_has_not_failed() -> None:
    damping = Damping(1.0)
    damping.changed("p", False, 0.0)
    assert not damping.has_failed("p")
    damping.changed("p", True, 5.0)
    assert not damping.is_held("p") and damping.tick(100.0) == []


def test_each_failure_soon_after_the_last_doubles_the_wait_up_to_a_bound() -> None:
    damping, now, waits = Damping(1.0), 0.0, []
    damping.changed("p", True, now)
    for _ in range(7):
        damping.changed("p", False, now)
        damping.changed("p", True, now + 1)
        waits.append(damping.returning("p") - now - 1)
        now = damping.returning("p")
        assert damping.tick(now - 0.01) == [] and damping.is_held("p")
        assert damping.tick(now) == ["p"] and not damping.is_held("p")
    assert waits == [1, 2, 4, 8, LONGEST, LONGEST, LONGEST]
    now += LONGEST * STEADY
    damping.changed("p", False, now)
    damping.changed("p", True, now)
    assert damping.returning("p") == now + 1, "it was steady for long"


def test_one_that_fails_while_it_waits_waits_anew() -> None:
    damping = Damping(1.0)
    for is_up, now in ((True, 0), (False, 1), (True, 2), (False, 2.5)):
        damping.changed("p", is_up, now)
    assert damping.tick(100.0) == [] and damping.has_failed("p")
    damping.changed("p", True, 101.0)
    assert damping.returning("p") == 103.0
    damping.forget("p")
    assert damping.tick(1000.0) == [] and not damping.is_held("p")


def test_one_that_failed_waits_for_its_far_end_and_then_as_long() -> None:
    damping = Damping(1.0)
    damping.changed("p", True, 0.0)
    damping.changed("p", False, 1.0)
    damping.changed("p", True, 2.0, is_far_up=False)
    assert damping.is_held("p") and damping.returning("p") is None
    assert damping.tick(100.0) == [], "nobody knows whether the far end hears this one"
    damping.changed("p", True, 101.0)
    assert damping.returning("p") == 102.0
    damping.changed("p", True, 101.5, is_far_up=False)
    assert damping.tick(102.0) == []
    damping.changed("p", True, 103.0)
    damping.changed("p", True, 103.5)
    assert damping.tick(104.0) == ["p"]
    damping.changed("p", True, 105.0, is_far_up=False)
    assert not damping.is_held("p"), "it is in use, and BFD says when it is down"


@pytest.mark.parametrize("was_seen_down", [True, False])
def test_one_that_comes_up_for_the_first_time_waits_for_its_far_end_alone(was_seen_down) -> None:
    damping = Damping(1.0)
    if was_seen_down:
        damping.changed("p", False, 0.0)
    damping.changed("p", True, 1.0, is_far_up=False)
    assert damping.is_held("p") and damping.tick(100.0) == []
    damping.changed("p", True, 101.0)
    assert not damping.is_held("p")


@given(st.lists(st.tuples(st.sampled_from("pq"), st.booleans(), st.integers(0, 40))))
def test_whatever_happens_what_stays_up_returns_in_bounded_time(events) -> None:
    damping, now, state = Damping(1.0), 0.0, {}
    for path, is_up, passed in events:
        now += passed
        damping.tick(now)
        damping.changed(path, is_up, now)
        state[path] = is_up
    for path, is_up in state.items():
        assert not damping.is_held(path) or is_up
    damping.tick(now + LONGEST)
    assert not any(map(damping.is_held, state))


# ---------------------------------------------------------------- in the core


def site(**settings) -> Site:
    """e0 and e1 with two addresses each, all paths up."""
    made = Site(world_settings("n1", ASN, restart_deferral=0, path_hold=1.0, **settings))
    for name, (_, further) in (("e0", E0), ("e1", E1)):
        made.change_paths(name, (further,))
    made.flush()
    for name, far in (("e0", E1[0]), ("e1", E0[0])):
        for path in (0, 1):
            bfd(made, name, far, path, UP)
    made.settle()
    return made


def bfd(made: Site, name: str, far: str, path: int, state: str, far_state: str = "") -> None:
    endpoint = Endpoint(far, path=path)
    made.tunnel(name, endpoint, msg.TunnelStatus(endpoint, 90 + path, state, far_bfd=far_state))


def tunnel(made: Site, name: str = "e0", far: str = E1[0]) -> Tunnel:
    return made.tables[name]["tunnel", far]


def notices(made: Site) -> str:
    return "; ".join(one.text for one in made.effects if isinstance(one, msg.Notice))


def test_each_path_has_a_tunnel_port_with_its_ends() -> None:
    made = site()
    ports = {item for item in made.tables["e0"].values() if type(item) is TunnelPort}
    assert ports == {
        TunnelPort(Endpoint(E1[0]), E0[0], E1[0]),
        TunnelPort(Endpoint(E1[0], path=1), E0[1], E1[1]),
    }
    made.change_paths("e1", ())
    made.flush()
    assert made.tables["e0"]["tunnelport", E1[0], "vxlan", 1].remote_ip == E1[0]
    assert made.tables["e1"]["tunnelport", E0[0], "vxlan", 1].remote_ip == E0[1]
    made.change_paths("e0", ())
    made.flush()
    assert ("tunnelport", E1[0], "vxlan", 1) not in made.tables["e0"]


def test_traffic_leaves_a_path_that_fails_and_returns_when_it_was_up_for_long() -> None:
    made = site()
    assert tunnel(made) == Tunnel(Endpoint(E1[0]), 90, (91,), spread=True)
    before = dict(made.tables["e0"])
    bfd(made, "e0", E1[0], 0, DOWN)
    made.flush()
    assert "path" not in notices(made) and "BFD is down" in notices(made)
    assert tunnel(made) == Tunnel(Endpoint(E1[0]), 91, (90,)), "the switch has 90 in reserve"
    changed = {key for key, item in made.tables["e0"].items() if before[key] != item}
    assert changed == {("tunnel", E1[0])}, "nothing else is touched"
    bfd(made, "e0", E1[0], 0, UP)
    made.flush()
    assert "carries traffic again in 1.0 s" in notices(made)
    made.tick(0.5)
    made.flush()
    assert tunnel(made).ofport == 91
    made.tick(0.6)
    made.flush()
    assert "carries traffic again" in notices(made)
    assert {key: made.tables["e0"][key] for key in before} == before


def test_a_path_that_only_one_direction_of_is_back_carries_nothing() -> None:
    """This end hears the far one and is up; the far one says Init, as it hears nothing."""
    made = site()
    bfd(made, "e0", E1[0], 0, DOWN)
    bfd(made, "e0", E1[0], 0, UP, "init")
    made.flush()
    assert "carries traffic again when it is at the far end, if it stays up" in notices(made)
    made.tick(100.0)
    made.flush()
    assert tunnel(made).ofport == 91 and not tunnel(made).spread
    bfd(made, "e0", E1[0], 0, UP, UP)
    made.tick(0.5)
    made.flush()
    assert not tunnel(made).spread
    made.tick(0.6)
    made.flush()
    assert tunnel(made) == Tunnel(Endpoint(E1[0]), 90, (91,), spread=True)


def test_another_number_of_a_tunnel_port_touches_its_tunnel_alone() -> None:
    made = site()
    before = dict(made.tables["e0"])
    endpoint = Endpoint(E1[0], path=1)
    made.tunnel("e0", endpoint, msg.TunnelStatus(endpoint, 77, UP))
    made.flush()
    changed = {key for key, item in made.tables["e0"].items() if before[key] != item}
    assert changed == {("tunnel", E1[0])} and tunnel(made).others == (77,)
    made.tunnel("e0", endpoint, None)
    made.flush()
    assert tunnel(made) == Tunnel(Endpoint(E1[0]), 90), "one path: as it always was"


def test_with_a_path_over_ipv6_less_fits_into_a_tunnel() -> None:
    made = site()
    mtus = dict(made.tables["e0"]["vrouter",].mtus)
    made.change_paths("e0", ("fd00:16::1",))
    made.flush()
    less = {name: mtu - 20 for name, mtu in mtus.items()}
    assert dict(made.tables["e0"]["vrouter",].mtus) == less
    made.disconnect("e0")
    made.connect("e0", further_vteps=())
    made.flush()
    assert dict(made.tables["e0"]["vrouter",].mtus) == mtus


def anycast(made: Site) -> tuple:
    """A prefix that e1 and another VTEP announce; the hops of e0."""
    return tuple(
        hop.endpoint.vtep for hop in made.tables["e0"]["route", 201, "203.0.113.0/24"].hops
    )


def test_a_hop_that_no_path_leads_to_is_left_out_and_comes_back() -> None:
    made = site()
    made.elsewhere(THIRD)
    made.receive("p1", (prefix(vtep=E1[0]), prefix(vtep=THIRD)))
    made.tunnel("e0", Endpoint(THIRD), msg.TunnelStatus(Endpoint(THIRD), 95, UP))
    made.settle()
    assert set(anycast(made)) == {E1[0], THIRD}
    bfd(made, "e0", E1[0], 0, DOWN)
    made.settle()
    assert set(anycast(made)) == {E1[0], THIRD}, "there is another path"
    bfd(made, "e0", E1[0], 1, "init")
    made.flush()
    assert "out of reach" in notices(made)
    made.settle()
    assert anycast(made) == (THIRD,)
    answer = made.ask("a1", OUTSIDE)
    assert "no underlay path" in str(answer) and "host1" in str(answer)
    path = next(path for path in made.world.rib.best.values()
                if type(path.nlri) is IpPrefix and path.attrs.next_hop == E1[0]
                and path.attrs.router_mac == RMAC)  # fmt: skip
    (shown,) = describe(made.world, [SourcedPath(path, "p1")])
    assert shown["unreachable_from"] == ["host0"]
    assert elements_view.elements(made.world, ["e0"])[0]["unreachable"] == [E1[0]]
    # With the other one out of reach too, what there was stays: it may be back in a moment.
    made.tunnel("e0", Endpoint(THIRD), msg.TunnelStatus(Endpoint(THIRD), 95, DOWN))
    made.settle()
    assert set(anycast(made)) == {E1[0], THIRD}
    bfd(made, "e0", E1[0], 1, UP)
    made.flush()
    assert "within reach again" in notices(made)
    made.settle()
    assert anycast(made) == (E1[0],)


def test_a_host_stays_where_its_route_says() -> None:
    made = site()
    before = dict(made.tables["e0"])
    for path in (0, 1):
        bfd(made, "e0", E1[0], path, DOWN)
    made.settle()
    assert {key: item for key, item in made.tables["e0"].items() if before[key] != item} == {}
    made.says("unreachable", "host1 is down (BFD), on every underlay path", ask=("a1", "a2"))


def next_hops(made: Site, vtep: str) -> set[str]:
    """Those announced for the routes of an element, by its name in their distinguishers."""
    return {
        path.attrs.next_hop for nlri, path in made.announced.items()
        if nlri.rd.startswith(f"{vtep}:")
    }


def test_where_the_first_address_is_dead_routes_are_announced_with_the_second() -> None:
    made = site()
    made.elsewhere(THIRD)
    made.flush()
    for path in (0, 1):
        bfd(made, "e0", THIRD, path, UP)
    made.settle()
    flows = dict(made.tables["e1"])
    bfd(made, "e0", E1[0], 0, DOWN)
    made.flush()
    assert next_hops(made, E0[0]) == {E0[0]}, "it is reached from elsewhere"
    bfd(made, "e0", THIRD, 0, DOWN)
    made.flush()
    assert f"announced with the next hop {E0[1]}" in notices(made)
    assert next_hops(made, E0[0]) == {E0[1]} and next_hops(made, E1[0]) == {E1[0]}
    floods = {nlri.ip for nlri in made.announced if type(nlri) is Imet}
    assert floods == {E0[1], E1[0]}
    assert made.tables["e1"] == flows, "our own vrouters know it by its first address"
    bfd(made, "e0", THIRD, 0, UP)
    made.flush()
    assert next_hops(made, E0[0]) == {E0[1]}, "not yet"
    for _ in range(2):
        made.tick(1.0)
        made.flush()
    assert next_hops(made, E0[0]) == {E0[0]}
    made.settle()
    assert {nlri.ip for nlri in made.announced if type(nlri) is Imet} == {E0[0], E1[0]}


def test_after_a_start_an_address_has_time_to_show_that_it_lives() -> None:
    made = Site(world_settings("n1", ASN, restart_deferral=0, path_hold=1.0))
    made.change_paths("e0", (E0[1],))
    bfd(made, "e0", E1[0], 0, DOWN)
    bfd(made, "e0", E1[0], 1, UP)
    made.settle()
    # One that was up before and is down now has failed.
    assert next_hops(made, E0[0]) == {E0[1]}
    fresh = Site(world_settings("n1", ASN, restart_deferral=0, path_hold=1.0))
    fresh.tunnel("e0", Endpoint(E1[0]), None)
    fresh.change_paths("e0", (E0[1],))
    bfd(fresh, "e0", E1[0], 0, DOWN)
    bfd(fresh, "e0", E1[0], 1, UP)
    fresh.settle()
    assert next_hops(fresh, E0[0]) == {E0[0]}
    for _ in range(5):
        fresh.tick(1.0)
        fresh.flush()
    assert next_hops(fresh, E0[0]) == {E0[1]}


def test_a_route_to_any_address_of_a_hypervisor_leads_to_the_hypervisor() -> None:
    """Whether its record comes before the route or after it."""
    for record_first in (True, False):
        made = site()
        steps = [
            lambda made=made: made.change_paths("e1", ("172.16.9.2",)),
            lambda made=made: made.receive("p1", (prefix(vtep="172.16.9.2"),)),
        ]
        for step in steps if record_first else reversed(steps):
            step()
            made.flush()
        made.settle()
        assert anycast(made) == (E1[0],)


def test_no_two_hypervisors_share_an_address_on_any_path() -> None:
    made = site()
    made.connect("e2", further_vteps=(E0[1],))
    made.flush()
    refused = [one for one in made.effects if isinstance(one, msg.RefuseElement)]
    assert len(refused) == 1 and f"VTEP {E0[1]} belongs to hypervisor host0" in refused[0].reason
    assert "vnc-encap-ip=172.16.0.3,A.B.C.D" in refused[0].reason

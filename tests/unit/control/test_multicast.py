"""Networks that snoop: what vrouters have of groups, whom the node asks, and what it waits for."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from lab.beds.option_values import world_settings
from ryu_apps.control import messages as msg
from ryu_apps.control.config.model import Change, Network, Subnet
from ryu_apps.control.multicast.memberships import (
    LAST_MEMBER_TIME,
    MEMBERSHIP_TIME,
    PORT_LIMIT,
    QUERY_INTERVAL,
)
from ryu_apps.control.multicast.snooping import QUERIER_TIME
from ryu_apps.views import vpns
from ryu_apps.views.checks import multicast
from tests.property.world_model import ASN, Node
from tests.unit.control.learned_support import port
from vrouter_ovs.state import MulticastGroup, Snooping

GROUP, GROUP6 = "239.1.2.3", "ff0e::1234"
NETWORK = Network("net", 101, 1, igmp_snooping=True)
SNOOPING = Snooping(101, flood_unregistered=False)
PORTS = ((1, "e0"), (2, "e0"), (3, "e1"))


def node(network: Network = NETWORK, **settings) -> Node:
    """p1 and p2 on e0, p3 on e1."""
    one = Node(world_settings("n1", ASN, **settings) if settings else None, not settings)
    one.set("network", "net", network)
    one.set("subnet", "a", Subnet("a", "net", "10.0.0.0/24"))
    for number, element in PORTS:
        one.set("port", f"p{number}", port(number))
        if element not in one.inputs.elements:
            one.connect(element)
        one.bind(element, f"tap{number}", f"p{number}", number)
    one.settle()
    return one


def report(one: Node, number: int, *joined: str, left: tuple[str, ...] = ()) -> None:
    element = dict(PORTS)[number]
    one.handle(msg.GroupsReported(element, f"p{number}", joined, left))
    one.flush()


def tick(one: Node, seconds: float) -> None:
    one.tick(seconds)
    one.flush()


def groups(one: Node, element: str) -> dict[str, tuple[int, ...]]:
    found = one.tables.get(element, {}).values()
    return {item.group: item.ports for item in found if type(item) is MulticastGroup}


def asked(one: Node) -> list[tuple[str, int, str]]:
    return [
        (effect.element, effect.ofport, effect.group)
        for effect in one.effects if type(effect) is msg.QueryGroups
    ]


def test_a_group_goes_to_its_members_wherever_the_network_is() -> None:
    one = node()
    assert one.tables["e0"]["snooping", 101] == SNOOPING
    report(one, 1, GROUP, GROUP6)
    report(one, 3, GROUP)
    assert groups(one, "e0") == {GROUP: (1,), GROUP6: (1,)}
    assert groups(one, "e1") == {GROUP: (3,), GROUP6: ()}
    report(one, 2, GROUP)
    assert groups(one, "e0")[GROUP] == (1, 2)
    (shown,) = vpns.instances(one.world, [101])
    assert shown["multicast"] == {GROUP: ["p1", "p2", "p3"], GROUP6: ["p1"]}
    assert shown["multicast_routers"] == []


def test_what_is_of_the_link_has_no_members() -> None:
    one = node()
    report(one, 1, "224.0.0.251", "ff02::1:ff00:1", "ff01::1", "10.0.0.1")
    assert groups(one, "e0") == {}


def test_without_snooping_there_is_nothing() -> None:
    one = node(replace(NETWORK, igmp_snooping=False))
    report(one, 1, GROUP)
    tick(one, QUERY_INTERVAL)
    assert not groups(one, "e0") and ("snooping", 101) not in one.tables["e0"] and not asked(one)
    one.set("network", "net", NETWORK)
    one.settle()
    report(one, 1, GROUP)
    assert groups(one, "e0") == {GROUP: (1,)}
    one.set("network", "net", replace(NETWORK, igmp_snooping=False))
    one.settle()
    assert not groups(one, "e0") and ("snooping", 101) not in one.tables["e0"]


def test_a_membership_ends_when_it_is_not_reported_again() -> None:
    one = node()
    report(one, 1, GROUP)
    tick(one, MEMBERSHIP_TIME - 1)
    assert groups(one, "e0") == {GROUP: (1,)}
    tick(one, 1)
    assert groups(one, "e0") == groups(one, "e1") == {}


def test_who_leaves_is_asked_whether_another_is_still_there() -> None:
    one = node()
    for number in (1, 2):
        report(one, number, GROUP)
    report(one, 1, left=(GROUP,))
    assert asked(one) == [("e0", 1, GROUP)]
    report(one, 2, left=(GROUP,))
    report(one, 2, GROUP)
    tick(one, LAST_MEMBER_TIME)
    assert groups(one, "e0") == {GROUP: (2,)}
    report(one, 1, left=(GROUP,))
    assert not asked(one), "it is none"


def test_routers_get_what_members_get_and_nobody_asks_beside_them() -> None:
    one = node()
    for _ in range(3):
        tick(one, 1)
    report(one, 1, GROUP)
    one.handle(msg.QuerierSeen("e0", "p2"))
    one.flush()
    assert one.tables["e0"]["snooping", 101] == Snooping(101, (2,), False)
    assert groups(one, "e0") == {GROUP: (1, 2)} and groups(one, "e1") == {GROUP: ()}
    one.handle(msg.QuerierSeen("e0", "p2", GROUP))
    one.flush()
    assert asked(one) == [("e0", 1, GROUP)], "what it asks of a group is passed on"
    tick(one, QUERY_INTERVAL)
    assert {element for element, _, _ in asked(one)} == {"e1"}
    tick(one, QUERIER_TIME)
    assert one.tables["e0"]["snooping", 101] == SNOOPING


def test_a_port_is_asked_when_it_is_new_and_from_time_to_time() -> None:
    one = node()
    tick(one, 1)
    assert asked(one) == [("e0", 1, ""), ("e0", 2, ""), ("e1", 3, "")]
    tick(one, 1)
    tick(one, 1)
    assert not asked(one)
    tick(one, QUERY_INTERVAL)
    assert len(asked(one)) == 3


def test_a_port_can_not_have_any_number_of_groups() -> None:
    one = node()
    report(one, 1, *(f"239.0.1.{number}" for number in range(PORT_LIMIT + 3)))
    assert len(groups(one, "e0")) == PORT_LIMIT
    assert one.world.multicast.memberships.refused == {"p1": 3}
    check = multicast.of(one.world)
    assert check.ok and check.warning and "p1 (3 reports)" in check.detail
    assert not multicast.of(node().world).warning


def test_a_report_of_a_port_that_is_elsewhere_says_nothing() -> None:
    one = node()
    one.handle(msg.GroupsReported("e1", "p1", (GROUP,)))
    one.handle(msg.QuerierSeen("e1", "p1"))
    one.handle(msg.GroupsReported("e1", "nobody", (GROUP,)))
    one.flush()
    assert groups(one, "e0") == {}


def test_a_member_that_moves_takes_its_memberships_along() -> None:
    one = node()
    report(one, 1, GROUP)
    one.interfaces("e0", ("tap1", None))
    one.bind("e1", "tap1", "p1", 9)
    one.settle()
    assert groups(one, "e0") == {GROUP: ()} and groups(one, "e1") == {GROUP: (9,)}


def test_after_a_start_nothing_is_let_go_before_ports_had_time_to_answer() -> None:
    one = node(restart_deferral=120)
    for name in ("e0", "e1"):
        one.handle(msg.VrouterConnected(name))
    one.handle(msg.ConfigLoaded())
    waited = 0
    while any(element.deferred for element in one.world.elements.accepted.values()):
        one.settle()
        tick(one, 1)
        waited += 1
        assert waited < 20
    assert waited >= 4, "asked twice, a second apart, and two seconds for the answer"
    without = node(replace(NETWORK, igmp_snooping=False), restart_deferral=120)
    assert without.world.multicast.settled(0.0)


steps = st.one_of(
    st.tuples(st.just("report"), st.integers(1, 3), st.sampled_from([GROUP, GROUP6, "239.9.9.9"])),
    st.tuples(st.just("leave"), st.integers(1, 3), st.sampled_from([GROUP, GROUP6])),
    st.tuples(st.just("router"), st.integers(1, 3)),
    st.tuples(st.just("unplug"), st.integers(1, 3)),
    st.tuples(st.just("plug"), st.integers(1, 3)),
    st.tuples(st.just("snoop"), st.booleans()),
    st.tuples(st.just("wait"), st.sampled_from([1, 3, 130])),
)


@given(st.lists(steps, max_size=25))
def test_in_any_order_vrouters_have_what_the_members_say(history: list[tuple]) -> None:
    one, plugged, snoops = node(), {1, 2, 3}, True
    elements = dict(PORTS)
    for kind, *args in history:
        if kind == "report":
            report(one, args[0], args[1])
        elif kind == "leave":
            report(one, args[0], left=(args[1],))
        elif kind == "router":
            one.handle(msg.QuerierSeen(elements[args[0]], f"p{args[0]}"))
        elif kind == "unplug":
            one.interfaces(elements[args[0]], (f"tap{args[0]}", None))
            plugged.discard(args[0])
        elif kind == "plug":
            one.bind(elements[args[0]], f"tap{args[0]}", f"p{args[0]}", args[0])
            plugged.add(args[0])
        elif kind == "snoop":
            snoops = args[0]
            one.set("network", "net", replace(NETWORK, igmp_snooping=snoops))
        else:
            tick(one, args[0])
        one.settle()
        held = one.world.multicast
        for element in ("e0", "e1"):
            here = {number for number in plugged if elements[number] == element}
            routers = {n for n in here if f"p{n}" in held.routers.get(101, {})}
            wanted = {
                group: tuple(sorted(routers | {
                    n for n in here if f"p{n}" in held.memberships.members(101, group)
                }))
                for group in held.memberships.groups(101)
            }
            assert groups(one, element) == (wanted if here else {})
            there = one.tables.get(element, {}).get(("snooping", 101))
            expected = Snooping(101, tuple(sorted(routers)), False) if here and snoops else None
            assert there == expected
    if not snoops:
        assert not len(one.world.multicast.memberships) and not one.world.multicast.routers
    one.configure(*(Change("port", f"p{number}", None) for number in elements))
    one.settle()
    one.configure(Change("subnet", "a", None), Change("network", "net", None))
    one.settle()
    assert not len(one.world.multicast.memberships) and not groups(one, "e0")
    assert not vars(one.world.multicast)["_put"]

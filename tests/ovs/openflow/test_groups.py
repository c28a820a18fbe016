"""Groups as desired state, with flows that name them, against a real ovs-vswitchd."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import ClassVar

import pytest

from lab.beds.openflow_bed import Monitor, Node, Switch, eventually
from ryu_apps.control.messages import ObjectRefused, VrouterAcked
from vrouter_ovs import state
from vrouter_ovs.cookies import cookie
from vrouter_ovs.pipeline import RENDERERS
from vrouter_ovs.schema import checks
from vrouter_ovs.schema.flow import Flow
from vrouter_ovs.state import (
    ALL,
    FAST_FAILOVER,
    GROUP_TYPES,
    OPENFLOW,
    SELECT,
    Bucket,
    Evi,
    Group,
    MeterPool,
)
from vrouter_ovs.wire.buckets import encode_group
from vrouter_ovs.wire.groups import group_id, is_our_group

BOTH = (Bucket(1), Bucket(2))
FAILOVER = Group(7, FAST_FAILOVER, BOTH)


@dataclass(frozen=True, slots=True)
class Steered:
    """A kind of object whose flow names a group or a meter: none of the product's does yet."""

    kind: ClassVar[str] = "steered"
    number: int
    actions: tuple

    @property
    def key(self) -> tuple:
        return ("steered", self.number)

    @property
    def depends_on_peers(self) -> bool:
        return True


def render(item: Steered) -> tuple[Flow, ...]:
    match = (("in_port", item.number),)
    return (Flow("punt", "port", match, item.actions, cookie(item.key)),)


def to_group(number: int, group: int = 7) -> Steered:
    return Steered(number, (("group", group),))


@pytest.fixture(autouse=True)
def steered(monkeypatch):
    """The kind, with a table that lets its flows out."""
    table = checks.BY_NAME["punt"]
    monkeypatch.setitem(checks.BY_NAME, "punt", replace(table, outputs=True))
    checks._check_shape.cache_clear()
    monkeypatch.setitem(RENDERERS, Steered, render)
    monkeypatch.setitem(state.TARGET_OF, "steered", state.FLOWS)
    yield
    checks._check_shape.cache_clear()


@pytest.fixture(scope="module")
def node():
    made = Node()
    yield made
    made.close()


@pytest.fixture(scope="module")
def shared_switch(node):
    made = Switch()
    for number in (1, 2, 3):
        made.vsctl("add-port", "br-int", f"p{number}", "--", "set", "interface", f"p{number}",
                   "type=dummy", f"ofport_request={number}")  # fmt: skip
    made.connect(node.port)
    yield made
    made.close()


@pytest.fixture
def switch(node, shared_switch):
    node.end()
    shared_switch.ofctl("del-flows", shared_switch.bridge)
    shared_switch.ofctl("del-groups", shared_switch.bridge)
    yield shared_switch
    node.end()


def join(node: Node, switch: Switch, deferred: bool = False) -> None:
    southbound = node.begin(audit_interval=3600)
    southbound.accept("hv1", switch.datapath_id)
    eventually(lambda: southbound.status("hv1")["connected"], "connected")
    if not deferred:
        southbound.defer("hv1", False)


def groups(switch: Switch) -> dict[int, str]:
    """Group id -> how ovs-ofctl describes it."""
    found = re.findall(r"group_id=(\d+),(\S+)", switch.ofctl("dump-groups", switch.bridge))
    return {int(number): text for number, text in found}


def named(switch: Switch) -> set[int]:
    """The groups that flows name."""
    return set(map(int, re.findall(r"group:(\d+)", switch.ofctl("dump-flows", switch.bridge))))


def test_groups_and_the_flows_that_name_them_come_change_and_go_in_one_bundle(node, switch):
    join(node, switch)
    bundles = node.southbound.status("hv1")["bundles"]
    # The flow stands before its group in the program: the order on the wire is the targets'.
    node.acked("hv1", node.program("hv1", to_group(1), FAILOVER))
    assert named(switch) == {group_id(7)} == set(groups(switch))
    assert "type=ff,bucket=watch_port:1,actions=output:1,bucket=watch_port:2" \
        in groups(switch)[group_id(7)]
    assert node.southbound.status("hv1")["bundles"] == bundles + 1
    node.acked("hv1", node.program("hv1", Group(7, SELECT, (Bucket(3, 2),))))
    assert groups(switch) == {group_id(7): "type=select,bucket=weight:2,actions=output:3"}
    node.acked("hv1", node.program("hv1", delete=[FAILOVER.key, to_group(1).key]))
    assert groups(switch) == {} and named(switch) == set()
    assert node.southbound.status("hv1")["bundles"] == bundles + 3
    assert node.southbound.status("hv1")["errors"] == 0


def test_a_flow_that_passes_from_one_group_to_another_never_misses_one(node, switch):
    join(node, switch)
    node.acked("hv1", node.program("hv1", to_group(1), FAILOVER))
    changes = Monitor(switch)
    try:
        other = Group(8, ALL, BOTH)
        node.acked("hv1", node.program("hv1", to_group(1, 8), other, delete=[FAILOVER.key]))
        assert set(groups(switch)) == {group_id(8)} == named(switch)
        eventually(lambda: changes.changes(), "told")
        assert not [one for one in changes.changes() if "event=DELETED" in one]
    finally:
        changes.close()


def test_after_a_restart_what_is_right_is_not_touched_and_what_is_left_over_goes(node, switch):
    join(node, switch)
    items = (to_group(1), FAILOVER, Group(8, ALL, BOTH))
    node.acked("hv1", node.program("hv1", *items))
    switch.ofctl("add-group", switch.bridge, "group_id=99,type=all,bucket=output:3")
    before = groups(switch)
    join(node, switch, deferred=True)
    node.acked("hv1", node.program("hv1", *items[:2]))
    assert groups(switch) == before, "held: nothing is deleted"
    assert node.southbound.status("hv1")["flow_mods"] == 0
    node.southbound.defer("hv1", False)
    eventually(lambda: set(groups(switch)) == {group_id(7), 99}, "the leftover is gone")
    assert node.southbound.status("hv1")["flow_mods"] == 1, "and nothing else was touched"


def test_while_held_groups_are_added_and_not_changed(node, switch):
    join(node, switch)
    node.acked("hv1", node.program("hv1", FAILOVER))
    join(node, switch, deferred=True)
    changed = Group(7, FAST_FAILOVER, (Bucket(3),))
    node.acked("hv1", node.program("hv1", changed, Group(8, ALL, BOTH)))
    assert set(groups(switch)) == {group_id(7), group_id(8)}
    assert "watch_port:1," in groups(switch)[group_id(7)]
    node.southbound.defer("hv1", False)
    eventually(lambda: "watch_port:3" in groups(switch)[group_id(7)], "changed")


def test_a_group_that_the_switch_refuses_is_told_and_the_rest_is_done(node, switch):
    join(node, switch)
    bad = Group(9, FAST_FAILOVER, (Bucket(0xFFFFFFF0),))  # no port has such a number
    wrong = Group(1 << 25, ALL, BOTH)
    node.acked("hv1", node.program("hv1", bad, wrong, FAILOVER, to_group(1), Evi(100)))
    refused = {event.key: event for event in node.seen if isinstance(event, ObjectRefused)}
    assert set(refused) == {bad.key, wrong.key}
    assert "25 bits" in refused[wrong.key].reason
    assert set(groups(switch)) == {group_id(7)} == named(switch)
    # When it comes right, flows that were refused because they name it are tried again.
    node.acked("hv1", node.program("hv1", to_group(2, 9)))
    assert named(switch) == {group_id(7)}
    revision = node.program("hv1", Group(9, ALL, BOTH))
    node.acked("hv1", revision)
    assert named(switch) == {group_id(7), group_id(9)}
    told = [event for event in node.seen if isinstance(event, VrouterAcked)][-1]
    assert told == VrouterAcked("hv1", revision, OPENFLOW, (to_group(2, 9).key,))


def test_a_group_that_somebody_deletes_comes_back_with_its_flow(node, switch):
    join(node, switch)
    node.acked("hv1", node.program("hv1", FAILOVER, to_group(1)))
    switch.ofctl("del-groups", switch.bridge, f"group_id={group_id(7)}")
    eventually(lambda: named(switch) == {group_id(7)} == set(groups(switch)), "put right")


def test_after_a_crash_of_the_switch_groups_and_flows_are_back(node, switch):
    join(node, switch)
    node.acked("hv1", node.program("hv1", FAILOVER, to_group(1)))
    switch.kill()
    switch.start()
    eventually(lambda: switch.is_up() and named(switch) == {group_id(7)}, "back")


def test_a_pool_of_meters_comes_changes_and_goes_behind_the_flows_that_name_it(node, switch):
    def meters() -> list[tuple[int, int]]:
        text = switch.ofctl("dump-meters", switch.bridge)
        return sorted((int(number), int(rate)) for number, rate in re.findall(
            r"meter=(\d+) \w+ burst bands=\s*type=drop rate=(\d+)", text) if int(number) > 5000)

    join(node, switch)
    switch.ofctl("add-meter", switch.bridge,
                 "meter=5500,pktps,burst,bands=type=drop,rate=1,burst_size=2")
    pool = MeterPool("test", 5001, 3, 100, 200)
    counted = Steered(1, (("meter", 5002), ("controller",)))
    node.acked("hv1", node.program("hv1", counted, pool))
    assert meters() == [(5001, 100), (5002, 100), (5003, 100), (5500, 1)]
    node.acked("hv1", node.program("hv1", MeterPool("test", 5002, 1, 50, 200)))
    assert meters() == [(5002, 50), (5500, 1)]
    flow_mods = node.southbound.status("hv1")["flow_mods"]
    node.acked("hv1", node.program("hv1", delete=[pool.key, counted.key]))
    assert meters() == [(5500, 1)], "others' stay"
    assert node.southbound.status("hv1")["flow_mods"] == flow_mods + 1
    assert node.southbound.status("hv1")["errors"] == 0
    switch.ofctl("del-meter", switch.bridge, "meter=5500")


def test_every_type_reads_back_as_it_was_sent(node, switch):
    join(node, switch)
    items = [Group(number, kind, (Bucket(1, 5), Bucket(2, 1)))
             for number, kind in enumerate(GROUP_TYPES)]
    node.acked("hv1", node.program("hv1", *items))
    join(node, switch)
    node.acked("hv1", node.program("hv1", *items))
    assert node.southbound.status("hv1")["flow_mods"] == 0
    assert all(is_our_group(encode_group(item).id) for item in items) and not is_our_group(99)

"""Nodes that die and stay dead: switches forward by themselves, and let pass what was permitted.

``VNC_HEADLESS_SECONDS``: how long all nodes are dead (25; 600 and 1800 are the long runs).
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from lab.tenants import Tenant
from lab.topology import Lab
from lab.traffic.capture import FlowMonitor
from lab.traffic.steady import Report, Steady, plan
from tests.lab.headless_support import NEEDS_A_NODE, guarded_tenant, outcomes, pairs, probes
from tests.lab.recovery import all_flows, recovered
from tests.lab.spoof_support import Sent, SpoofBed

SECONDS = float(os.environ.get("VNC_HEADLESS_SECONDS", "25"))
SPOOFING = 15.0
"""Seconds of forged frames while all nodes are dead, at most."""

pytestmark = pytest.mark.timeout(240 + SECONDS)


@dataclass
class Story:
    """What was seen: with all nodes, with one dead, with all dead, and after their return."""

    laps: dict[str, Report] = field(default_factory=dict)
    probes: dict[str, dict[str, bool]] = field(default_factory=dict)
    flows: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    events: dict[str, int] = field(default_factory=dict)
    spoofed: Sent = field(default_factory=list)
    leaked: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def own_lab() -> Iterator[Lab]:
    with Lab(f"vnch{os.getpid()}", peer_options="hold-time 3") as made:
        made.wait_converged()
        yield made


@pytest.fixture(scope="module")
def tenant(own_lab: Lab) -> Tenant:
    return guarded_tenant(own_lab)


@pytest.fixture(scope="module")
def spoofing(own_lab: Lab) -> Iterator[SpoofBed]:
    made = SpoofBed(own_lab, tracked=True)
    yield made
    made.stop()


@pytest.fixture(scope="module")
def story(own_lab: Lab, tenant: Tenant, spoofing: SpoofBed) -> Story:
    seen = Story()
    nodes = own_lab.nodes
    asked = probes(tenant, "web1", "web4", "db2")
    seen.flows["before"] = all_flows(own_lab)
    monitors = [FlowMonitor(one) for one in own_lab.hypervisors.values()]
    traffic = Steady(plan(
        pairs(tenant), urls=[node.url for node in nodes.values()], guarded=True, dhcp=True,
        write_rate=1,
    ))
    with traffic:
        seen.probes["all run"] = outcomes(asked)
        time.sleep(1.5)
        seen.laps["all run"] = traffic.lap()

        nodes["node1"].kill()
        time.sleep(3)
        seen.laps["one dead"] = traffic.lap()

        for node in nodes.values():
            node.kill()
        begun = time.monotonic()
        seen.laps["all die"] = traffic.lap()
        seen.probes["all dead"] = outcomes(asked)
        seen.laps["all dead"] = traffic.lap()
        seen.spoofed = spoofing.send(stop=time.monotonic() + SPOOFING)
        spoofing.settle()
        seen.leaked = spoofing.leaked(seen.spoofed)
        seen.laps["forged frames"] = traffic.lap()
        time.sleep(max(0.0, begun + SECONDS - time.monotonic()))
        seen.probes["all dead, later"] = outcomes(asked)
        seen.laps["all dead, later"] = traffic.lap()

        for node in nodes.values():
            node.restart(wait=False)
        for node in nodes.values():
            node.wait_ready(60)
        recovered(own_lab, tenant)
        seen.laps["they start"] = traffic.lap()
        seen.laps["all run again"] = traffic.stop()
    for monitor in monitors:
        for event, count in monitor.stop().items():
            seen.events[event] = seen.events.get(event, 0) + count
    seen.flows["after"] = all_flows(own_lab)
    for name, report in seen.laps.items():
        print(f"--- {name}: {report}")
    return seen


DEAD = ("one dead", "all die", "all dead", "all dead, later", "they start")


@pytest.mark.parametrize("lap", ["all run", *DEAD, "all run again"])
def test_what_was_permitted_goes_on_and_what_was_denied_stays_so(story: Story, lap: str) -> None:
    report = story.laps[lap]
    assert report.forwarding_lost == {}, report
    assert report.pings.sent > 100
    assert report.streams.records > 50
    assert report.connections.attempted > 10
    assert report.denied.attempted > 10


@pytest.mark.parametrize("lap", ["all run", "all run again"])
def test_nothing_at_all_is_lost_while_nodes_run(story: Story, lap: str) -> None:
    assert story.laps[lap].lost == {}, story.laps[lap]


def test_the_node_that_lives_goes_on_serving(story: Story) -> None:
    report = story.laps["one dead"]
    assert 0 < report.renewals.answered < report.renewals.sent
    assert 0 < report.writes.acknowledged < report.writes.attempted


def test_what_was_acknowledged_before_they_died_is_there(story: Story) -> None:
    report = story.laps["all run again"]
    assert report.writes.verified > 3
    assert report.writes.wrong == ()


def test_nobody_renews_or_writes_while_all_are_dead(story: Story) -> None:
    report = story.laps["all dead"]
    assert report.renewals.sent > 3 and report.renewals.refused == 0
    assert report.renewals.answered == 0
    assert report.writes.attempted > 3 and report.writes.acknowledged == 0


def test_what_guests_have_to_wait_for(story: Story) -> None:
    """As the table in docs/operations.md says."""
    assert all(story.probes["all run"].values()), story.probes["all run"]
    for phase in ("all dead", "all dead, later"):
        missing = {what for what, got in story.probes[phase].items() if not got}
        assert missing == NEEDS_A_NODE


def test_nobody_speaks_in_the_name_of_others_meanwhile(story: Story) -> None:
    assert len(story.spoofed) > 10
    assert story.leaked == []
    # Each forged frame is one that the switch looks at anew: one that gets too little of a
    # processor for that loses some, and then a ping among them.
    report = story.laps["forged frames"]
    assert report.forwarding_lost.keys() <= {"pings"} and report.pings.lost < 10, report


def test_no_flow_is_touched(story: Story) -> None:
    assert story.events == {"ADDED": 0, "DELETED": 0, "MODIFIED": 0}
    assert story.flows["after"] == story.flows["before"]

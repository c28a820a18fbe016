"""A restart touches no flow that should stay, and makes up exactly for what was changed meanwhile.

``VNC_RESTART_PORTS``: ports of the hypervisor (100; 5000 is what ``python -m bench restart``
measures).
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from bench.restart_node import HYPERVISORS, NODES, Restarts
from bench.restart_owner import owner_death
from bench.restart_switch import switch_restart
from bench.vnc import Vnc

PORTS = int(os.environ.get("VNC_RESTART_PORTS", "100"))
CHANGES = min(500, PORTS // 2)
UNTOUCHED = {"ADDED": 0, "DELETED": 0, "MODIFIED": 0}

pytestmark = pytest.mark.timeout(180 + PORTS / 5)


@pytest.fixture(scope="module")
def run() -> Iterator[Restarts]:
    system = Vnc(f"vncs{os.getpid()}", HYPERVISORS, True, "dummy", NODES)
    try:
        system.up()
        made = Restarts(system, PORTS)
        made.build()
        yield made
    finally:
        system.down()


def test_a_restart_touches_no_flow(run: Restarts) -> None:
    figures = run.node_restart()
    assert figures["events"] == UNTOUCHED == figures["difference"]
    assert figures["lost"] == figures["leaked"] == 0, figures


def test_what_was_changed_meanwhile_is_made_up_for_exactly(run: Restarts) -> None:
    figures = run.node_restart(lambda: run.changes(CHANGES))
    assert figures["changes"] > 40
    events, difference = figures["events"], figures["difference"]
    assert difference["DELETED"] > 0 and difference["MODIFIED"] > 0
    # Who replaces a flow adds it (ovs-ofctl(8), monitor).
    assert events["ADDED"] + events["MODIFIED"] == difference["ADDED"] + difference["MODIFIED"]
    assert events["DELETED"] == difference["DELETED"]
    assert figures["lost"] == 0, figures


def test_a_switch_that_starts_gets_the_same_flows(run: Restarts) -> None:
    figures = switch_restart(run)
    assert figures["same flows"], figures
    assert figures["duplicates"] == figures["leaked"] == 0


def test_an_owner_that_dies_is_replaced_by_one_that_reads_and_sends_nothing(run: Restarts) -> None:
    figures = owner_death(run)
    assert figures["owner"] == "node2" and figures["role"] == "master"
    assert figures["events by the takeover"] == UNTOUCHED
    assert not any(figures["sent by the takeover"].values()), figures
    assert not figures["read by the takeover"], figures
    assert figures["lost"] == figures["leaked"] == 0, figures

"""Health never says ok when it is not, and always answers."""

from __future__ import annotations

import threading

import pytest

from lab.beds.option_values import openflow_channels, world_settings
from lab.beds.owners import owns
from ryu_apps.configuration.guard import Behind
from ryu_apps.control.elements.elements import RECORDS, record
from ryu_apps.control.messages import ElementConnected, StatusChanged, TunnelStatus
from ryu_apps.control.world import World
from ryu_apps.controller import Controller
from ryu_apps.identity.unverified import Unverified
from ryu_apps.northbound.base import NodeView
from ryu_apps.store.memory import MemoryStore
from ryu_apps.views import health, live
from ryu_apps.views.checks import (
    CONTRIBUTORS,
    connections,
    encapsulations,
    hypervisors,
    tunnels,
)
from ryu_apps.views.elements import elements
from ryu_apps.views.live import LiveView
from tests.element_info import ovs_info, with_facts
from vrouter_ovs.state import Endpoint


@pytest.fixture
def controller():
    controller = Controller(World(world_settings("node1", 64512)))
    controller.start()
    yield controller
    controller.stop()


@pytest.fixture
def view(controller) -> NodeView:
    return LiveView(
        controller, MemoryStore(), openflow_channels(controller.post), None,
        lambda: {"node": "node1"}, lambda element: {},
    )  # fmt: skip


def failed(answer: dict) -> dict[str, str]:
    return {one["name"]: one["detail"] for one in answer["checks"] if not one["ok"]}


def test_each_part_says_how_it_is(view):
    answer = view.health()
    names = [one["name"] for one in answer["checks"]]
    assert set(names) >= {
        "store", "peers", "hypervisors", "vrouters", "flows", "start", "core", "threads",
    }  # fmt: skip
    assert len(names) == len(set(names))
    assert answer["node"] == "node1"


def test_an_open_api_is_told(controller):
    for standing in (Unverified("192.0.2.1:9696").standing, Unverified().standing):
        view = LiveView(
            controller, MemoryStore(), openflow_channels(controller.post), None,
            lambda: {"node": "node1"}, lambda element: {}, authentication=standing,
        )  # fmt: skip
        (check,) = (one for one in view.health()["checks"] if one["name"] == "authentication")
        assert check["ok"] and check["detail"] == standing().detail
        assert ("warning" in check) == ("192.0.2.1:9696" in check["detail"])


def test_a_part_that_raises_is_a_failed_check_and_the_others_are_shown(view, monkeypatch):
    def checks(sources):
        raise KeyError("header")

    checks.__module__ = "ryu_apps.views.checks.mill"
    monkeypatch.setattr(live, "CONTRIBUTORS", (checks, *CONTRIBUTORS))
    answer = view.health()
    assert answer["status"] == "degraded"
    assert "header" in failed(answer)["mill"]
    assert len(answer["checks"]) > 5


def test_a_store_whose_status_raises_does_not_end_the_answer(view, monkeypatch):
    monkeypatch.setattr(MemoryStore, "status", lambda self: {}["kind"])
    answer = view.health()
    assert answer["status"] == "degraded" and "store" in failed(answer)


def test_a_warning_is_shown_and_leaves_the_node_ok():
    def checks(sources):
        yield health.Check("mill", True, "it creaks", warning=True)
        yield health.Check("water", True, "it flows")

    answer = health.look(None, [checks])
    assert answer == {"status": "ok", "checks": [
        {"name": "mill", "ok": True, "detail": "it creaks", "warning": True},
        {"name": "water", "ok": True, "detail": "it flows"},
    ]}  # fmt: skip


def test_it_answers_when_the_control_core_does_not(view, controller, monkeypatch):
    monkeypatch.setattr(health, "PATIENCE", 0.2)
    go_on = threading.Event()
    controller.post((lambda world: go_on.wait(20), _Nobody()))
    answer = view.health()
    go_on.set()
    assert answer["status"] == "degraded"
    assert "no answer" in failed(answer)["core"]
    assert "does not answer" in failed(answer)["hypervisors"]


def test_it_answers_when_the_control_core_has_ended(view, controller):
    controller.stop()
    answer = view.health()
    assert answer["status"] == "degraded" and "core" in failed(answer)


def test_what_cannot_be_computed_is_named_until_it_can(view, controller):
    broken = True

    def consume(key: str) -> None:
        if broken:
            raise LookupError("it is not there")

    def mark(world: World) -> None:
        world.graph.worklists["names"].consumer = consume
        world.graph.worklists["names"].mark(("net", "port"))

    controller.query(mark)
    controller.query(lambda world: world.flush(0.0))
    detail = failed(view.health())["core"]
    assert "names ('net', 'port'): LookupError: it is not there" in detail
    broken = False
    controller.query(lambda world: (world.graph.tick(), world.flush(0.0)))
    assert "LookupError" not in failed(view.health())["core"], "only that there was an error"


class _Nobody:
    """Whom no answer reaches."""

    def set_result(self, result) -> None:
        pass


# ---------------------------------------------------------------- hypervisors


def element(name: str, **more) -> dict:
    return {"id": name, "hostname": name, "vtep": f"192.0.2.{name[2:]}", "connected": True,
            "settled": True, "served": True, "ports": [], "tunnels": []} | more  # fmt: skip


@pytest.mark.parametrize("away, ok, warning", [
    ({"served": True}, False, False),
    ({"served": False}, True, True),
    ({"served": False, "ports": [{"id": "p1"}]}, False, False),
    ({"served": None, "ports": None}, True, True),
])  # fmt: skip
def test_a_name_that_somebody_made_up_is_no_alarm(away, ok, warning):
    one = hypervisors.hypervisors([element("hv1"), element("hv2", connected=False, **away)])
    assert (one.ok, one.warning) == (ok, warning) and "hv2" in one.detail
    late = hypervisors.vrouters([element("hv1"), element("hv2", settled=False, **away)])
    assert (late.ok, late.warning) == (ok, warning) and "hv2" in late.detail


def test_a_refused_hypervisor_is_a_warning():
    one = hypervisors.admission([element("hv9", state="refused")])
    assert one.ok and one.warning and "hv9" in one.detail


def test_all_connected():
    assert hypervisors.hypervisors([element("hv1")]) == ("hypervisors", True, "1 connected", False)


@pytest.mark.parametrize("bfd, other, ok, warning", [
    ("up", {}, True, False), ("", {}, True, False), ("down", {}, False, False),
    ("init", {}, False, False), ("down", {"connected": False}, True, True),
    ("down", {"served": False}, True, True), ("down", None, True, False),
])  # fmt: skip
def test_tunnels_that_bfd_calls_down(bfd, other, ok, warning):
    world = World(world_settings("node1", 64512))
    info = ovs_info("hv1", "hv1", "192.0.2.1", "u1", "198.51.100.11", datapath_id=1)
    world.step(owns("node1", "hv1"), 0)
    world.step(ElementConnected(1, info, (), (TunnelStatus(Endpoint("192.0.2.3"), 1, bfd),)), 0)
    if other is not None:
        far = ovs_info("hv3", "hv3", "192.0.2.3", "u3", "198.51.100.13", datapath_id=3)
        value = record(far, "node2", True, True) | other
        world.step(StatusChanged((("/status/elements/hv3", value),)), 0)
    one = tunnels.of(world)
    assert (one.ok, one.warning) == (ok, warning)


@pytest.mark.parametrize("ours, theirs, warning", [
    (("vxlan",), ("geneve", "vxlan"), False), (("geneve", "nvgre"), ("nvgre",), False),
    (("geneve",), ("vxlan", "nvgre"), True),
    (("geneve",), None, True),  # A record of an earlier version.
])  # fmt: skip
@pytest.mark.parametrize("owner", ["node1", "node2"])
def test_hypervisors_that_have_no_encapsulation_in_common(ours, theirs, warning, owner):
    world = World(world_settings("node1", 64512))
    pair = []
    for number, encaps in ((1, ours), (3, theirs or ("vxlan",))):
        info = ovs_info(f"hv{number}", f"host{number}", f"192.0.2.{number}", f"u{number}",
                        f"198.51.100.{number}", datapath_id=number)
        pair.append(with_facts(info, encapsulations=encaps))
    world.step(owns("node1", "hv1"), 0)
    world.step(ElementConnected(1, pair[0], (), ()), 0)
    value = record(pair[1], owner, True, True)
    if theirs is None:
        del value["encapsulations"]
    world.step(StatusChanged(((RECORDS + "hv1", record(pair[0], "node1", True)),)), 0)
    if owner == "node1":
        world.step(owns("node1", "hv3"), 0)
        world.step(ElementConnected(3, pair[1], (), ()), 0)
    world.step(StatusChanged(((RECORDS + "hv3", value),)), 0)
    one = encapsulations.of(world)
    assert (one.ok, one.warning) == (True, warning)
    assert one.detail.count("host3 (") == warning


@pytest.mark.parametrize("limit, settings, warning", [
    (None, {"limit_connections": True}, True),
    (None, {"limit_connections": True, "new_connections": 1000}, False),
    (None, {"limit_connections": False}, False),
    (65536, {"limit_connections": True}, False), (0, {"limit_connections": True}, False),
])  # fmt: skip
def test_connections_that_nothing_limits(limit, settings, warning):
    world = World(world_settings("node1", 64512, **settings))
    info = ovs_info("hv1", "host1", "192.0.2.1", "u1", "198.51.100.11", datapath_id=1,
                    connection_limit=limit)
    world.step(owns("node1", "hv1"), 0)
    world.step(ElementConnected(1, info, (), ()), 0)
    one = connections.of(world)
    assert (one.ok, one.warning, "host1" in one.detail) == (True, warning, warning)
    world.step(StatusChanged((("/status/elements/hv1", record(info, "node1", True)),)), 0)
    (shown,) = elements(world, ["hv1"])
    assert shown["connections_per_port"]["limit"] == limit
    assert ("new_connections" in shown["connections_per_port"]["reason"]) == (limit is None)


# ---------------------------------------------------------------- the watch, the name


def test_a_watch_that_is_behind_is_told():
    lacking = [0]
    behind = Behind(lambda: lacking[0])
    behind.look(0)
    lacking[0] = 3
    behind.look(1)
    behind.look(20)
    assert not behind.fault  # it may be under way
    behind.look(30)
    assert "3 changes behind" in behind.fault
    lacking[0] = 0
    behind.look(60)
    assert not behind.fault


def test_another_node_with_the_name_is_told(view, controller):
    record = {"node": "node1", "url": "http://192.0.2.9:9696", "host": "other"}
    controller.post(StatusChanged((("/status/nodes/node1", record),)))
    assert "another node has the name" in failed(view.health())["name"]

"""Health never says ok when it is not, and always answers."""

from __future__ import annotations

import threading

import pytest

from ryu_apps.control.world import Settings, World
from ryu_apps.controller import Controller
from ryu_apps.northbound.base import NodeView
from ryu_apps.southbound.openflow import OpenFlowSouthbound
from ryu_apps.store.memory import MemoryStore
from ryu_apps.views import health, live
from ryu_apps.views.checks import CONTRIBUTORS
from ryu_apps.views.live import LiveView


@pytest.fixture
def controller():
    controller = Controller(World(Settings("node1", 64512)))
    controller.start()
    yield controller
    controller.stop()


@pytest.fixture
def view(controller) -> NodeView:
    return LiveView(
        controller, MemoryStore(), OpenFlowSouthbound(controller.post), None,
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


class _Nobody:
    """Whom no answer reaches."""

    def set_result(self, result) -> None:
        pass

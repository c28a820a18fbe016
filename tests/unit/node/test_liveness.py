"""When a quiet connection is looked at, asked and given up."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from os_ken.controller.handler import CONFIG_DISPATCHER, HANDSHAKE_DISPATCHER, MAIN_DISPATCHER

from ryu_apps.runtime.liveness import CONF, HANDSHAKE_TICK, SHORTEST, Liveness

INTERVAL, LIMIT = 5.0, 3
seconds = st.floats(0.0, 20.0)


@pytest.fixture(autouse=True, scope="module")
def probing() -> Iterator[None]:
    CONF.set_override("echo_request_interval", INTERVAL)
    CONF.set_override("maximum_unreplied_echo_requests", LIMIT)
    yield
    CONF.clear_override("echo_request_interval")
    CONF.clear_override("maximum_unreplied_echo_requests")


def test_a_quiet_switch_is_looked_at_when_it_is_to_be_asked_and_no_sooner() -> None:
    asked: list[float] = []
    now = 0.0
    liveness = Liveness(now, lambda: asked.append(now))
    looks = 0
    while now < 100 * INTERVAL:
        now += liveness.patience(MAIN_DISPATCHER, 0.0, now)
        looks += 1
        assert liveness.fault(MAIN_DISPATCHER, 0.0, now) == ""
        liveness.received(now)  # Its answer.
    assert len(asked) in (99, 100)
    assert looks <= len(asked) + 1


def test_a_handshake_is_looked_at_often() -> None:
    liveness = Liveness(0.0, lambda: None)
    for state in (HANDSHAKE_DISPATCHER, CONFIG_DISPATCHER):
        assert liveness.patience(state, 0.0, 3.0) == HANDSHAKE_TICK


@given(st.lists(st.tuples(st.sampled_from(["data", "progress", "nothing"]), seconds)))
def test_waiting_never_passes_a_deadline(events: list[tuple[str, float]]) -> None:
    """Whatever came before, who then stays silent is given up when the last question is due."""
    now = progress = heard = 0.0
    liveness = Liveness(now, lambda: None)
    for kind, after in events:
        now += min(after, liveness.patience(MAIN_DISPATCHER, progress, now))
        if kind == "data":
            liveness.received(now)
            heard = now
        elif kind == "progress":
            progress = heard = now
        if liveness.fault(MAIN_DISPATCHER, progress, now):
            return
    fault = ""
    for _ in range(4 * (LIMIT + 2)):
        if fault:
            break
        patience = liveness.patience(MAIN_DISPATCHER, progress, now)
        assert 0 < patience <= INTERVAL
        now += patience
        fault = liveness.fault(MAIN_DISPATCHER, progress, now)
    assert fault and now <= heard + (LIMIT + 1) * (INTERVAL + SHORTEST)

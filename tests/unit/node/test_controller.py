"""The controller thread: who carries out effects, and who only looks on."""

from __future__ import annotations

import threading

import pytest

from ryu_apps.control import messages as msg
from ryu_apps.control.messages import EFFECTS, Announce, Defer, Effect, Event, Notice, Tick
from ryu_apps.controller import Controller
from ryu_apps.observers import Observer


class Echo:
    """In place of the World: what an event asks for is the effect.  ``broken``: flush raises."""

    def __init__(self) -> None:
        self.effects: list = []
        self.broken = False

    def handle(self, event, now) -> None:
        if isinstance(event, Effect):
            self.effects.append(event)
        elif not isinstance(event, Event):
            raise TypeError(event)

    def flush(self, now) -> list:
        if self.broken:
            raise RuntimeError("sand")
        effects, self.effects = self.effects, []
        return effects


class Everything:
    """A part that carries out all effects."""

    def __init__(self, but: type | None = None) -> None:
        self.done: list = []
        self._but = but

    def subscriptions(self):
        return {effect: self.done.append for effect in EFFECTS if effect is not self._but}


@pytest.fixture
def controller():
    one = Controller(Echo(), clock=lambda: 0.0)  # no Ticks of its own
    yield one
    one.stop()


def run(controller: Controller, *events) -> None:
    """Handle the events, and come back when that is done."""
    controller.start()
    for event in events:
        controller.post(event)
    controller.query(lambda world: None)


def notice(number: int) -> Notice:
    return Notice("info", "test", str(number))


def test_subscribers_are_called_in_order_and_one_that_fails_stops_nobody(controller, caplog):
    calls = []

    def fails(effect):
        calls.append(("fails", effect))
        raise RuntimeError("sand")

    controller.subscribe(Notice, lambda effect: calls.append(("first", effect)))
    controller.subscribe(Notice, fails)
    controller.subscribe(Notice, lambda effect: calls.append(("last", effect)))
    run(controller, notice(1), notice(2))
    assert calls == [
        (name, notice(number)) for number in (1, 2) for name in ("first", "fails", "last")
    ]
    assert controller.failures == 2 and "effect Notice failed" in caplog.text


def test_only_effects_can_be_subscribed_to(controller):
    for other in (Tick, dict, Effect):
        with pytest.raises(ValueError, match=other.__name__):
            controller.subscribe(other, print)


def test_a_node_without_a_part_for_an_effect_does_not_start(controller):
    with pytest.raises(ValueError, match=r"carries out: Defer$"):
        controller.connect([Everything(but=Defer)])


def test_what_a_node_may_do_without_needs_no_part(controller):
    part = Everything(but=Announce)
    controller.connect([part])
    run(controller, Announce(()), notice(1))
    assert part.done == [notice(1)] and not controller.failures


def test_every_class_of_effects_is_known():
    for effect in EFFECTS:
        assert issubclass(effect, Effect) and getattr(msg, effect.__name__) is effect
    assert {msg.Program, msg.RecordStatus, msg.SendEndOfRib} <= EFFECTS
    assert not any(issubclass(effect, Event) for effect in EFFECTS)


def test_an_observer_sees_events_and_effects_in_order(controller):
    seen = Observer("all", (Tick, Notice), 100)
    other = Observer("ticks", (Tick,), 100)
    controller.observe(seen)
    controller.observe(other)
    run(controller, Tick(), notice(1))
    controller.post(Tick())
    controller.query(lambda world: None)
    controller.unobserve(seen)
    controller.post(notice(2))
    controller.query(lambda world: None)
    # As an event and as the effect that Echo makes of it.
    items = seen.take(0).items
    assert [item for item in items if type(item) is Tick] == [Tick(), Tick()]
    assert items.count(notice(1)) == 2 and notice(2) not in items
    assert items[-1] == Tick() and items.index(Tick()) < items.index(notice(1))
    assert other.take(0).items == [Tick(), Tick()]


def test_an_observer_sees_events_though_nothing_can_be_resolved(controller):
    seen = Observer("ticks", (Tick,), 100)
    controller.observe(seen)
    controller.world.broken = True
    run(controller, Tick())
    assert seen.take(0).items == [Tick()] and controller.failures


def test_one_that_never_takes_delays_nobody(controller):
    """All events are handled, while the observer's own thread hangs."""
    stuck, let_go = threading.Event(), threading.Event()
    seen = Observer("slow", (Tick,), 2)

    def reads():
        seen.take()
        stuck.set()
        let_go.wait(20)

    reader = threading.Thread(target=reads)
    reader.start()
    controller.observe(seen)
    run(controller, Tick())
    assert stuck.wait(20)
    for _ in range(50):
        controller.post(Tick())
    controller.query(lambda world: None)
    assert controller.handled == 51
    assert (seen.waiting, seen.dropped) == (2, 48)
    let_go.set()
    reader.join(20)
    assert seen.take(0) == ([Tick(), Tick()], 48)


def test_who_waits_for_something_to_observe_is_let_go():
    seen = Observer("closed", (Tick,), 1)
    taken = []
    reader = threading.Thread(target=lambda: taken.append(seen.take()))
    reader.start()
    seen.close()
    reader.join(20)
    assert taken == [([], 0)] and seen.take() == ([], 0)

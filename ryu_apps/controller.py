"""The controller thread: the one place where the control core runs.

Shells post events; the thread takes all that have queued, hands them to the World, flushes once and
runs the effects.  Queries run on the same thread, so that they see one consistent state.

Parts of the node *subscribe* to classes of effects and carry them out on this thread.  Whoever only
wants to know *observes* events and effects (:mod:`ryu_apps.observers`), and delays nobody.
"""

from __future__ import annotations

import collections
import logging
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from typing import Any, Protocol, TypeVar

from ryu_apps.control.messages import EFFECTS, Effect, Subscriptions, Tick
from ryu_apps.control.world import World
from ryu_apps.observers import Observer
from ryu_apps.supervision import Worker, next_step, waiting

LOG = logging.getLogger(__name__)
T = TypeVar("T")

TICK = 1.0
"""Seconds between two Tick events."""
BATCH = 5000
"""At most so many events before a flush, so that effects leave early under load."""


class Stopped(RuntimeError):
    """The controller thread has ended."""


class Part(Protocol):
    """A part of the node that carries out effects."""

    def subscriptions(self) -> Subscriptions:
        """Its own; asked once, before the controller is started."""


class Controller:
    """Subscriptions come before :meth:`start`; observers come and go at any time."""

    def __init__(self, world: World, clock: Callable[[], float] = time.monotonic) -> None:
        self.world = world
        self.observers: tuple[Observer, ...] = ()
        self._subscribers: dict[type, list[Callable[[Any], None]]] = {
            effect: [] for effect in EFFECTS
        }
        self.failures = 0
        """Events and effects that raised: each is logged with its traceback."""
        self.handled = 0
        self._clock = clock
        self._queue: collections.deque[Any] = collections.deque()
        self._worker = Worker(self._run, "controller")
        self._wake = self._worker.changed

    def subscribe(self, effect: type[Effect], function: Callable[[Any], None]) -> None:
        """Have ``function`` called with each effect of this very class, after those that subscribed
        before.  Raises ValueError for what is no class of effects."""
        if effect not in self._subscribers:
            raise ValueError(f"{effect.__name__} is no effect of the control core")
        self._subscribers[effect].append(function)

    def connect(self, parts: Iterable[Part]) -> None:
        """Subscribe all parts, in this order.  Raises ValueError where an effect then has no
        subscriber that needs one."""
        for part in parts:
            for effect, function in part.subscriptions().items():
                self.subscribe(effect, function)
        missing = sorted(
            effect.__name__ for effect, functions in self._subscribers.items()
            if not functions and not effect.ignorable
        )
        if missing:
            raise ValueError(f"no part of the node carries out: {', '.join(missing)}")

    def observe(self, observer: Observer) -> None:
        """Show ``observer`` what is handled and done from now on.  Any thread."""
        with self._wake:
            self.observers += (observer,)

    def unobserve(self, observer: Observer) -> None:
        """It is shown nothing more, from the next batch on.  Any thread."""
        with self._wake:
            self.observers = tuple(one for one in self.observers if one is not observer)

    def start(self) -> None:
        self._worker.start()

    def post(self, event: Any) -> None:
        """Hand over an event.  Any thread; never blocks."""
        with self._wake:
            self._queue.append(event)
            self._wake.notify()

    def query(self, function: Callable[[World], T], timeout: float = 10.0) -> T:
        """``function(world)`` on the controller thread; it must copy what it returns.

        Raises what it raises, TimeoutError after ``timeout`` seconds, Stopped at the end.
        """
        if self._worker.is_current():
            return function(self.world)
        if not self._worker.alive:
            raise Stopped("the node is stopping")
        result: Future = Future()
        self.post((function, result))
        return result.result(timeout)

    def stop(self) -> None:
        """End after the events at hand.  Events posted later are dropped."""
        self._worker.stop()

    def _run(self) -> None:
        next_tick = self._clock() + TICK
        while True:
            with self._wake:
                if not self._queue and not self._worker.stopping:
                    with waiting():
                        self._wake.wait(max(next_tick - self._clock(), 0))
                else:
                    next_step()
                if self._worker.stopping and not self._queue:
                    return
                events = [
                    self._queue.popleft() for _ in range(min(len(self._queue), BATCH))
                ]
            now = self._clock()
            if now >= next_tick:
                events.append(Tick())
                next_tick = now + TICK
            self._process(events, now)

    def _process(self, events: list[Any], now: float) -> None:
        queries = []
        for event in events:
            if type(event) is tuple:
                queries.append(event)
                continue
            self.handled += 1
            try:
                self.world.handle(event, now)
            except Exception:  # one bad event must not end the thread that serves all others
                self.failures += 1
                LOG.exception("event %s could not be handled", type(event).__name__)
        try:
            effects = self.world.flush(now)
        except Exception:  # as above; what is marked stays marked and is tried again
            self.failures += 1
            LOG.exception("resolving failed")
            effects = []
        for effect in effects:
            self._carry_out(effect)
        for observer in self.observers:
            observer.offer(event for event in events if type(event) is not tuple)
            observer.offer(effects)
        for function, result in queries:
            try:
                result.set_result(function(self.world))
            except Exception as error:  # it belongs to the thread that asked
                result.set_exception(error)

    def _carry_out(self, effect: Effect) -> None:
        for function in self._subscribers[type(effect)]:
            try:
                function(effect)
            except Exception:  # a shell's failure is not the others'
                self.failures += 1
                LOG.exception("effect %s failed", type(effect).__name__)

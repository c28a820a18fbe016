"""Every thread of the node: an outermost boundary around it, and what becomes of it.

A thread that others rely on must not end unseen.  It is declared here where it is started; health
shows one that has ended, or that has been at one step for too long.  The end of an *essential* one
ends the process, so that the service manager starts it anew: the switches forward meanwhile.

A loop goes on after what it can recover from, and says so with :func:`failed`.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

LOG = logging.getLogger(__name__)

STUCK = 30.0
"""Seconds that one step of a thread may take before it counts as stuck."""
AGAIN = 1.0
PAUSE = 0.05
"""A loop that fails again within AGAIN seconds rests for PAUSE seconds: what fails each time must
not take the interpreter."""
TRACEBACKS = 20
"""So many failures of one thread are logged with their traceback, later ones in one line."""


class Watched(NamedTuple):
    """A thread that runs.  ``stuck``: seconds that its step has lasted, 0 when that is no longer
    than STUCK."""

    name: str
    stuck: float


class Supervisor:
    """Knows the threads of a process.  ``on_end``: called once, on the thread that ends, with a
    text, when an essential thread ended that should not."""

    def __init__(self) -> None:
        self.on_end: Callable[[str], None] | None = None
        self.ended: dict[str, str] = {}
        """Name of an essential thread that ended -> why."""
        self.failures: Counter[str] = Counter()
        """Name of a thread -> what it recovered from, how often."""
        self._lock = threading.Lock()
        self._threads: set[Thread] = set()

    def threads(self) -> list[Watched]:
        """All essential threads that run."""
        now = time.monotonic()
        with self._lock:
            threads = list(self._threads)
        return [
            Watched(one.name, one.stuck(now)) for one in threads if one.essential
        ]

    def count(self, name: str) -> int:
        """One failure more; returns how many there were."""
        with self._lock:
            self.failures[name] += 1
            return self.failures[name]

    def begins(self, thread: Thread) -> None:
        with self._lock:
            self._threads.add(thread)

    def ends(self, thread: Thread, why: str) -> None:
        """``why``: "" when it may end."""
        with self._lock:
            self._threads.discard(thread)
            if not why:
                return
            first = not self.ended
            if thread.essential:
                self.ended[thread.name] = why
        if not thread.essential:
            LOG.error("thread %s ended: %s", thread.name, why)
            return
        LOG.critical("thread %s ended, without which this node is of no use: %s", thread.name, why)
        if first and self.on_end is not None:
            self.on_end(f"thread {thread.name} ended: {why}")


PROCESS = Supervisor()
"""Of this process; the launcher makes the end of an essential thread the end of the process."""


class Thread(threading.Thread):
    """A daemon thread with an outermost boundary.

    ``may_end``: asked when ``target`` has returned; whether it was told to.  A thread that is not
    ``essential`` may always end; one that raises is at fault all the same.
    """

    def __init__(
        self,
        target: Callable[..., Any],
        name: str,
        args: tuple = (),
        *,
        essential: bool = False,
        may_end: Callable[[], bool] = lambda: False,
        supervisor: Supervisor | None = None,
    ) -> None:
        super().__init__(name=name, daemon=True)
        self.essential = essential
        self._call = target, args
        self._may_end = may_end
        self._supervisor = supervisor or PROCESS
        self._busy_since = 0.0
        self._failed_at = -AGAIN

    def run(self) -> None:
        _local.thread = self
        self._supervisor.begins(self)
        target, args = self._call
        why = ""
        try:
            target(*args)
            if self.essential and not self._may_end():
                why = "it returned, and nobody had told it to"
        except BaseException as error:  # the outermost boundary of every thread
            if isinstance(error, Exception) or not self._may_end():  # else it was told to end so
                LOG.exception("thread %s", self.name)
                why = f"{type(error).__name__}: {error}"
        finally:
            del self._call, _local.thread
            self._supervisor.ends(self, why)

    def step(self, begins: bool) -> None:
        """See :func:`waiting`."""
        self._busy_since = time.monotonic() if begins else 0.0

    def stuck(self, now: float) -> float:
        """Seconds that its step has lasted, if that is too long; else 0."""
        since = self._busy_since
        return now - since if since and now - since > STUCK else 0.0

    def failed(self, text: str, *args: Any) -> None:
        """See :func:`failed`."""
        number = self._supervisor.count(self.name)
        LOG.error(f"%s: {text}", self.name, *args, exc_info=number <= TRACEBACKS or None)
        now = time.monotonic()
        if now - self._failed_at < AGAIN:
            time.sleep(PAUSE)
        self._failed_at = now


class Worker:
    """An essential thread that waits for work until it is told to stop.

    ``changed``: what it waits on; whoever gives it work holds it meanwhile and notifies.
    ``target`` runs on the thread and returns soon after ``stopping`` is true.
    """

    def __init__(self, target: Callable[[], Any], name: str) -> None:
        self.changed = threading.Condition()
        self.stopping = False
        self._thread = Thread(target, name, essential=True, may_end=lambda: self.stopping)

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def is_current(self) -> bool:
        """Whether the caller runs on this thread."""
        return threading.current_thread() is self._thread

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout: float = 2.0) -> None:
        """Tell it, and wait at most ``timeout`` seconds for its end.  Idempotent; from any thread,
        its own too, and before it was started."""
        with self.changed:
            self.stopping = True
            self.changed.notify_all()
        if self.alive and not self.is_current():
            self._thread.join(timeout)


_local = threading.local()


@contextlib.contextmanager
def waiting() -> Iterator[None]:
    """Around where a thread's loop waits for work.  From the first use on, what the thread does
    in between is a step, which may not last longer than STUCK."""
    thread: Thread | None = getattr(_local, "thread", None)
    if thread is not None:
        thread.step(False)
    try:
        yield
    finally:
        if thread is not None:
            thread.step(True)


def next_step() -> None:
    """As :func:`waiting`, where the thread has work already."""
    thread: Thread | None = getattr(_local, "thread", None)
    if thread is not None:
        thread.step(True)


def failed(text: str, *args: Any) -> None:
    """In an ``except`` block of a thread's loop: log and count what the loop goes on after.
    ``text``, ``args``: as for logging."""
    thread: Thread | None = getattr(_local, "thread", None)
    if thread is not None:
        thread.failed(text, *args)
    else:
        LOG.exception(text, *args)


def guarded(
    name: str, target: Callable[[], Any], may_end: Callable[[], bool],
    supervisor: Supervisor | None = None,
) -> None:
    """Run ``target`` on this thread, which somebody else started, as an essential one of that
    name.  Never raises."""
    Thread(target, name, essential=True, may_end=may_end, supervisor=supervisor).run()

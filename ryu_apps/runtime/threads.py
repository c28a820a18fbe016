"""Repairs of ``os_ken.lib.hub`` as it is with native threads."""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Iterable

from os_ken.lib import hub

KILL_GRACE = 1.0
"""Seconds that :func:`join_all` waits for a thread that was told to end."""


class TaskExit(BaseException):
    """Raised in a hub thread that was killed, to end it without a word in the log."""


def repair_task_exit() -> None:
    """``hub.TaskExit`` was ``Exception``: any exception in a handler was taken for a wish to end,
    so the first one silently ended the app's event thread."""
    hub.TaskExit = TaskExit


def repair_event_wait() -> None:
    """``hub.Event.wait(timeout)`` never timed out: its ``Timeout`` cannot interrupt a thread, and
    ``set`` could be lost between the test of the flag and the wait."""

    def init(self: hub.Event) -> None:
        self._flag = threading.Event()

    hub.Event.__init__ = init
    hub.Event.is_set = lambda self: self._flag.is_set()
    hub.Event.set = lambda self: self._flag.set()
    hub.Event.clear = lambda self: self._flag.clear()
    hub.Event.wait = lambda self, timeout=None: self._flag.wait(timeout)


def repair_daemon_threads() -> None:
    """Spawned threads were not daemons and had no names: one that waits for something kept the
    process alive for ever after it was told to end, and nobody could tell which one it was."""
    original = hub.HubThread.__init__

    @functools.wraps(original)
    def init(self: hub.HubThread, target, args=(), kwargs=None) -> None:
        original(self, target, args, {} if kwargs is None else kwargs)
        self.daemon = True
        self.name = getattr(target, "__qualname__", type(target).__name__)

    hub.HubThread.__init__ = init


def repair_kill() -> None:
    """``hub.kill`` did nothing, threads had no ``kill`` (``AppManager.run_apps`` calls it), and
    ``joinall`` then waited for ever.  A killed thread now ends at its next ``hub.sleep``, and
    ``joinall`` gives it :data:`KILL_GRACE` seconds.  A thread that never sleeps is left to the
    end of the process (it is a daemon); there is no safe way to stop it from outside."""
    hub.HubThread.kill = lambda self: _flag_of(self).set()
    hub.kill = kill
    hub.sleep = sleep
    hub.joinall = join_all


_flag_lock = threading.Lock()


def _flag_of(thread: threading.Thread) -> threading.Event:
    with _flag_lock:
        flag = getattr(thread, "kill_requested", None)
        if flag is None:
            flag = thread.kill_requested = threading.Event()
        return flag


def kill(thread: threading.Thread) -> None:
    """Ask a hub thread, or a timer of ``hub.spawn_after``, to end."""
    if isinstance(thread, threading.Timer):
        thread.cancel()
    else:
        _flag_of(thread).set()


def sleep(seconds: float = 0) -> None:
    """Like ``time.sleep``; raises :class:`TaskExit` in a hub thread once it is killed."""
    thread = threading.current_thread()
    if not isinstance(thread, hub.HubThread):
        time.sleep(seconds)
        return
    flag = _flag_of(thread)
    if seconds <= 0:
        time.sleep(0)
    if flag.wait(max(seconds, 0)):
        raise hub.TaskExit()


def join_all(threads: Iterable[threading.Thread]) -> None:
    """Wait for threads to end; for killed ones no longer than :data:`KILL_GRACE` seconds each."""
    for thread in threads:
        if thread is threading.current_thread() or thread.ident is None:
            continue
        while thread.is_alive():
            thread.join(0.2)
            flag = getattr(thread, "kill_requested", None)
            if flag is not None and flag.is_set():
                thread.join(KILL_GRACE)
                break

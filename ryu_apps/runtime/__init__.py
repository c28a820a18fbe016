"""os-ken's runtime, repaired: hub, AppManager, Datapath and OpenFlowController of 4.2.2.

os-ken's wire codecs are good; what runs around them was written for green threads and has holes
under native ones.  This package is the only place that touches those internals.  Each repair is
one function whose docstring says what was wrong, and has a test that fails without it.

:func:`install` must run before an app is instantiated; the launcher does it.

What the repaired ``Datapath`` offers beyond os-ken's:
``send(bytes)`` (any number of packed messages, in order, written in large chunks),
``disconnect(reason)``, ``close_reason``, ``raw_hook`` (see :data:`RawHook`), ``expires`` (when to
close it because nobody wants it), ``unparseable``.
"""

from __future__ import annotations

from collections.abc import Collection

from ryu_apps.runtime import apps, channel, listener, receiving, sending, threads
from ryu_apps.runtime.apps import shut_down
from ryu_apps.runtime.expected import expect
from ryu_apps.runtime.listener import ListenError
from ryu_apps.runtime.memory import limit_arenas, tune_collector
from ryu_apps.runtime.receiving import RawHook

__all__ = ["REPAIRS", "ListenError", "RawHook", "expect", "install", "limit_arenas", "shut_down",
           "tune_collector"]

REPAIRS = {
    "task_exit": threads.repair_task_exit,
    "event_wait": threads.repair_event_wait,
    "daemon_threads": threads.repair_daemon_threads,
    "kill": threads.repair_kill,
    "event_queue": apps.repair_event_queue,
    "stop": apps.repair_stop,
    "sending": sending.repair_sending,
    "serving": channel.repair_serving,
    "receiving": receiving.repair_receiving,
    "listening": listener.repair_listening,
}
"""Name -> repair, in the order they are made."""

_installed: set[str] = set()


def install(skip: Collection[str] = ()) -> None:
    """Make all repairs but those named in ``skip`` (the tests show so what each is for).

    Idempotent.  ``sending``, ``serving`` and ``receiving`` need each other.
    """
    if not _installed:
        channel.register_options()
    for name, repair in REPAIRS.items():
        if name not in _installed and name not in skip:
            _installed.add(name)
            repair()

"""Repairs of os-ken's applications and of the manager that starts and stops them."""

from __future__ import annotations

import functools
import logging
import threading
import time

from os_ken.base import app_manager
from os_ken.controller import ofp_event
from os_ken.lib import hub

from ryu_apps.supervision import Thread, guarded

LOG = logging.getLogger("vnc.runtime")

EVENT_LIMIT = 8192
"""OpenFlow messages that may wait in one app's queue; more are dropped and counted."""
STOP_GRACE = 1.0
"""Seconds that an app's event thread gets to finish what it is at."""


def repair_event_queue() -> None:
    """An app's queue held 128 events and then blocked the sender.  One slow app so stopped the
    receive threads of all switches, and an app that sent events to itself stopped for ever.

    Nothing blocks now.  OpenFlow messages beyond :data:`EVENT_LIMIT` are dropped, counted in
    ``events_dropped`` of the app and logged once a burst; state changes, requests and replies
    never are.
    """
    original = app_manager.OSKenApp.__init__

    @functools.wraps(original)
    def init(self: app_manager.OSKenApp, *args, **kwargs) -> None:
        original(self, *args, **kwargs)
        self.events = hub.Queue()
        self.events_dropped = 0
        self.events_dropping = False

    app_manager.OSKenApp.__init__ = init
    app_manager.OSKenApp._send_event = _send_event
    app_manager.OSKenApp._event_loop = _event_loop


def _send_event(self: app_manager.OSKenApp, ev, state) -> None:
    waiting = self.events.qsize()
    if waiting >= EVENT_LIMIT and isinstance(ev, ofp_event.EventOFPMsgBase):
        self.events_dropped += 1
        if not self.events_dropping:
            self.events_dropping = True
            LOG.warning("app %s is too slow: OpenFlow messages are dropped", self.name)
        return
    if self.events_dropping and waiting < EVENT_LIMIT // 2:
        self.events_dropping = False
        LOG.warning("app %s keeps up again; %d messages were dropped so far", self.name,
                    self.events_dropped)
    self.events.put((ev, state))


def _event_loop(self: app_manager.OSKenApp) -> None:
    guarded(f"events of app {self.name}", lambda: _serve_events(self),
            may_end=lambda: not self.is_active)


def _serve_events(self: app_manager.OSKenApp) -> None:
    while self.is_active or not self.events.empty():
        ev, state = self.events.get()
        if ev == self._event_stop:
            continue
        for handler in self.get_handlers(ev, state):
            try:
                handler(ev)
            except hub.TaskExit:
                raise
            except Exception:  # an app's fault must not end its event thread
                LOG.exception("app %s: handler %s failed on %s", self.name, handler.__name__,
                              type(ev).__name__)


def repair_stop() -> None:
    """``stop`` waited without end for a handler that hangs, and an exception in one app's
    ``close`` left the others open."""

    def stop(self: app_manager.OSKenApp) -> None:
        _ask_to_stop(self)
        _join(self.threads, time.monotonic() + STOP_GRACE)

    close_app = app_manager.AppManager._close

    def close(app: object) -> None:
        try:
            close_app(app)
        except Exception:  # the other apps must still be closed
            LOG.exception("closing %s failed", getattr(app, "name", type(app).__name__))

    app_manager.OSKenApp.stop = stop
    app_manager.AppManager._close = staticmethod(close)


def _ask_to_stop(app: app_manager.OSKenApp) -> None:
    if app.main_thread:
        hub.kill(app.main_thread)
    app.is_active = False
    app._send_event(app._event_stop, None)


def _join(threads: list[threading.Thread], deadline: float) -> None:
    for thread in threads:
        if thread is not threading.current_thread() and thread.ident is not None:
            thread.join(max(0.0, deadline - time.monotonic()))


def shut_down(manager: app_manager.AppManager, seconds: float) -> bool:
    """Stop and close all apps and contexts in the order they were started, in at most ``seconds``.

    Every ``close`` is called, also when an app before it hangs.  Returns whether all of them
    returned in time; what did not is logged.
    """
    deadline = time.monotonic() + seconds
    apps = list(manager.applications.values())
    for app in apps:
        _ask_to_stop(app)
    _join([thread for app in apps for thread in app.threads],
          time.monotonic() + min(STOP_GRACE, seconds / 3))
    closing: list[threading.Thread] = []
    for item in [*apps, *(c for c in manager.contexts.values() if c not in apps)]:
        thread = Thread(manager._close, f"close {getattr(item, 'name', type(item).__name__)}",
                        (item,))
        thread.start()
        closing.append(thread)
        # One after the other, unless one hangs.
        thread.join(max(0.0, min(seconds / 2, deadline - time.monotonic())))
    _join(closing, deadline)
    late = [thread.name for thread in closing if thread.is_alive()]
    for name in late:
        LOG.error("%s did not end in %.1f s", name, seconds)
    for app in apps:
        manager.applications.pop(app.name, None)
        app_manager.SERVICE_BRICKS.pop(app.name, None)
    manager.contexts.clear()
    return not late

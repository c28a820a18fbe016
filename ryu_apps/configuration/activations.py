"""The ACTIVE binding of a port that has moved is written where the configuration is.

The port works meanwhile where it is; that a node which starts anew finds it there is what this is
for.  While the store does not answer it is tried again.
"""

from __future__ import annotations

import datetime
import logging
import time

from ryu_apps.configuration.service import Configuration
from ryu_apps.control.config.config import Config
from ryu_apps.control.config.rules import Draft, RuleError
from ryu_apps.control.config.rules.ports.port_bindings import arrived
from ryu_apps.control.messages import ActivateBinding, Subscriptions
from ryu_apps.store.base import StoreError
from ryu_apps.supervision import Worker, failed, waiting

LOG = logging.getLogger(__name__)

PAUSE = 1.0
"""Seconds until the store is asked again that did not answer."""


class BindingActivations:
    """A part of the node, with a thread of its own: a commit waits for the store."""

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        self._worker = Worker(self._run, "binding activations")
        self._changed = self._worker.changed
        self._waiting: dict[str, tuple[str, ...]] = {}
        """Port id -> the names of the host that it has moved to last."""

    def subscriptions(self) -> Subscriptions:
        return {ActivateBinding: self.activate}

    def start(self) -> None:
        self._worker.start()

    def stop(self) -> None:
        self._worker.stop()

    def activate(self, effect: ActivateBinding) -> None:
        """Never blocks."""
        with self._changed:
            self._waiting[effect.port_id] = effect.hosts
            self._changed.notify_all()

    def _run(self) -> None:
        retry_at = 0.0
        while True:
            with self._changed:
                while not self._worker.stopping:
                    left = retry_at - time.monotonic()
                    if self._waiting and left <= 0:
                        break
                    with waiting():
                        self._changed.wait(left if self._waiting else None)
                if self._worker.stopping:
                    return
                port_id, hosts = next(iter(self._waiting.items()))
            try:
                self._configuration.commit(_plan(port_id, hosts))
            except StoreError as error:
                LOG.warning("port %s: that it moved to %s is not stored yet: %s", port_id,
                            hosts[0], error)
                retry_at = time.monotonic() + PAUSE
                continue
            except RuleError as error:
                LOG.warning("port %s, which moved to %s: %s", port_id, hosts[0], error)
            except Exception:  # the outermost boundary of this thread
                failed("that port %s moved could not be stored", port_id)
            with self._changed:
                if self._waiting.get(port_id) == hosts:
                    del self._waiting[port_id]


def _plan(port_id: str, hosts: tuple[str, ...]):
    def plan(config: Config) -> tuple[list, None]:
        now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        with Draft(config) as draft:
            arrived(draft, port_id, hosts, now)
            return draft.changes(), None

    return plan

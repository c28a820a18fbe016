"""Tells the core when it has heard all that the store had at the time it asked.

The watch says what changed, not that there is nothing else; so the newest record is looked for in
the store itself, by a read that a majority of its members answers, and the watch is waited for
until it has come that far.  A store that does not answer holds nobody up: nobody can have been
given a hypervisor without it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from ryu_apps.configuration.records import STATUS
from ryu_apps.configuration.status_copy import StatusCopy
from ryu_apps.control.messages import CatchUp, CaughtUp
from ryu_apps.store.base import Store, StoreError
from ryu_apps.supervision import Worker, failed, waiting

LOG = logging.getLogger(__name__)
PATIENCE = 5.0
"""Seconds that the watch may be behind a store that answers."""


class CatchingUp:
    """``post``: takes CaughtUp.  One look at the store serves all that asked before it began."""

    def __init__(self, store: Store, status: StatusCopy, post: Callable[[Any], None]) -> None:
        self._store = store
        self._status = status
        self._post = post
        self._worker = Worker(self._run, "catching-up")
        self._wake = self._worker.changed
        self._wanted = self._done = 0

    def start(self) -> None:
        self._worker.start()

    def stop(self) -> None:
        """Wait for no answer of the store."""
        self._status.release()
        self._worker.stop(0.2)

    def request(self, effect: CatchUp) -> None:
        """Never blocks."""
        with self._wake:
            self._wanted = effect.token
            self._wake.notify()

    def _run(self) -> None:
        while True:
            with self._wake:
                with waiting():
                    self._wake.wait_for(
                        lambda: self._wanted > self._done or self._worker.stopping
                    )
                if self._worker.stopping:
                    return
                token = self._wanted
            begun = time.monotonic()
            try:
                if not self._status.wait_for(self._store.newest(STATUS), PATIENCE):
                    LOG.warning("the watch of the store is behind for more than %g s; peers are "
                                "told what this node knows", PATIENCE)
            except StoreError as error:
                LOG.warning("peers are told what this node knows, without a look at the store: %s",
                            error)
            except Exception:  # the boundary of this loop: the peers wait
                failed("the store could not be looked at; peers are told what this node knows")
            LOG.debug("caught up with the store in %.3f s", time.monotonic() - begun)
            self._done = token
            self._post(CaughtUp(token))

"""This process's lease at etcd: what makes ephemeral keys go when the process dies.

A lease that was lost (the process was stopped, the network was cut) is replaced by a new one and
the ephemeral keys are put again.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator

from ryu_apps.store.base import StoreError, Unavailable
from ryu_apps.store.etcd.errors import NOT_FOUND, EtcdError
from ryu_apps.store.etcd.gateway import ATTEMPT_TIMEOUT, EtcdGateway
from ryu_apps.supervision import Thread, failed, waiting

LOG = logging.getLogger(__name__)

AGAIN = 0.1
"""Seconds until a renewal that failed is tried again."""


class EtcdSession:
    """``ttl``: seconds that the lease outlives its last renewal.  It is renewed three times as
    often, by a thread that does nothing else and waits for nobody in the node.

    ``restore``: called on that thread with the id of a lease that replaced a lost one; each step of
    what it returns is short, as the lease is renewed between two.  It raises StoreError when it has
    to be called again."""

    def __init__(
        self, gateway: EtcdGateway, ttl: int, restore: Callable[[int], Iterator[None]]
    ) -> None:
        self._gateway = gateway
        self._ttl = ttl
        self._interval = ttl / 3
        self._due = 0.0
        """When the lease is to be renewed next."""
        self._restore = restore
        self._lock = threading.Lock()
        self._lease = 0
        self._restored = 0
        """The lease that holds all ephemeral keys; differs from ``_lease`` after a loss."""
        self._wake = threading.Event()
        self._ended = False
        self._thread: Thread | None = None

    def lease(self, timeout: float | None = None) -> int:
        """The id of a lease in force, as far as is known.  ``timeout``: seconds for getting one.
        Raises StoreError."""
        if self._lease:
            return self._lease
        if not self._lock.acquire(timeout=-1 if timeout is None else max(0.0, timeout)):
            raise Unavailable("etcd gives no session in time", definite=True)
        try:
            if self._ended:
                raise StoreError("the store is closed")
            if not self._lease:
                self._begin(timeout)
            return self._lease
        finally:
            self._lock.release()

    def _begin(self, timeout: float | None) -> None:
        granted = time.monotonic()
        try:
            answer = self._gateway.call(
                "/v3/lease/grant", {"TTL": str(self._ttl), "ID": "0"}, timeout
            )
        except Unavailable as error:  # a lease that nobody uses ends by itself
            raise Unavailable(str(error), definite=True) from error
        self._lease = int(answer["ID"])
        self._due = granted + self._interval
        if self._thread is None:
            self._restored = self._lease
            self._thread = Thread(
                self._run, "etcd session", essential=True, may_end=lambda: self._ended
            )
            self._thread.start()
        else:
            self._wake.set()

    def lost(self, lease: int) -> None:
        """etcd does not know this lease any more."""
        with self._lock:
            if self._lease == lease:
                self._lease = 0
                LOG.warning("The session at etcd was lost; a new one begins")

    def close(self) -> None:
        """Revoke the lease, and with it the ephemeral keys; if etcd does not answer they go
        ``ttl`` seconds later.  The gateway is closed already."""
        with self._lock:
            self._ended = True
            lease, self._lease = self._lease, 0
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
        if lease:
            try:
                self._gateway.farewell("/v3/lease/revoke", {"ID": str(lease)}, timeout=1.5)
            except StoreError as error:
                LOG.warning("Could not end the session at etcd, it will time out: %s", error)

    def _run(self) -> None:
        while not self._ended:
            with waiting():
                self._wake.wait(max(0.0, self._due - time.monotonic()))
            self._wake.clear()
            if self._ended:
                return
            try:
                self._look_after()
            except StoreError as error:
                if self._ended:
                    return
                LOG.warning("The session at etcd could not be renewed: %s", error)
                self._due = time.monotonic() + AGAIN
            except Exception:  # the boundary of this loop: an answer of a shape never seen
                failed("the session at etcd could not be renewed")
                self._due = time.monotonic() + AGAIN

    def _look_after(self) -> None:
        """Renew the lease, or get another and put the ephemeral keys again."""
        self._renew()
        lease = self.lease()
        if lease == self._restored or self._ended:
            return
        for _ in self._restore(lease):
            if time.monotonic() >= self._due:
                self._renew()
            if self._lease != lease or self._ended:
                return  # another one is needed, which begins anew
        self._restored = lease

    def _renew(self) -> None:
        lease = self._lease
        if not lease:
            return
        begun = time.monotonic()
        try:
            answer = self._gateway.call(
                "/v3/lease/keepalive", {"ID": str(lease)}, timeout=self._ttl,
                attempt_timeout=min(ATTEMPT_TIMEOUT, self._interval / 2),
            )
            alive = int(answer.get("result", {}).get("TTL", 0)) > 0
        except EtcdError as error:
            if error.code != NOT_FOUND:
                raise
            alive = False
        if alive:
            self._due = begun + self._interval
        else:
            self.lost(lease)

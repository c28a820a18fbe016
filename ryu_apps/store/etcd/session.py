"""This process's lease at etcd: what makes ephemeral keys go when the process dies.

A lease that was lost (the process was stopped, the network was cut) is replaced by a new one and
the ephemeral keys are put again.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from ryu_apps.store.base import StoreError
from ryu_apps.store.etcd.errors import NOT_FOUND, EtcdError
from ryu_apps.store.etcd.gateway import EtcdGateway
from ryu_apps.supervision import Thread, failed, waiting

LOG = logging.getLogger(__name__)


class EtcdSession:
    """``ttl``: seconds that the lease outlives its last renewal.  ``restore``: called on the
    session's thread with the id of a lease that replaced a lost one; raises StoreError when it
    has to be called again."""

    def __init__(self, gateway: EtcdGateway, ttl: int, restore: Callable[[int], None]) -> None:
        self._gateway = gateway
        self._ttl = ttl
        self._restore = restore
        self._lock = threading.Lock()
        self._lease = 0
        self._restored = 0
        """The lease that holds all ephemeral keys; differs from ``_lease`` after a loss."""
        self._wake = threading.Event()
        self._ended = False
        self._thread: Thread | None = None

    def lease(self) -> int:
        """The id of a lease in force, as far as is known.  Raises StoreError."""
        if self._lease:
            return self._lease
        with self._lock:
            if self._ended:
                raise StoreError("the store is closed")
            if not self._lease:
                answer = self._gateway.call("/v3/lease/grant", {"TTL": str(self._ttl), "ID": "0"})
                self._lease = int(answer["ID"])
                if self._thread is None:
                    self._restored = self._lease
                    self._thread = Thread(
                        self._run, "etcd session", essential=True, may_end=lambda: self._ended
                    )
                    self._thread.start()
                else:
                    self._wake.set()
            return self._lease

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
        pause = self._ttl / 3
        while not self._ended:
            with waiting():
                self._wake.wait(pause)
            self._wake.clear()
            if self._ended:
                return
            try:
                self._renew()
                pause = self._ttl / 3
            except StoreError as error:
                if self._ended:
                    return
                LOG.warning("The session at etcd could not be renewed: %s", error)
                pause = 0.5
            except Exception:  # the boundary of this loop: an answer of a shape never seen
                failed("the session at etcd could not be renewed")
                pause = 0.5

    def _renew(self) -> None:
        lease = self._lease
        if lease:
            try:
                answer = self._gateway.call(
                    "/v3/lease/keepalive", {"ID": str(lease)}, timeout=max(1.0, self._ttl / 3)
                )
                alive = int(answer.get("result", {}).get("TTL", 0)) > 0
            except EtcdError as error:
                if error.code != NOT_FOUND:
                    raise
                alive = False
            if not alive:
                self.lost(lease)
        lease = self.lease()
        if lease != self._restored and not self._ended:
            self._restore(lease)
            self._restored = lease

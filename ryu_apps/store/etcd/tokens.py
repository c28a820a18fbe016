"""The token that etcd wants where it has users: got with name and password, and again when etcd
does not take it any more."""

from __future__ import annotations

import json
import threading
import time

from ryu_apps.store.base import StoreError
from ryu_apps.store.etcd.errors import TRANSIENT, EtcdError, read_answer
from ryu_apps.store.etcd.http import EtcdConnection

OPEN_SECONDS = 5.0
"""Seconds until etcd is asked again whether it wants users; sooner when it refuses a request."""
AUTHENTICATION_TIMEOUT = 1.0
"""Seconds, at least: etcd compares passwords slowly on purpose."""


class Tokens:
    """Thread-safe.  ``username``: None where nobody is to be named."""

    def __init__(self, username: str | None, password: str | None) -> None:
        self.username, self._password = username, password or ""
        self.current = ""
        self._lock = threading.Lock()
        self._open_until = 0.0
        """Until then etcd is taken to want no users."""

    def drop(self, token: str) -> None:
        """etcd did not take it; the next request asks for a new one."""
        with self._lock:
            self._open_until = 0.0
            if self.current == token:  # else somebody has a new one already
                self.current = ""

    def get(self, connection: EtcdConnection, timeout: float) -> str:
        """What goes into the Authorization header; "" without a user.  ``timeout``: seconds.
        Raises OSError, StoreError."""
        if not self.username or self.current or time.monotonic() < self._open_until:
            return self.current
        if not self._lock.acquire(timeout=timeout):
            raise TimeoutError("etcd gives no token in time")
        try:
            if not self.current:
                self._authenticate(connection, max(timeout, AUTHENTICATION_TIMEOUT))
            return self.current
        finally:
            self._lock.release()

    def _authenticate(self, connection: EtcdConnection, timeout: float) -> None:
        credentials = {"name": self.username, "password": self._password}
        status, answer = connection.request(
            "/v3/auth/authenticate", json.dumps(credentials).encode(), "", timeout
        )
        try:
            self.current = read_answer(status, answer)["token"]
        except EtcdError as error:
            if error.code in TRANSIENT:
                raise
            if "authentication is not enabled" in str(error):
                self._open_until = time.monotonic() + OPEN_SECONDS
                return
            raise StoreError(
                f"etcd does not let the user {self.username} in: {error}"
            ) from error

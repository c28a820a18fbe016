"""Requests to an etcd cluster: which endpoint, over which connection, and as which user.

etcd 3.4 and newer, JSON gateway under ``/v3``
(https://etcd.io/docs/v3.4/dev-guide/api_grpc_gateway/).
"""

from __future__ import annotations

import json
import logging
import ssl
import threading
import time
from typing import Any

from ryu_apps.store.base import StoreError, Unavailable
from ryu_apps.store.etcd.errors import TRANSIENT, UNAUTHENTICATED, EtcdError, read_answer
from ryu_apps.store.etcd.http import EtcdConnection, parse_endpoint
from ryu_apps.store.etcd.options import EtcdOptions

LOG = logging.getLogger(__name__)

CONNECT_TIMEOUT = 1.0
ATTEMPT_TIMEOUT = 2.5
TIMEOUT = 3.0
"""Of a request over all attempts, in seconds, if nobody says otherwise."""
MAX_IDLE = 16

OPEN_SECONDS = 5.0
"""Seconds until etcd is asked again whether it wants users; sooner when it refuses a request."""
RENEWALS = 3
"""New tokens for one request; users may be changed again meanwhile."""


class _NotSent(OSError):
    """No connection; the request never left."""


class EtcdGateway:
    """Thread-safe.  ``timeout``: seconds for a request over all attempts."""

    def __init__(self, options: EtcdOptions, timeout: float) -> None:
        self.endpoints = [parse_endpoint(url) for url in options.endpoints]
        if not self.endpoints:
            raise ValueError("no etcd endpoint is configured")
        self.timeout = timeout
        self.context: ssl.SSLContext | None = None
        if any(endpoint.tls for endpoint in self.endpoints):
            try:
                self.context = ssl.create_default_context(cafile=options.ca_file)
                if options.cert_file:
                    self.context.load_cert_chain(options.cert_file, options.key_file)
            except OSError as error:
                raise StoreError(f"cannot use the TLS files for etcd: {error}") from error
        self._username, self._password = options.username, options.password or ""
        self._lock = threading.Lock()
        self._idle: list[list[EtcdConnection]] = [[] for _ in self.endpoints]
        self._busy: set[EtcdConnection] = set()
        self._token = ""
        self._open_until = 0.0
        """Until then etcd is taken to want no users."""
        self._token_lock = threading.Lock()
        self._closed = False
        self.current = 0
        """Index of the endpoint that answered last; a hint, so read and written without a lock."""
        self.last_error = ""

    # ---- connections

    def connect(self, index: int, timeout: float = CONNECT_TIMEOUT) -> EtcdConnection:
        return EtcdConnection(self.endpoints[index], self.context, timeout)

    def _exchange(
        self, index: int, path: str, body: bytes, connect_timeout: float, timeout: float
    ) -> tuple[int, bytes, str]:
        """One request over a connection of the pool; returns status, body and the token that it
        went with.  Raises OSError, ``_NotSent`` among them."""
        with self._lock:
            if self._closed:
                raise StoreError("the store is closed")
            connection = self._idle[index].pop() if self._idle[index] else None
        try:
            if connection is None:
                connection = self.connect(index, connect_timeout)
            with self._lock:
                self._busy.add(connection)
            token = self.token(connection)
        except (OSError, StoreError) as error:
            self._discard(connection)
            if isinstance(error, OSError):
                raise _NotSent(str(error)) from error
            raise
        try:
            status, answer = connection.request(path, body, token, timeout)
        except BaseException:
            self._discard(connection)
            raise
        with self._lock:
            self._busy.discard(connection)
            keep = connection.reusable and not self._closed and len(self._idle[index]) < MAX_IDLE
            if keep:
                self._idle[index].append(connection)
        if not keep:
            connection.close()
        return status, answer, token

    def _discard(self, connection: EtcdConnection | None) -> None:
        if connection is not None:
            with self._lock:
                self._busy.discard(connection)
            connection.close()

    def failed(self, index: int, why: object) -> None:
        """An endpoint did not do its work: its idle connections go, and the next is tried first."""
        self.last_error = f"{self.endpoints[index].url}: {why}"
        with self._lock:
            idle, self._idle[index] = self._idle[index], []
            if self.current == index:
                self.current = (index + 1) % len(self.endpoints)
        for connection in idle:
            connection.close()

    def close(self) -> None:
        """Whoever waits for an answer gets a StoreError at once."""
        with self._lock:
            self._closed = True
            connections = [one for idle in self._idle for one in idle] + list(self._busy)
            for idle in self._idle:
                idle.clear()
        for connection in connections:
            connection.close()

    # ---- requests

    def call(
        self,
        path: str,
        request: dict[str, Any],
        timeout: float | None = None,
        repeat: bool = True,
    ) -> dict:
        """POST ``request`` to ``path`` (such as "/v3/kv/range") and return the answer, with
        ``ambiguous`` added: an earlier attempt may have been carried out too.

        It is repeated at the next endpoint until one answers or ``timeout`` seconds are over, so
        the request must be one that may be repeated; with ``repeat`` False it is tried again only
        where it never left.  Raises Unavailable (``definite`` unless an
        attempt may have been carried out), TooLarge, EtcdError.
        """
        body = json.dumps(request, separators=(",", ":")).encode()
        deadline = time.monotonic() + (self.timeout if timeout is None else timeout)
        ambiguous = False
        attempt = renewals = 0
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                raise Unavailable(
                    f"etcd does not answer ({self.last_error}); is a majority of its members up?",
                    definite=not ambiguous,
                )
            index = self.current
            try:
                status, answer, token = self._exchange(
                    index, path, body, min(left, CONNECT_TIMEOUT), min(left, ATTEMPT_TIMEOUT)
                )
                data = read_answer(status, answer)
                data["ambiguous"] = ambiguous
                return data
            except OSError as error:
                ambiguous = ambiguous or not isinstance(error, _NotSent)
                self.failed(index, error)
            except EtcdError as error:
                if error.code == UNAUTHENTICATED and self._username and renewals < RENEWALS:
                    renewals += 1  # it was not carried out
                    self.drop_token(token)
                    continue
                elif error.code in TRANSIENT:
                    ambiguous = True
                    self.failed(index, error)
                else:
                    error.ambiguous = ambiguous
                    raise
            if ambiguous and not repeat:
                raise Unavailable(f"etcd gave no answer ({self.last_error}); read what it changed")
            attempt += 1
            if attempt >= len(self.endpoints):
                # Everyone was asked once; an election takes a second or two.
                pause = min(0.4, 0.01 * 2 ** (attempt - len(self.endpoints)))
                time.sleep(max(0.0, min(pause, deadline - time.monotonic())))

    def call_at(self, index: int, path: str, request: dict[str, Any], timeout: float) -> dict:
        """One attempt at one endpoint.  Raises OSError besides what :meth:`call` raises."""
        body = json.dumps(request, separators=(",", ":")).encode()
        connect = min(timeout, CONNECT_TIMEOUT)
        for renewal in range(RENEWALS + 1):
            status, answer, token = self._exchange(index, path, body, connect, timeout)
            try:
                return read_answer(status, answer)
            except EtcdError as error:
                if error.code != UNAUTHENTICATED or not self._username or renewal == RENEWALS:
                    raise
                self.drop_token(token)
        raise AssertionError("the last round returns or raises")

    def farewell(self, path: str, request: dict[str, Any], timeout: float) -> None:
        """One request after :meth:`close`, at the first endpoint that takes a connection.  Raises
        Unavailable, EtcdError."""
        deadline = time.monotonic() + timeout
        body = json.dumps(request).encode()
        for offset in range(len(self.endpoints)):
            index = (self.current + offset) % len(self.endpoints)
            left = deadline - time.monotonic()
            if left <= 0:
                break
            try:
                connection = self.connect(index, left)
                try:
                    token = self.token(connection)
                    status, answer = connection.request(path, body, token, left)
                    if status != 200 and self._username:
                        self.drop_token(token)
                        token = self.token(connection)
                        status, answer = connection.request(path, body, token, left)
                    read_answer(status, answer)
                finally:
                    connection.close()
                return
            except OSError as error:
                self.last_error = f"{self.endpoints[index].url}: {error}"
        raise Unavailable(f"etcd does not answer ({self.last_error})")

    # ---- users

    def drop_token(self, token: str) -> None:
        """etcd did not take it; the next request asks for a new one."""
        with self._token_lock:
            self._open_until = 0.0
            if self._token == token:  # else somebody has a new one already
                self._token = ""

    def token(self, connection: EtcdConnection) -> str:
        """What goes into the Authorization header; "" without a user.  Raises OSError,
        StoreError."""
        if not self._username or self._token or time.monotonic() < self._open_until:
            return self._token
        with self._token_lock:
            if not self._token:
                credentials = {"name": self._username, "password": self._password}
                status, answer = connection.request(
                    "/v3/auth/authenticate",
                    json.dumps(credentials).encode(),
                    "",
                    ATTEMPT_TIMEOUT,
                )
                try:
                    self._token = read_answer(status, answer)["token"]
                except EtcdError as error:
                    if error.code in TRANSIENT:
                        raise
                    if "authentication is not enabled" in str(error):
                        self._open_until = time.monotonic() + OPEN_SECONDS
                        return ""
                    raise StoreError(
                        f"etcd does not let the user {self._username} in: {error}"
                    ) from error
            return self._token

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

from ryu_apps.connections.tls_files import TlsFiles
from ryu_apps.store.base import StoreError, Unavailable
from ryu_apps.store.etcd.errors import TRANSIENT, UNAUTHENTICATED, EtcdError, read_answer
from ryu_apps.store.etcd.http import EtcdConnection, parse_endpoint
from ryu_apps.store.etcd.options import EtcdOptions
from ryu_apps.store.etcd.tokens import Tokens

LOG = logging.getLogger(__name__)

CONNECT_TIMEOUT = 0.5
ATTEMPT_TIMEOUT = 0.7
"""Of one attempt in the first round of the endpoints, in seconds; later ones get more."""
LONGEST_ATTEMPT = 5.0
TIMEOUT = 1.8
"""Of a request over all attempts, in seconds, if nobody says otherwise: who waits for the answer to
a change hears within two seconds that there is none."""
ELECTION_TIMEOUT = 6.0
"""The same where a majority of three or more endpoints is alive: it is electing a leader."""
PROBE_TIMEOUT = 0.2
PROBING = 0.5
"""So many seconds before the end of a request's time the endpoints are asked who is alive."""
BYTES_PER_SECOND = 1 << 20
"""A large request gets more time."""
MAX_IDLE = 16

RENEWALS = 3
"""New tokens for one request; users may be changed again meanwhile."""


class _NotSent(OSError):
    """No connection; the request never left."""


def _context(options: EtcdOptions) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=options.ca_file)
    if options.cert_file:
        context.load_cert_chain(options.cert_file, options.key_file)
    return context


class EtcdGateway:
    """Thread-safe.  ``timeout``: seconds for a request over all attempts."""

    def __init__(self, options: EtcdOptions, timeout: float) -> None:
        self.endpoints = [parse_endpoint(url) for url in options.endpoints]
        if not self.endpoints:
            raise ValueError("no etcd endpoint is configured")
        self.timeout = timeout
        self._tls: TlsFiles | None = None
        if any(endpoint.tls for endpoint in self.endpoints):
            try:
                self._tls = TlsFiles("[store]", lambda: _context(options), options.cert_file,
                                     [options.key_file, options.ca_file])
            except OSError as error:
                raise StoreError(f"cannot use the TLS files for etcd: {error}") from error
        self.tokens = Tokens(options.username, options.password)
        self._lock = threading.Lock()
        self._idle: list[list[EtcdConnection]] = [[] for _ in self.endpoints]
        self._busy: set[EtcdConnection] = set()
        self._closed = False
        self.current = 0
        """Index of the endpoint that answered last; a hint, so read and written without a lock."""
        self.last_error = ""
        self.answers = True
        """Whether the last request, of whomever, got an answer."""

    # ---- connections

    def connect(self, index: int, timeout: float = CONNECT_TIMEOUT) -> EtcdConnection:
        context = self._tls.context() if self._tls is not None else None
        return EtcdConnection(self.endpoints[index], context, timeout)

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
            token = self.tokens.get(connection, timeout)
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
        attempt_timeout: float = ATTEMPT_TIMEOUT,
    ) -> dict:
        """POST ``request`` to ``path`` (such as "/v3/kv/range") and return the answer, with
        ``ambiguous`` added: an earlier attempt may have been carried out too.

        It is repeated at the next endpoint until one answers or ``timeout`` seconds are over, so
        the request must be one that may be repeated; with ``repeat`` False it is tried again only
        where it was not begun.  Where most endpoints are alive and only have no leader yet, it
        waits for the end of their election.  Raises Unavailable (``definite`` unless an attempt
        may have been carried out), TooLarge, EtcdError.
        """
        body = json.dumps(request, separators=(",", ":")).encode()
        more = len(body) / BYTES_PER_SECOND
        timeout = (self.timeout if timeout is None else timeout) + more
        begun = time.monotonic()
        deadline, probed = begun + timeout, False
        ambiguous = False
        attempt = renewals = 0
        while True:
            left = deadline - time.monotonic()
            if left <= PROBING and not probed and attempt:
                probed = True
                if self._is_electing():
                    deadline = max(deadline, begun + ELECTION_TIMEOUT)
                left = deadline - time.monotonic()
            if left <= 0:
                self.answers = False
                raise Unavailable(
                    f"etcd does not answer ({self.last_error}); is a majority of its members up?",
                    definite=not ambiguous,
                )
            index = self.current
            patience = left
            if repeat:
                patience = attempt_timeout * 1.5 ** (attempt // len(self.endpoints)) + more
                if not probed and left > PROBING:
                    patience = min(patience, left - PROBING + 0.01)
            try:
                status, answer, token = self._exchange(
                    index, path, body, min(left, CONNECT_TIMEOUT),
                    min(left, patience, LONGEST_ATTEMPT + more),
                )
                data = read_answer(status, answer)
                data["ambiguous"] = ambiguous
                self.answers = True
                return data
            except OSError as error:
                ambiguous = ambiguous or not isinstance(error, _NotSent)
                self.failed(index, error)
            except EtcdError as error:
                if error.code == UNAUTHENTICATED and self.tokens.username and renewals < RENEWALS:
                    renewals += 1  # it was not carried out
                    self.tokens.drop(token)
                    continue
                elif error.code in TRANSIENT:
                    ambiguous = ambiguous or error.begun
                    self.failed(index, error)
                else:
                    error.ambiguous = ambiguous
                    self.answers = True
                    raise
            if ambiguous and not repeat:
                raise Unavailable(f"etcd gave no answer ({self.last_error}); read what it changed")
            attempt += 1
            if attempt >= len(self.endpoints):
                # Everyone was asked once; an election takes a second or so.
                pause = min(0.1, 0.01 * 2 ** (attempt - len(self.endpoints)))
                time.sleep(max(0.0, min(pause, deadline - time.monotonic())))

    def _is_electing(self) -> bool:
        """Whether a majority of three or more endpoints is alive."""
        if len(self.endpoints) < 3:
            return False
        alive = 0
        for index in range(len(self.endpoints)):
            try:
                self.call_at(index, "/v3/maintenance/status", {}, PROBE_TIMEOUT)
                alive += 1
            except EtcdError:  # such as: no leader
                alive += 1
            except (OSError, StoreError):
                continue
        return 2 * alive > len(self.endpoints)

    def call_at(self, index: int, path: str, request: dict[str, Any], timeout: float) -> dict:
        """One attempt at one endpoint.  Raises OSError besides what :meth:`call` raises."""
        body = json.dumps(request, separators=(",", ":")).encode()
        connect = min(timeout, CONNECT_TIMEOUT)
        for renewal in range(RENEWALS + 1):
            status, answer, token = self._exchange(index, path, body, connect, timeout)
            try:
                return read_answer(status, answer)
            except EtcdError as error:
                if error.code != UNAUTHENTICATED or not self.tokens.username or renewal == RENEWALS:
                    raise
                self.tokens.drop(token)
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
                    token = self.tokens.get(connection, left)
                    status, answer = connection.request(path, body, token, left)
                    if status != 200 and self.tokens.username:
                        self.tokens.drop(token)
                        token = self.tokens.get(connection, left)
                        status, answer = connection.request(path, body, token, left)
                    read_answer(status, answer)
                finally:
                    connection.close()
                return
            except OSError as error:
                self.last_error = f"{self.endpoints[index].url}: {error}"
        raise Unavailable(f"etcd does not answer ({self.last_error})")

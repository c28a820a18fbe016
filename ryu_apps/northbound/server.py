"""The HTTP server of the API."""

from __future__ import annotations

import logging
import resource
import socket
import ssl
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any

import h11

from ryu_apps.configuration.service import Configuration
from ryu_apps.connections.tls_files import TlsFiles
from ryu_apps.identity.base import Authenticator
from ryu_apps.identity.gate import SLOTS
from ryu_apps.northbound import api
from ryu_apps.northbound.base import NodeView
from ryu_apps.northbound.http.stream import Pieces
from ryu_apps.northbound.serving.connection import HttpConnection
from ryu_apps.northbound.serving.holds import REFUSALS
from ryu_apps.northbound.serving.loop import Loop

LOG = logging.getLogger(__name__)
BACKLOG = 1024
CONNECTIONS = 2048
"""Connections at a time, but never more than a quarter of the files that the process may open."""
STOPPING = 0.5
"""Seconds that requests have to end when the node stops."""


class ApiServer:
    """The node's API.  ``settings``: oslo.config options of :mod:`ryu_apps.settings`.

    Raises OSError from :meth:`start` when the address cannot be bound, ssl.SSLError or OSError for
    bad certificate files, ValueError for settings that make no sense.
    """

    def __init__(
        self, configuration: Configuration, node_view: NodeView, settings: Any,
        authenticator: Authenticator,
    ) -> None:
        self._settings = settings.api
        self.application = api.build(configuration, node_view, settings, authenticator)
        service = getattr(authenticator, "service", None)
        self._known: Callable[[str], bool] = (
            service.gate.knows if service is not None else lambda source: True
        )
        """Where somebody has logged in from lately."""
        self._address: tuple[str, int] | None = None
        self._loop: Loop | None = None

    @property
    def address(self) -> tuple[str, int]:
        """The bound (host, port)."""
        if self._address is None:
            raise RuntimeError("the API server is not started")
        return self._address

    @property
    def url(self) -> str:
        host, port = self.address
        scheme = "https" if self._settings.cert_file else "http"
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"

    def start(self) -> None:
        """Listen and serve from threads of its own."""
        options = self._settings
        tls = _tls_files(options) if options.cert_file else None
        listener = _listen(options.host, options.port)
        self._address = listener.getsockname()[:2]
        files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        capacity = CONNECTIONS
        if files != resource.RLIM_INFINITY:
            capacity = min(capacity, max(files // 4, 8))
        self._loop = Loop(listener, self._serve, options.threads, capacity, options.max_body, tls,
                          _is_login, SLOTS + 1, self._known)
        self._loop.start()
        LOG.info("API listens on %s", self.url)

    def stop(self) -> None:
        """Stop listening and end within about a second.  Idempotent."""
        loop, self._loop = self._loop, None
        self._address = None
        if loop is not None:
            loop.stop(STOPPING)

    def _serve(self, loop: Loop, connection: HttpConnection, environ: dict[str, Any]) -> None:
        """Ask the application (PEP 3333) and write what it says.  Raises OSError when the client
        is gone."""
        started: list[Any] = []

        def start_response(status: str, headers: list[tuple[str, str]], _: Any = None) -> None:
            started[:] = [status, headers]

        answer = self.application(environ, start_response)
        if isinstance(answer, Pieces):
            send, body = loop.stream, answer
        else:
            send, body = HttpConnection.respond, _whole(answer)
        status, headers = started
        number, _, phrase = status.partition(" ")
        if int(number) in REFUSALS:
            loop.holds.refused(connection.source)
            connection.unknown = True
        try:
            send(connection, int(number), phrase, headers, body)
        except (h11.LocalProtocolError, UnicodeError):
            LOG.exception("the answer to %s cannot be sent", environ["REQUEST_URI"][:200])
            connection.refuse(HTTPStatus.INTERNAL_SERVER_ERROR)


def _is_login(environ: dict[str, Any]) -> bool:
    """It may take a fifth of a second of a processor to see whether the password is right."""
    return (environ["REQUEST_METHOD"] == "POST"
            and environ["PATH_INFO"].rstrip("/") == "/v3/auth/tokens")


def _whole(answer: Iterable[bytes]) -> bytes:
    try:
        return b"".join(answer)
    finally:
        if hasattr(answer, "close"):
            answer.close()


def _listen(host: str, port: int) -> socket.socket:
    """Raises OSError that says which address."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _, _, _, address = found[0]
        listener = socket.socket(family, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6 and host in ("::", "::0"):
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            listener.bind(address)
            listener.listen(BACKLOG)
        except OSError:
            listener.close()
            raise
        return listener
    except OSError as error:
        raise OSError(
            error.errno, f"[api] cannot listen on {host}:{port}: {error.strerror}"
        ) from error


def _tls_files(options: Any) -> TlsFiles:
    return TlsFiles("[api]", lambda: _tls(options), options.cert_file,
                    [options.key_file, options.client_ca_file])


def _tls(options: Any) -> ssl.SSLContext:
    for name in ("cert_file", "key_file", "client_ca_file"):
        path = getattr(options, name)
        try:
            if path:
                open(path, "rb").close()
        except OSError as error:  # ssl's own says neither which option nor which file
            raise type(error)(error.errno, f"[api] {name}: {error.strerror}", path) from None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # A client could have the handshake again and again, at our cost (TLS 1.2).
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.load_cert_chain(options.cert_file, options.key_file)
    if options.client_ca_file:
        context.load_verify_locations(options.client_ca_file)
        context.verify_mode = ssl.CERT_REQUIRED
    return context

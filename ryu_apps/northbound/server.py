"""The HTTP server of the API: cheroot, hardened against clients that send half a request."""

from __future__ import annotations

import logging
import socket
import ssl
from typing import Any

from cheroot import wsgi
from cheroot.ssl.builtin import BuiltinSSLAdapter

from ryu_apps.configuration import Configuration
from ryu_apps.northbound import api
from ryu_apps.northbound.base import NodeView
from ryu_apps.northbound.intake import MAX_HEADERS, Intake, Lane
from ryu_apps.northbound.refusals import Connection
from ryu_apps.supervision import Thread

LOG = logging.getLogger(__name__)
IDLE_TIMEOUT = 10
"""Seconds until a silent connection is closed."""
QUEUE = 1024
KEEP_ALIVE = 1000


class _Server(wsgi.Server):
    """A cheroot server that gives its workers complete requests only."""

    ConnectionClass = Connection
    expiration_interval = 0.1
    """Seconds between looks for idle connections, and the time that stop() takes."""

    def prepare(self) -> None:
        self.requests = Lane(
            self, self.requests.min, self.requests.max, QUEUE, accepted_queue_timeout=0
        )
        super().prepare()
        self.intake = Intake(self, super().process_conn, self.timeout)
        self.intake.start()

    def process_conn(self, conn: Any) -> None:
        self.intake.take(conn)

    def stop(self) -> None:
        if self.ready:
            super().stop()
            self.intake.stop(self.shutdown_timeout)

    def error_log(self, msg: str = "", level: int = 20, traceback: bool = False) -> None:
        # What cheroot calls an error is a client that broke off or spoke something else.
        LOG.log(min(level, logging.WARNING), "%s", msg)
        if traceback:
            LOG.debug("in detail:", exc_info=True)


class _Tls(BuiltinSSLAdapter):
    """Leaves the handshake to the worker that reads first: a client that connects and says nothing
    must not hold the thread that accepts."""

    def wrap(self, sock: socket.socket) -> tuple[ssl.SSLSocket, dict[str, Any]]:
        wrapped = self.context.wrap_socket(
            sock, do_handshake_on_connect=False, server_side=True
        )
        return wrapped, {"wsgi.url_scheme": "https", "HTTPS": "on"}


class ApiServer:
    """The node's API.  ``settings``: oslo.config options of :mod:`ryu_apps.settings`.

    Raises OSError from :meth:`start` when the address cannot be bound, ssl.SSLError or OSError for
    bad certificate files, ValueError for settings that make no sense.
    """

    def __init__(self, configuration: Configuration, node_view: NodeView, settings: Any):
        self._settings = settings.api
        self.application = api.build(configuration, node_view, settings)
        self._server: _Server | None = None
        self._thread: Thread | None = None

    @property
    def address(self) -> tuple[str, int]:
        """The bound (host, port)."""
        if self._server is None:
            raise RuntimeError("the API server is not started")
        return self._server.bind_addr[:2]

    @property
    def url(self) -> str:
        host, port = self.address
        scheme = "https" if self._settings.cert_file else "http"
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"

    def start(self) -> None:
        """Listen and serve from threads of its own."""
        options = self._settings
        server = _Server(
            (options.host, options.port),
            self.application,
            numthreads=options.threads,
            server_name="vnc",
            request_queue_size=256,
            timeout=IDLE_TIMEOUT,
            shutdown_timeout=0.5,
        )
        server.max_request_header_size = MAX_HEADERS
        server.max_request_body_size = options.max_body
        server.keep_alive_conn_limit = KEEP_ALIVE
        if options.cert_file:
            server.ssl_adapter = _tls(options)
        server.prepare()
        self._server = server
        self._thread = Thread(
            server.serve, "api", essential=True, may_end=lambda: self._server is not server
        )
        self._thread.start()
        LOG.info("API listens on %s", self.url)

    def stop(self) -> None:
        """Stop listening and end within about a second.  Idempotent."""
        server, self._server = self._server, None
        if server is not None:
            server.stop()
        if self._thread is not None:
            self._thread.join(2)
            self._thread = None


def _tls(options: Any) -> _Tls:
    for name in ("cert_file", "key_file", "client_ca_file"):
        path = getattr(options, name)
        try:
            if path:
                open(path, "rb").close()
        except OSError as error:  # ssl's own says neither which option nor which file
            raise type(error)(error.errno, f"[api] {name}: {error.strerror}", path) from None
    adapter = _Tls(options.cert_file, options.key_file)
    adapter.context.minimum_version = ssl.TLSVersion.TLSv1_2
    if options.client_ca_file:
        adapter.context.load_verify_locations(options.client_ca_file)
        adapter.context.verify_mode = ssl.CERT_REQUIRED
    return adapter

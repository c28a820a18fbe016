"""The HTTP server of the API: cheroot, hardened against clients that send half a request."""

from __future__ import annotations

import logging
import select
import socket
import ssl
import threading
from typing import Any

from cheroot import wsgi
from cheroot.ssl.builtin import BuiltinSSLAdapter
from cheroot.workers.threadpool import ThreadPool

from ryu_apps.configuration import Configuration
from ryu_apps.northbound import api
from ryu_apps.northbound.base import NodeView

LOG = logging.getLogger(__name__)
IDLE_TIMEOUT = 10
"""Seconds until a silent connection is closed."""
MAX_HEADERS = 64 * 1024
SLOW_THREADS = 8
SLOW_QUEUE = 64
KEEP_ALIVE = 1000


class _Side:
    """The server as the workers of a second pool see it: a cheroot worker takes its connections
    from ``server.requests``, which for them must be the queue of their own pool."""

    def __init__(self, server: wsgi.Server) -> None:
        self._server = server
        self.requests: ThreadPool | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._server, name)

    @property
    def interrupt(self) -> Any:
        return self._server.interrupt

    @interrupt.setter
    def interrupt(self, value: Any) -> None:
        self._server.interrupt = value


class _Server(wsgi.Server):
    """A cheroot server with a second pool for connections whose headers are not all here yet.

    A cheroot worker reads its request blocking, so as many clients as there are workers, each with
    half a request, would stop the API for everybody.  Such connections wait in a pool of their own.
    """

    def prepare(self) -> None:
        super().prepare()
        side = _Side(self)
        self._slow = side.requests = ThreadPool(
            side, min=SLOW_THREADS, max=SLOW_THREADS, accepted_queue_size=SLOW_QUEUE,
            accepted_queue_timeout=0,
        )
        self._slow.start()

    def process_conn(self, conn: Any) -> None:
        if self.ssl_adapter is not None or _headers_complete(conn.socket):
            super().process_conn(conn)
            return
        try:
            self._slow.put(conn)
        except Exception as error:  # queue.Full: too many slow clients, this one is turned away
            LOG.warning("connection from %s closed: too many half requests (%r)",
                        conn.remote_addr, error)
            conn.close()

    def stop(self) -> None:
        super().stop()
        slow = getattr(self, "_slow", None)
        if slow is not None:
            slow.stop(self.shutdown_timeout)

    def error_log(self, msg: str = "", level: int = 20, traceback: bool = False) -> None:
        LOG.log(level, "%s", msg, exc_info=traceback)


def _headers_complete(sock: socket.socket) -> bool:
    """Whether the end of the request's headers is in the socket's buffer already."""
    try:
        if not select.select([sock], [], [], 0)[0]:
            return False
        return b"\r\n\r\n" in sock.recv(MAX_HEADERS, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except (OSError, ValueError):
        return True


class ApiServer:
    """The node's API.  ``settings``: oslo.config options of :mod:`ryu_apps.settings`.

    Raises OSError from :meth:`start` when the address cannot be bound, ssl.SSLError or OSError for
    bad certificate files, ValueError for settings that make no sense.
    """

    def __init__(self, configuration: Configuration, node_view: NodeView, settings: Any):
        self._settings = settings.api
        self.application = api.build(configuration, node_view, settings)
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

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
            shutdown_timeout=1,
            accepted_queue_size=1024,
        )
        server.max_request_header_size = MAX_HEADERS
        server.max_request_body_size = options.max_body
        server.keep_alive_conn_limit = KEEP_ALIVE
        if options.cert_file:
            server.ssl_adapter = _tls(options)
        server.prepare()
        self._server = server
        self._thread = threading.Thread(target=server.serve, name="api", daemon=True)
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


def _tls(options: Any) -> BuiltinSSLAdapter:
    adapter = BuiltinSSLAdapter(options.cert_file, options.key_file)
    adapter.context.minimum_version = ssl.TLSVersion.TLSv1_2
    if options.client_ca_file:
        adapter.context.load_verify_locations(options.client_ca_file)
        adapter.context.verify_mode = ssl.CERT_REQUIRED
    return adapter

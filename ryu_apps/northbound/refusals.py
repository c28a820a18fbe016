"""What the HTTP server itself refuses, in the API's words, and answers that clients get to see.

cheroot answers a malformed request in plain text, and closes a connection whose client is still
sending: the reset that follows takes the answer from it.
"""

from __future__ import annotations

import contextlib
import json
import select
import socket
import ssl
import sys
import time
from typing import Any

from cheroot.server import HTTPConnection, HTTPRequest

from ryu_apps.northbound.errors import error_body

LINGER = 3.0
"""Seconds that a refused client may go on sending; what comes is thrown away."""

_TYPES = {
    400: "HTTPBadRequest", 405: "HTTPMethodNotAllowed", 408: "HTTPRequestTimeout",
    413: "RequestEntityTooLarge", 414: "HTTPRequestURITooLong", 501: "HTTPNotImplemented",
    503: "ServiceUnavailable", 505: "HTTPVersionNotSupported",
}  # fmt: skip
_TEXTS = {
    405: "CONNECT is not allowed: this is no proxy.",
    408: "The request did not come in time; send it again, as a whole.",
    414: "The URL is too long; make it shorter, with fewer filters in each request.",
    500: "Request Failed: internal server error. See this node's log.",
    503: "The node has too many requests to serve; try again in a moment.",
    505: "This server speaks HTTP/1.1.",
}


_SPEAK_TLS = "This port speaks HTTPS; the URL must begin with https://."


def too_large(limit: int) -> str:
    return f"The body is larger than {limit} bytes; split the request."


def answer(status: str, message: str) -> bytes:
    """A whole answer, after which the connection ends.  ``status``: as "400 Bad Request"."""
    number = int(status[:3])
    kind = _TYPES.get(number, "HTTPInternalServerError")
    body = json.dumps(error_body(kind, message or _TEXTS.get(number, status[4:]))).encode()
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        "Connection: close\r\n\r\n"
    )
    return head.encode() + body


class Request(HTTPRequest):
    def simple_response(self, status: Any, msg: str = "") -> None:
        """What cheroot says where no application was asked."""
        number = str(status)[:3]
        if number == "413":
            self.conn.sending = True
            body = "entity" in msg
            msg = too_large(self.server.max_request_body_size) if body else (
                f"The headers are larger than {self.server.max_request_header_size} bytes; send "
                "fewer or shorter ones."
            )
        elif number in ("405", "414", "505"):
            self.conn.sending = number == "414"
            msg = ""
        self.close_connection = True
        with contextlib.suppress(OSError):  # It has gone.
            self.conn.wfile.write(answer(str(status), msg))

    def respond(self) -> None:
        super().respond()
        unread = self.chunked_read or getattr(self.rfile, "remaining", 0) > 0
        if self.close_connection and unread:
            self.conn.sending = True


class Connection(HTTPConnection):
    RequestHandlerClass = Request
    sending = False
    """The client may be sending still what was refused."""

    def _conditional_error(self, req: Any, response: str) -> None:
        """What communicate() does with a failure; it is the one that is being handled."""
        error = sys.exc_info()[1]
        if isinstance(error, ssl.SSLError) and error.reason == "HTTP_REQUEST":
            # Past the TLS that was never spoken.
            with contextlib.suppress(OSError):
                socket.socket.send(self.socket, answer("400 Bad Request", _SPEAK_TLS))
            self.sending = True
            return
        super()._conditional_error(req, response)

    def close(self) -> None:
        if self.sending:
            linger(self.socket)
        super().close()


def linger(sock: socket.socket) -> None:
    """Say that no more comes, and read until the other side has seen it: a socket that is closed
    with something unread is reset, and with it the answer is gone (RFC 9112 section 9.6)."""
    deadline = time.monotonic() + LINGER
    try:
        sock.shutdown(socket.SHUT_WR)
        sock.setblocking(False)
        while (left := deadline - time.monotonic()) > 0:
            if not select.select([sock], [], [], left)[0] or not sock.recv(1 << 16):
                return
    except (OSError, ValueError):
        return

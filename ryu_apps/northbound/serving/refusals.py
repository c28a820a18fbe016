"""What the HTTP server itself refuses, in the API's words."""

from __future__ import annotations

import json

import h11

from ryu_apps.northbound.http.errors import error_body

_TYPES = {
    400: "HTTPBadRequest", 405: "HTTPMethodNotAllowed", 408: "HTTPRequestTimeout",
    413: "RequestEntityTooLarge", 414: "HTTPRequestURITooLong", 501: "HTTPNotImplemented",
    503: "ServiceUnavailable", 505: "HTTPVersionNotSupported",
}  # fmt: skip
_PHRASES = {
    400: "Bad Request", 405: "Method Not Allowed", 408: "Request Timeout",
    413: "Request Entity Too Large", 414: "Request-URI Too Long", 500: "Internal Server Error",
    501: "Not Implemented", 503: "Service Unavailable", 505: "HTTP Version Not Supported",
}  # fmt: skip
_TEXTS = {
    405: "CONNECT is not allowed: this is no proxy.",
    408: "The request did not come in time; send it again, as a whole.",
    414: "The URL is too long; make it shorter, with fewer filters in each request.",
    500: "Request Failed: internal server error. See this node's log.",
    503: "The node has too many requests to serve; try again in a moment.",
    505: "This server speaks HTTP/1.1.",
}
SPEAK_TLS = "This port speaks HTTPS; the URL must begin with https://."


class Refused(Exception):
    """This connection's request is refused; nothing more is read from it as a request."""

    def __init__(self, status: int, message: str = "") -> None:
        super().__init__(message)
        self.status, self.message = status, message


def too_large(limit: int) -> str:
    return f"The body is larger than {limit} bytes; split the request."


def headers_too_large(limit: int) -> str:
    return f"The headers are larger than {limit} bytes; send fewer or shorter ones."


def malformed(error: h11.RemoteProtocolError) -> Refused:
    """What h11 found wrong with a request."""
    status = error.error_status_hint
    return Refused(status if status in _TYPES else 400, f"Malformed request: {error}.")


def answer(status: int, message: str = "") -> bytes:
    """A whole answer, after which the connection ends."""
    phrase = _PHRASES.get(status, "Bad Request")
    kind = _TYPES.get(status, "HTTPInternalServerError")
    body = json.dumps(error_body(kind, message or _TEXTS.get(status, phrase))).encode()
    head = (
        f"HTTP/1.1 {status} {phrase}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body

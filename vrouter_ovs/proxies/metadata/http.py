"""HTTP/1.1 from the server's side, as much as a proxy for small requests needs: bytes in and out.

Strict, as a request that two ends read differently is an attack (RFC 9112 section 11.2): lines end
with CR LF, a header is a token and a colon without a space between, nothing is folded, a body has a
Content-Length.  What is not so is answered with an error, and the connection ends.

Sources: RFC 9110, 9112.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import NamedTuple

LONGEST_HEAD, LONGEST_TARGET = 8192, 4096
"""Bytes of a request's line and headers, and of its target alone."""
METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "DELETE"))
_END = b"\r\n\r\n"
_REQUEST_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([!-~]+) HTTP/(\d)\.(\d)")
_HEADER = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t\x20-\x7e\x80-\xff]*?)[ \t]*")
_NUMBER = re.compile(rb"\d{1,9}")


class BadRequest(Exception):
    """No request that is passed on.  ``status``: of the answer."""

    def __init__(self, status: HTTPStatus, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class Request(NamedTuple):
    """``target``: path and query, beginning with "/".  ``headers``: by name in lower case; of one
    that came several times, all values with commas between.  ``keep_alive``: whether the
    connection outlives the answer."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    keep_alive: bool


class RequestFraming:
    """Requests in the bytes of a connection: see
    :class:`~vrouter_ovs.proxies.tcp.framing.Framing`.

    A request that is at fault comes out as far as it was received, for :func:`parse` to refuse.
    """

    def message(self, received: bytearray, longest: int) -> bytes | None:
        while received[:2] == b"\r\n":  # RFC 9112 section 2.2
            del received[:2]
        end = received.find(_END, 0, LONGEST_HEAD + len(_END))
        if end < 0:
            if len(received) <= LONGEST_HEAD:
                return None
            size = len(received)
        else:
            try:
                size = end + len(_END) + _body_size(_head(bytes(received[:end]))[1])
            except BadRequest:
                size = len(received)
            if size <= longest and len(received) < size:
                return None
        found = bytes(received[:size])
        del received[:size]
        return found

    def frame(self, message: bytes) -> bytes:
        return message


def parse(message: bytes) -> Request:
    """A request from :class:`RequestFraming`.  Raises BadRequest."""
    head, ends, body = message.partition(_END)
    if len(head) > LONGEST_HEAD or not ends:
        raise BadRequest(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "the headers are too long")
    line, headers = _head(head)
    method, target, newer = line
    size = _body_size(headers)
    if size != len(body):
        raise BadRequest(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "the body is too long")
    if method not in METHODS:
        raise BadRequest(HTTPStatus.NOT_IMPLEMENTED, f"no such method: {method}")
    if len(target) > LONGEST_TARGET:
        raise BadRequest(HTTPStatus.REQUEST_URI_TOO_LONG, "the target is too long")
    if newer and "host" not in headers:
        raise BadRequest(HTTPStatus.BAD_REQUEST, "no Host header")
    tokens = {one.strip().lower() for one in headers.get("connection", "").split(",")}
    return Request(method, _origin_form(target), headers, body, newer and "close" not in tokens)


def _head(head: bytes) -> tuple[tuple[str, str, bool], dict[str, str]]:
    """((method, target, whether HTTP/1.1), headers).  Raises BadRequest."""
    lines = head.split(b"\r\n")
    found = _REQUEST_LINE.fullmatch(lines[0])
    if found is None:
        raise BadRequest(HTTPStatus.BAD_REQUEST, "no request line")
    method, target, major, minor = (one.decode("ascii") for one in found.groups())
    if major != "1":
        raise BadRequest(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, "HTTP/1.0 and 1.1 are spoken")
    headers: dict[str, str] = {}
    for line in lines[1:]:
        header = _HEADER.fullmatch(line)
        if header is None:
            raise BadRequest(HTTPStatus.BAD_REQUEST, "a header that is none")
        name, value = header[1].decode("ascii").lower(), header[2].decode("latin-1")
        if name in headers:
            if name == "host":
                raise BadRequest(HTTPStatus.BAD_REQUEST, "several Host headers")
            value = f"{headers[name]}, {value}"
        headers[name] = value
    return (method, target, minor != "0"), headers


def _body_size(headers: Mapping[str, str]) -> int:
    """Raises BadRequest."""
    if "transfer-encoding" in headers:
        raise BadRequest(HTTPStatus.LENGTH_REQUIRED, "a body needs a Content-Length")
    length = headers.get("content-length", "0")
    if _NUMBER.fullmatch(length.encode("latin-1")) is None:
        raise BadRequest(HTTPStatus.BAD_REQUEST, "a Content-Length that is none")
    return int(length)


def _origin_form(target: str) -> str:
    """RFC 9112 section 3.2.  Raises BadRequest."""
    scheme, absolute, rest = target.partition("://")
    if absolute and scheme.lower() == "http" and "/" not in scheme:
        _, slash, path = rest.partition("/")
        target = f"/{path}" if slash else "/"
    if not target.startswith("/") or "#" in target:
        raise BadRequest(HTTPStatus.BAD_REQUEST, "a target that is no path")
    return target


def response(
    status: int, headers: Iterable[tuple[str, str]], body: bytes, *, head: bool = False,
    keep_alive: bool = True, length: int | None = None,
) -> bytes:  # fmt: skip
    """A whole response.  ``head``: the answer to a HEAD request, which has no body; ``length``: of
    the body that it is about."""
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = ""
    lines = [f"HTTP/1.1 {status} {phrase}"]
    lines += [f"{name}: {value}" for name, value in headers]
    if status != HTTPStatus.NO_CONTENT and status != HTTPStatus.NOT_MODIFIED:
        lines.append(f"Content-Length: {len(body) if length is None else length}")
    else:
        body = b""
    if not keep_alive:
        lines.append("Connection: close")
    text = "\r\n".join((*lines, "", "")).encode("latin-1", "replace")
    return text if head else text + body


def refusal(status: int, reason: str, *, head: bool = False, keep_alive: bool = False) -> bytes:
    """A response that says in words why there is none."""
    headers = [("Content-Type", "text/plain; charset=UTF-8")]
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers.append(("Retry-After", "1"))
    body = f"{status} {HTTPStatus(status).phrase}: {reason}\n".encode()
    return response(status, headers, body, head=head, keep_alive=keep_alive)

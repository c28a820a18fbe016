"""A request as the client sent it, and its WSGI environment (PEP 3333)."""

from __future__ import annotations

import io
import sys
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote_to_bytes

import h11

from ryu_apps.northbound.serving.refusals import Refused, too_large

SMALL = 256
"""Bytes: chunks shorter than this on average cost more to read than they bring."""
FREE_CHUNKS = 1000
"""So many chunks a request may have whatever their size."""


@dataclass
class Incoming:
    """The request that a connection is reading.  ``length``: as announced, None when chunked."""

    head: h11.Request
    length: int | None
    body: list[bytes] = field(default_factory=list)
    size: int = 0
    pieces: int = 0

    def add(self, data: bytes, limit: int) -> None:
        """A piece of the body.  Raises Refused."""
        self.body.append(bytes(data))
        self.size += len(data)
        self.pieces += 1
        if self.size > limit:
            raise Refused(413, too_large(limit))
        if self.length is None and self.pieces > FREE_CHUNKS + self.size // SMALL:
            raise Refused(400, "The body comes in too many small chunks; send larger ones.")


def begin(head: h11.Request, max_body: int) -> Incoming:
    """A request whose headers are complete.  Raises Refused."""
    if head.http_version not in (b"1.0", b"1.1"):
        raise Refused(505)
    if head.method == b"CONNECT":
        raise Refused(405)
    if not head.target.startswith(b"/") or head.target.startswith(b"//"):
        raise Refused(400, "The URI of a request begins with one slash, and has no host.")
    headers = dict(head.headers)
    length: int | None = int(headers.get(b"content-length", 0))
    if b"transfer-encoding" in headers:
        if b"content-length" in headers:  # two readers could see two requests (RFC 9112 6.1)
            raise Refused(400, "A request has a Content-Length or a Transfer-Encoding, not both.")
        length = None
    if length is not None and length > max_body:
        raise Refused(413, too_large(max_body))
    return Incoming(head, length)


def environ(
    incoming: Incoming, scheme: str, local: tuple[str, int], remote: tuple[str, int]
) -> dict[str, Any]:
    """The WSGI environment.  ``local``, ``remote``: address and port of the two ends."""
    head = incoming.head
    path, _, query = head.target.partition(b"?")
    found: dict[str, Any] = {
        "REQUEST_METHOD": head.method.decode("latin-1"),
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "QUERY_STRING": query.decode("latin-1"),
        "REQUEST_URI": head.target.decode("latin-1"),
        "SERVER_PROTOCOL": f"HTTP/{head.http_version.decode()}",
        "SERVER_NAME": local[0],
        "SERVER_PORT": str(local[1]),
        "REMOTE_ADDR": remote[0],
        "REMOTE_PORT": str(remote[1]),
        "CONTENT_LENGTH": str(incoming.size),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scheme,
        "wsgi.input": io.BytesIO(b"".join(incoming.body)),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for raw, value in head.headers:
        if b"_" in raw or raw in (b"content-length", b"transfer-encoding"):
            continue  # With an underscore it would pass for another header.
        name = raw.decode("latin-1").upper().replace("-", "_")
        key = name if name == "CONTENT_TYPE" else f"HTTP_{name}"
        text = value.decode("latin-1")
        found[key] = f"{found[key]}, {text}" if key in found else text
    return found

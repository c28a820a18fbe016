"""One try to get a question answered: a socket and an id of its own at one resolver.

So a response cannot be guessed (RFC 5452): the system draws the source port, at random, when the
socket is connected; a connected socket hears its resolver alone, and hears at once when nobody
listens there.
"""

from __future__ import annotations

import abc
import secrets
import selectors
import socket
from collections import Counter

from ryu_apps.southbound.services.dns.resolvers import UpstreamResolver
from vrouter_ovs.proxies.dns import relay as dns_relay

WRONG = 16
"""Datagrams that answer something else until a try is given up."""


def fresh_query(wire: bytes) -> bytes:
    """The query ``wire`` with an id that nobody can guess."""
    return dns_relay.with_id(wire, secrets.randbelow(65536))


class Unanswered(OSError):
    """The resolver answers something else, or hangs up."""


class Try(abc.ABC):
    """``query``: with its id.  ``counts``: where what went wrong is counted, under "wrong".

    The constructor raises OSError where the system has no socket.
    """

    KIND: socket.SocketKind

    def __init__(self, resolver: UpstreamResolver, query: bytes, counts: Counter[str]) -> None:
        self.resolver, self.query = resolver, query
        self._counts = counts
        self._selector: selectors.BaseSelector | None = None
        self._data: object = None
        family = socket.AF_INET6 if ":" in resolver.address else socket.AF_INET
        self._sock = socket.socket(family, self.KIND)
        self._sock.setblocking(False)

    @abc.abstractmethod
    def start(self, selector: selectors.BaseSelector, data: object) -> None:
        """Ask, and have ``selector`` tell with ``data`` when :meth:`ready` is to be called; raises
        OSError where the resolver cannot be reached."""

    @abc.abstractmethod
    def ready(self, mask: int) -> bytes | None:
        """The socket can be read or written.  Returns the response to the query when it is there.

        Raises BlockingIOError where there is nothing yet, any other OSError where there will be
        none.
        """

    def close(self) -> None:
        """Give up, or be done."""
        if self._selector is not None:
            self._selector.unregister(self._sock)
        self._sock.close()

    def _register(self, selector: selectors.BaseSelector, mask: int, data: object) -> None:
        selector.register(self._sock, mask, data)
        self._selector, self._data = selector, data

    def _await(self, mask: int) -> None:
        """Wait for something else than so far."""
        self._selector.modify(self._sock, mask, self._data)


class DatagramTry(Try):
    """Over UDP.  The response may be truncated."""

    KIND = socket.SOCK_DGRAM

    def __init__(self, resolver: UpstreamResolver, query: bytes, counts: Counter[str]) -> None:
        super().__init__(resolver, query, counts)
        self._wrong = 0

    def start(self, selector: selectors.BaseSelector, data: object) -> None:
        self._sock.connect((self.resolver.address, self.resolver.port))
        self._sock.send(self.query)
        self._register(selector, selectors.EVENT_READ, data)

    def ready(self, mask: int) -> bytes | None:
        response = self._sock.recv(65535)
        if dns_relay.matches(self.query, response):
            return response
        self._counts["wrong"] += 1
        self._wrong += 1
        if self._wrong >= WRONG:
            raise Unanswered("answers other questions")
        return None


class StreamTry(Try):
    """Over TCP (RFC 7766 section 5)."""

    KIND = socket.SOCK_STREAM

    def __init__(self, resolver: UpstreamResolver, query: bytes, counts: Counter[str]) -> None:
        super().__init__(resolver, query, counts)
        self._unsent = len(query).to_bytes(2, "big") + query
        self._received = bytearray()

    def start(self, selector: selectors.BaseSelector, data: object) -> None:
        try:
            self._sock.connect((self.resolver.address, self.resolver.port))
        except BlockingIOError:
            pass  # it is on its way
        self._register(selector, selectors.EVENT_WRITE, data)

    def ready(self, mask: int) -> bytes | None:
        if self._unsent:
            if mask & selectors.EVENT_WRITE:
                self._unsent = self._unsent[self._sock.send(self._unsent) :]
            if not self._unsent:
                self._await(selectors.EVENT_READ)
            return None
        received = self._received
        size = 2 + int.from_bytes(received[:2], "big") if len(received) >= 2 else 2
        piece = self._sock.recv(size - len(received))
        if not piece:
            raise Unanswered("hung up")
        received += piece
        if len(received) == 2 and received != b"\0\0":
            return None
        size = 2 + int.from_bytes(received[:2], "big")
        if len(received) < size:
            return None
        response = bytes(received[2:])
        if not dns_relay.matches(self.query, response) or is_truncated(response):
            self._counts["wrong"] += 1
            raise Unanswered("answers another question")
        return response


def is_truncated(response: bytes) -> bool:
    """Whether the whole response has to be asked for over TCP."""
    return bool(response[2] & 2)

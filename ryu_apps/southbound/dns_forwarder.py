"""Questions of VMs to the configured resolvers: bounded, merged, remembered for each network.

Owned by one thread, which waits with the selector it is given; it calls :meth:`Forwarder.ready`
for each socket that is, and :meth:`Forwarder.expire` when :meth:`Forwarder.due` has come.

Each try has a socket and an id of its own, so that a response cannot be guessed (RFC 5452): the
system draws the source port, at random, when the socket is connected; a connected socket hears its
resolver alone, and hears at once when nobody listens there.  A truncated response is asked for
again over TCP (RFC 7766 section 5).
"""

from __future__ import annotations

import secrets
import selectors
import socket
from collections import Counter
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any

from vrouter_ovs.proxies import dns_relay
from vrouter_ovs.proxies.dns_wire import Question, read_response
from vrouter_ovs.proxies.packet import Malformed

from .dns_cache import Caches, Failures
from .dns_resolvers import Limits, Resolver, Resolvers

WRONG = 16
"""Datagrams that answer something else until a try is given up."""
Done = Callable[[bytes | None, str, float], None]
"""``done(response, how, now)``.  how: "cached", "forwarded"; with None instead of a response:
"unanswered" (by every resolver), "busy" (too much is in flight), "gone" (the network is).  What
failed a moment ago fails again: "cached" with the resolver's refusal, or with None."""


@dataclass(eq=False, slots=True)
class _Exchange:
    """One question of one network on its way.  ``waiters``: who waits -> (owner, done)."""

    network: str
    question: Question
    wire: bytes
    order: list[Resolver]
    waiters: dict[Hashable, tuple[Hashable, Done]] = field(default_factory=dict)
    tries: int = 0
    wrong: int = 0
    sent: bytes = b""
    sock: socket.socket | None = None
    stream: bool = False
    unsent: bytes = b""
    received: bytearray = field(default_factory=bytearray)
    refusal: bytes | None = None
    """A resolver's response that says that it could not answer."""


class Forwarder:
    """``resolvers`` in the order of preference; ``selector``: of the thread that owns this."""

    def __init__(
        self, resolvers: tuple[str, ...], selector: selectors.BaseSelector, limits: Limits
    ) -> None:
        self.resolvers = Resolvers(resolvers, limits.rest)
        self.limits = limits
        self.caches = Caches(limits.cache_entries, limits.cache_per_network, limits.cache_ttl)
        self.failures = Failures(limits.in_flight)
        self.counts: Counter[str] = Counter()
        self.waiting = 0
        self._selector = selector
        self._exchanges: dict[tuple[str, Question], _Exchange] = {}
        self._deadlines: dict[_Exchange, float] = {}
        """In the order of time, as every try has the same."""
        self._of_network: Counter[str] = Counter()
        self._of_port: Counter[Hashable] = Counter()

    def __len__(self) -> int:
        return len(self._exchanges)

    # ------------------------------------------------------------ asking

    def ask(
        self, network: str, question: Question, wire: bytes, owner: Hashable, waiter: Hashable,
        done: Done, now: float,
    ) -> None:  # fmt: skip
        """Get ``question`` answered; ``done`` is called once, perhaps before this returns.

        ``wire``: the query, with the id 0.  ``owner``: the port that asks.  ``waiter``: what tells
        this client's query from others; one that waits already is not asked, nor answered, twice.
        """
        found = self.caches.get(network, question, now)
        if found is not None:
            done(found, "cached", now)
            return
        failed, refusal = self.failures.get(network, question, now)
        if failed:
            self.counts["failed again"] += 1
            done(refusal, "cached", now)
            return
        exchange = self._exchanges.get((network, question))
        if exchange is not None and waiter in exchange.waiters:
            self.counts["repeated"] += 1
            return
        if self._full(network, owner, exchange):
            self.counts["busy"] += 1
            done(None, "busy", now)
            return
        self.waiting += 1
        self._of_port[owner] += 1
        if exchange is not None:
            self.counts["merged"] += 1
            exchange.waiters[waiter] = owner, done
            return
        exchange = _Exchange(network, question, wire, self.resolvers.order(now))
        exchange.waiters[waiter] = owner, done
        self._exchanges[network, question] = exchange
        self._of_network[network] += 1
        self._try(exchange, now)

    def _full(self, network: str, owner: Hashable, exchange: _Exchange | None) -> bool:
        limits = self.limits
        if self.waiting >= limits.waiting or self._of_port.get(owner, 0) >= limits.per_port:
            return True
        return exchange is None and (
            len(self._exchanges) >= limits.in_flight
            or self._of_network.get(network, 0) >= limits.per_network
        )

    def _try(self, exchange: _Exchange, now: float) -> None:
        """Ask the next resolver; when all tries are used up, that was it."""
        self._close(exchange)
        while exchange.tries < self.limits.tries and exchange.order:
            resolver = exchange.order[exchange.tries % len(exchange.order)]
            exchange.tries += 1
            exchange.wrong = 0
            exchange.sent = dns_relay.with_id(exchange.wire, secrets.randbelow(65536))
            resolver.asked += 1
            try:
                self._open(exchange, resolver, socket.SOCK_DGRAM)
            except OSError:  # no descriptors: no resolver's fault, and not remembered as one
                self.counts["no socket"] += 1
                self._finish(exchange, None, "unanswered", now)
                return
            try:
                exchange.sock.connect((resolver.address, resolver.port))
                exchange.sock.send(exchange.sent)
            except OSError:  # no route, or refused at once
                self.resolvers.failed(resolver, now)
                self._close(exchange)
                continue
            self._selector.register(exchange.sock, selectors.EVENT_READ, exchange)
            self._deadlines[exchange] = now + self.limits.timeout
            return
        self._fail(exchange, now)

    def _fail(self, exchange: _Exchange, now: float) -> None:
        """No resolver has answered: tell what the last one said, if any did."""
        refusal = exchange.refusal
        self.failures.put(exchange.network, exchange.question, refusal, now)
        self._finish(exchange, refusal, "unanswered" if refusal is None else "forwarded", now)

    @staticmethod
    def _open(exchange: _Exchange, resolver: Resolver, kind: int) -> None:
        family = socket.AF_INET6 if ":" in resolver.address else socket.AF_INET
        exchange.sock = socket.socket(family, kind)
        exchange.sock.setblocking(False)

    def _try_failed(self, exchange: _Exchange, now: float) -> None:
        self.resolvers.failed(self._resolver(exchange), now)
        self._try(exchange, now)

    @staticmethod
    def _resolver(exchange: _Exchange) -> Resolver:
        return exchange.order[(exchange.tries - 1) % len(exchange.order)]

    # ------------------------------------------------------------ hearing

    def ready(self, exchange: _Exchange, mask: int, now: float) -> None:
        """The socket of ``exchange`` can be read or written."""
        if exchange.sock is None:
            return  # closed by what came before it in the same turn
        try:
            if exchange.stream:
                self._stream_ready(exchange, mask, now)
            else:
                self._datagram_ready(exchange, now)
        except BlockingIOError:
            return
        except OSError:  # refused, reset, unreachable
            self._try_failed(exchange, now)

    def _datagram_ready(self, exchange: _Exchange, now: float) -> None:
        response = exchange.sock.recv(65535)
        if not dns_relay.matches(exchange.sent, response):
            self.counts["wrong"] += 1
            exchange.wrong += 1
            if exchange.wrong >= WRONG:
                self._try_failed(exchange, now)
        elif response[2] & 2:
            self.counts["truncated"] += 1
            self._stream(exchange, now)
        else:
            self._heard(exchange, response, now)

    def _heard(self, exchange: _Exchange, response: bytes, now: float) -> None:
        """A response to the question: is it an answer?"""
        resolver = self._resolver(exchange)
        try:
            read_response(response)
        except Malformed:
            self.counts["malformed"] += 1
            self._try_failed(exchange, now)
            return
        resolver.answered()
        if response[3] & 15 not in (0, 3):  # could or would not: another one may
            self.counts["refused"] += 1
            exchange.refusal = response
            if exchange.tries < len(exchange.order):
                self._try(exchange, now)
            else:
                self._fail(exchange, now)
            return
        try:
            self.caches.put(exchange.network, exchange.question, response, now)
        except Malformed:
            pass  # matches() has seen to it
        self._finish(exchange, response, "forwarded", now)

    # ------------------------------------------------------------ over TCP

    def _stream(self, exchange: _Exchange, now: float) -> None:
        """Ask the same resolver again over TCP: the response did not fit a datagram."""
        self._close(exchange)
        exchange.stream = True
        exchange.unsent = len(exchange.sent).to_bytes(2, "big") + exchange.sent
        exchange.received = bytearray()
        resolver = self._resolver(exchange)
        try:
            self._open(exchange, resolver, socket.SOCK_STREAM)
            exchange.sock.connect((resolver.address, resolver.port))
        except BlockingIOError:
            pass  # it is on its way
        except OSError:
            self._try_failed(exchange, now)
            return
        self._selector.register(exchange.sock, selectors.EVENT_WRITE, exchange)
        self._deadlines[exchange] = now + self.limits.timeout

    def _stream_ready(self, exchange: _Exchange, mask: int, now: float) -> None:
        sock = exchange.sock
        if exchange.unsent:
            if mask & selectors.EVENT_WRITE:
                exchange.unsent = exchange.unsent[sock.send(exchange.unsent) :]
            if not exchange.unsent:
                self._selector.modify(sock, selectors.EVENT_READ, exchange)
            return
        received = exchange.received
        size = 2 + int.from_bytes(received[:2], "big") if len(received) >= 2 else 2
        piece = sock.recv(size - len(received))
        if not piece:
            self._try_failed(exchange, now)
            return
        received += piece
        if len(received) == 2 and received != b"\0\0":
            return
        size = 2 + int.from_bytes(received[:2], "big")
        if len(received) < size:
            return
        response = bytes(received[2:])
        if dns_relay.matches(exchange.sent, response) and not response[2] & 2:
            self._heard(exchange, response, now)
        else:
            self.counts["wrong"] += 1
            self._try_failed(exchange, now)

    # ------------------------------------------------------------ ending

    def _close(self, exchange: _Exchange) -> None:
        self._deadlines.pop(exchange, None)
        sock, exchange.sock, exchange.stream = exchange.sock, None, False
        if sock is not None:
            try:
                self._selector.unregister(sock)
            except (KeyError, ValueError):
                pass  # failed before it was registered
            sock.close()

    def _finish(
        self, exchange: _Exchange, response: bytes | None, how: str, now: float
    ) -> None:
        self._close(exchange)
        del self._exchanges[exchange.network, exchange.question]
        _less(self._of_network, exchange.network)
        if how == "unanswered":
            self.counts[how] += 1
        for owner, _ in exchange.waiters.values():
            self.waiting -= 1
            _less(self._of_port, owner)
        for _, done in exchange.waiters.values():
            done(response, how, now)

    def due(self) -> float | None:
        """When :meth:`expire` has to be called, or None."""
        return next(iter(self._deadlines.values()), None)

    def expire(self, now: float) -> None:
        """Go on with those whose time is over."""
        while self._deadlines:
            exchange, deadline = next(iter(self._deadlines.items()))
            if deadline > now:
                return
            self._try_failed(exchange, now)

    def drop(self, network: str, now: float) -> None:
        """A network is gone: forget what it asked, and answer nobody."""
        self.caches.drop(network)
        self.failures.drop(network)
        for exchange in [each for each in self._exchanges.values() if each.network == network]:
            self._finish(exchange, None, "gone", now)

    def close(self) -> None:
        for exchange in list(self._exchanges.values()):
            self._close(exchange)
        self._exchanges.clear()

    def status(self) -> dict[str, Any]:
        """From any thread."""
        return {
            "in_flight": len(self._exchanges), "waiting": self.waiting,
            "cache": self.caches.status(), "forwarding": dict(self.counts),
            "resolvers": self.resolvers.status(),
        }  # fmt: skip


def _less(counter: Counter[Any], key: Any) -> None:
    """One less; what is at zero leaves nothing behind."""
    counter[key] -= 1
    if counter[key] <= 0:
        del counter[key]

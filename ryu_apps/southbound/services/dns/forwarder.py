"""Questions of VMs to the configured resolvers: bounded, merged, remembered for each network.

Owned by one thread, which waits with the selector it is given; it calls :meth:`Forwarder.ready`
for each socket that is, and :meth:`Forwarder.expire` when :meth:`Forwarder.due` has come.

A truncated response is asked for again over TCP.
"""

from __future__ import annotations

import selectors
from collections import Counter
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any

from ryu_apps.southbound.services.dns.cache import Caches, Failures
from ryu_apps.southbound.services.dns.exchange import (
    DatagramTry,
    StreamTry,
    Try,
    fresh_query,
    is_truncated,
)
from ryu_apps.southbound.services.dns.resolvers import Limits, Resolvers, UpstreamResolver
from vrouter_ovs.proxies.dns.wire import Question, read_response
from vrouter_ovs.proxies.packet import Malformed

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
    order: list[UpstreamResolver]
    waiters: dict[Hashable, tuple[Hashable, Done]] = field(default_factory=dict)
    tries: int = 0
    current: Try | None = None
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
            resolver.asked += 1
            try:
                exchange.current = DatagramTry(resolver, fresh_query(exchange.wire), self.counts)
            except OSError:  # no descriptors: no resolver's fault, and not remembered as one
                self.counts["no socket"] += 1
                self._finish(exchange, None, "unanswered", now)
                return
            try:
                self._start(exchange, now)
            except OSError:  # no route, or refused at once
                self.resolvers.failed(resolver, now)
                self._close(exchange)
                continue
            return
        self._fail(exchange, now)

    def _try_stream(self, exchange: _Exchange, now: float) -> None:
        """Ask the same resolver again over TCP: the response did not fit a datagram."""
        query = exchange.current.query
        self._close(exchange)
        try:
            exchange.current = StreamTry(_resolver(exchange), query, self.counts)
            self._start(exchange, now)
        except OSError:
            self._try_failed(exchange, now)

    def _start(self, exchange: _Exchange, now: float) -> None:
        exchange.current.start(self._selector, exchange)
        self._deadlines[exchange] = now + self.limits.timeout

    def _fail(self, exchange: _Exchange, now: float) -> None:
        """No resolver has answered: tell what the last one said, if any did."""
        refusal = exchange.refusal
        self.failures.put(exchange.network, exchange.question, refusal, now)
        self._finish(exchange, refusal, "unanswered" if refusal is None else "forwarded", now)

    def _try_failed(self, exchange: _Exchange, now: float) -> None:
        self.resolvers.failed(_resolver(exchange), now)
        self._try(exchange, now)

    # ------------------------------------------------------------ hearing

    def ready(self, exchange: _Exchange, mask: int, now: float) -> None:
        """The socket of ``exchange`` can be read or written."""
        current = exchange.current
        if current is None:
            return  # closed by what came before it in the same turn
        try:
            response = current.ready(mask)
        except BlockingIOError:
            return
        except OSError:  # refused, reset, unreachable
            self._try_failed(exchange, now)
            return
        if response is None:
            return
        if is_truncated(response):
            self.counts["truncated"] += 1
            self._try_stream(exchange, now)
        else:
            self._heard(exchange, response, now)

    def _heard(self, exchange: _Exchange, response: bytes, now: float) -> None:
        """A response to the question: is it an answer?"""
        resolver = _resolver(exchange)
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

    # ------------------------------------------------------------ ending

    def _close(self, exchange: _Exchange) -> None:
        self._deadlines.pop(exchange, None)
        current, exchange.current = exchange.current, None
        if current is not None:
            current.close()

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


def _resolver(exchange: _Exchange) -> UpstreamResolver:
    """The one that was asked last."""
    return exchange.order[(exchange.tries - 1) % len(exchange.order)]


def _less(counter: Counter[Any], key: Any) -> None:
    """One less; what is at zero leaves nothing behind."""
    counter[key] -= 1
    if counter[key] <= 0:
        del counter[key]

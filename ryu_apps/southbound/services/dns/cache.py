"""The resolvers' answers, remembered for each network apart.

What one network asks neither shortens nor delays another's answers: a cache that all shared would
tell by its speed what others ask, and could be emptied by asking much.  Sources: RFC 1035, 2308;
RFC 9520 for failures.
"""

from __future__ import annotations

from vrouter_ovs.proxies.dns.wire import Cache, Question

FAILED = 5.0
"""Seconds in which a question that got no answer is not sent again (RFC 9520 section 3.2: at least
one, at most 300): a network whose resolvers are away does not ask them the harder for that."""


class Failures:
    """Questions that the resolvers could not answer: ``limit`` of them, the oldest out first.

    Not thread-safe.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._failures: dict[tuple[str, Question], tuple[float, bytes | None]] = {}
        """In the order of time.  What to answer: a resolver's refusal, or None where all of them
        were silent."""

    def __len__(self) -> int:
        return len(self._failures)

    def put(self, network: str, question: Question, response: bytes | None, now: float) -> None:
        self._failures.pop((network, question), None)
        self._failures[network, question] = now + FAILED, response
        if len(self._failures) > self._limit:
            del self._failures[next(iter(self._failures))]

    def get(
        self, network: str, question: Question, now: float
    ) -> tuple[bool, bytes | None]:
        """(whether it failed a moment ago, what to answer)."""
        while self._failures:
            key, (until, _) = next(iter(self._failures.items()))
            if until > now:
                break
            del self._failures[key]
        failure = self._failures.get((network, question))
        return (True, failure[1]) if failure is not None else (False, None)

    def drop(self, network: str) -> None:
        for key in [key for key in self._failures if key[0] == network]:
            del self._failures[key]


class Caches:
    """A cache for each network that asked, ``per_network`` entries each and ``entries`` in all.

    With more networks than that allows, each has an equal share: how much a network may keep
    depends on how many networks ask, not on what they ask.  Not thread-safe.
    """

    def __init__(self, entries: int, per_network: int, max_ttl: int) -> None:
        if entries < 0 or per_network < 0 or max_ttl < 0:
            raise ValueError("a cache's bounds must not be negative")
        self.entries, self.per_network, self.max_ttl = entries, per_network, max_ttl
        self._caches: dict[str, Cache] = {}
        self._share = min(entries, per_network)
        self._hits = self._misses = 0

    def __len__(self) -> int:
        return sum(map(len, self._caches.values()))

    def get(self, network: str, question: Question, now: float) -> bytes | None:
        cache = self._caches.get(network)
        found = cache.get(question, now) if cache is not None else None
        if found is None:
            self._misses += 1
        else:
            self._hits += 1
        return found

    def put(self, network: str, question: Question, response: bytes, now: float) -> None:
        """Keep ``response`` if it may be kept; raises Malformed."""
        cache = self._caches.get(network)
        if cache is None:
            if len(self._caches) >= self.entries or not self._share:
                return
            cache = self._caches[network] = Cache(self._share, self.max_ttl)
            self._divide()
        cache.put(question, response, now)

    def drop(self, network: str) -> None:
        """Forget what a network asked."""
        if self._caches.pop(network, None) is not None:
            self._divide()

    def _divide(self) -> None:
        share = min(self.per_network, self.entries // max(1, len(self._caches)))
        if share != self._share:
            self._share = share
            for cache in self._caches.values():
                cache.resize(share)

    def status(self) -> dict[str, int]:
        # From any thread: sizes of a copy, as networks come and go meanwhile.
        return {
            "entries": sum(map(len, list(self._caches.values()))), "limit": self.entries,
            "networks": len(self._caches), "hits": self._hits, "misses": self._misses,
        }  # fmt: skip

"""The configured resolvers: which is asked first, and the bounds of asking."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ryu_apps.connections.port_number import port_number

LOG = logging.getLogger("vnc.dns")

STREAK = 3
"""Tries in a row that a resolver left unanswered until the others are asked first."""


@dataclass(frozen=True, slots=True)
class Limits:
    """``in_flight``: questions at resolvers, and so sockets; ``per_network``, ``per_port``: of one
    network's and one port's; ``waiting``: clients that wait for them.  ``tries`` of ``timeout``
    seconds each.  Times of the cache in seconds."""

    in_flight: int
    per_network: int
    tries: int
    timeout: float
    cache_entries: int
    cache_per_network: int
    cache_ttl: int
    per_port: int = 32
    waiting: int = 4096
    rest: float = 30.0


@dataclass(slots=True)
class UpstreamResolver:
    """Where questions are forwarded to (RFC 8499 section 6).  ``streak``: tries that it left
    unanswered; it is asked last until ``rests_until``."""

    address: str
    port: int
    asked: int = 0
    failures: int = 0
    streak: int = 0
    rests_until: float = 0.0

    def answered(self) -> None:
        self.streak, self.rests_until = 0, 0.0


def parse_resolver(text: str) -> UpstreamResolver:
    """Read ADDRESS, ADDRESS:PORT or [ADDRESS]:PORT; raises ValueError with the text."""
    address, port = text.strip(), "53"
    if address.startswith("["):
        address, end, rest = address[1:].partition("]")
        port = rest[1:] if rest[:1] == ":" else rest or (end and "53")
    elif address.count(":") == 1:
        address, _, port = address.partition(":")
    try:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        socket.inet_pton(family, address)
        number = port_number(port)
        if not number:
            raise ValueError
    except (OSError, ValueError):
        raise ValueError(f"{text!r} is not ADDRESS, ADDRESS:PORT or [ADDRESS]:PORT") from None
    return UpstreamResolver(address, number)


class Resolvers:
    """In the order of preference; one that does not answer is asked last, for ``rest`` seconds."""

    def __init__(self, texts: Iterable[str], rest: float) -> None:
        self._all = [parse_resolver(text) for text in texts]
        self._rest = rest

    def __len__(self) -> int:
        return len(self._all)

    def order(self, now: float) -> list[UpstreamResolver]:
        return sorted(self._all, key=lambda each: each.rests_until > now)

    def failed(self, resolver: UpstreamResolver, now: float) -> None:
        """A try was not answered."""
        resolver.failures += 1
        resolver.streak += 1
        if resolver.streak == STREAK:
            LOG.warning("DNS resolver %s does not answer", resolver.address)
        if resolver.streak >= STREAK:
            resolver.rests_until = now + self._rest

    def status(self) -> list[dict[str, Any]]:
        return [
            {"address": each.address, "port": each.port, "asked": each.asked,
             "failures": each.failures, "answers": each.streak < STREAK}
            for each in self._all
        ]  # fmt: skip

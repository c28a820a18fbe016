"""How much a TCP server keeps for others, and for how long."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bounds:
    """``longest``: request in bytes; ``window``: bytes that a peer may send ahead, a few requests
    and at least the longest; ``pending``: requests of one connection that are not answered
    yet; ``waiting``: bytes of a connection's answers beyond which its next request waits; then
    connections and bytes of answers of one owner and in all.  In seconds: ``idle`` without a
    request (RFC 7766 section 6.2.3), ``lifetime``, and ``settled``: a connection that has been
    quiet for so long may have to make room for another.
    """

    longest: int = 1024
    window: int = 4096
    pending: int = 16
    waiting: int = 65536
    of_owner: int = 32
    in_all: int = 4096
    bytes_of_owner: int = 1 << 19
    bytes_in_all: int = 1 << 25
    idle: float = 10.0
    lifetime: float = 300.0
    settled: float = 1.0

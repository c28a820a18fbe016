"""What is kept of a peer's routes when its session ends, and when it is back.  Pure functions.

Of another vendor's router it is what graceful restart says as it was negotiated (RFC 4724 section
4.2, the Receiving Speaker; RFC 8538 for sessions that end with a NOTIFICATION), and nothing without
it.  Of a node of this system it is everything: its hypervisors forward without it, and only the
node itself, or the retention time, says that a route is over.
"""

from __future__ import annotations

from typing import NamedTuple

CEASE = 6
MAX_PREFIXES, DECONFIGURED = 1, 3
"""Subcodes of Cease (RFC 4486)."""


class Negotiated(NamedTuple):
    """What the peer's OPEN said of an address family.  ``graceful_restart``: the family stands in
    that capability; ``restarting``, ``notification``: the flags R and N; ``forwarding``: the
    family's flag F; ``restart_time``: seconds."""

    graceful_restart: bool = False
    restarting: bool = False
    forwarding: bool = False
    notification: bool = False
    restart_time: int = 0


class SessionEnd(NamedTuple):
    """How a session ended: with the NOTIFICATION ``code``/``subcode``, which this side ``sent`` or
    got, or by TCP alone (0/0).  ``hard``: it was wrapped in a Hard Reset (RFC 8538 section 3)."""

    code: int = 0
    subcode: int = 0
    sent: bool = False
    hard: bool = False

    @property
    def deconfigured(self) -> bool:
        """One side has removed the other from its configuration."""
        return (self.code, self.subcode) == (CEASE, DECONFIGURED)


BY_TCP = SessionEnd()


def retained(is_node: bool, negotiated: Negotiated, end: SessionEnd, stale_time: float) -> float:
    """For how many seconds the routes of a family stay in use when the session of their peer has
    ended; 0: they go.

    ``is_node``: they are those of a node of this system.  ``stale_time``: the longest.
    """
    if end.deconfigured:
        return 0.0
    if is_node:
        return stale_time
    if not negotiated.graceful_restart or end.hard:
        return 0.0
    if end.code and not negotiated.notification:
        return 0.0
    if end.sent and (end.code, end.subcode) == (CEASE, MAX_PREFIXES):
        return 0.0
    return min(negotiated.restart_time, stale_time)


def kept_on_return(is_node: bool, negotiated: Negotiated) -> bool:
    """Whether stale routes stay until End-of-RIB when their peer is back with this OPEN: it says
    that it has forwarded on."""
    return is_node or (negotiated.graceful_restart and negotiated.forwarding)


def promises_end_of_rib(is_node: bool, negotiated: Negotiated) -> bool:
    """Whether a node that starts has an End-of-RIB to wait for (RFC 4724 section 4.1).  A peer
    without graceful restart need not send one, and one that restarts itself may wait for ours;
    nodes of this system send theirs without waiting for anybody."""
    return negotiated.graceful_restart and (is_node or not negotiated.restarting)

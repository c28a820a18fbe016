"""What is kept of a peer's routes when its session ends, and when it is back.  Pure functions.

Of another vendor's router it is what graceful restart says as it was negotiated (RFC 4724 section
4.2, the Receiving Speaker; RFC 8538 for sessions that end with a NOTIFICATION; RFC 9494 for what
follows the restart time), and nothing without it.  Of a node of this system it is everything: its
hypervisors forward without it, and only the node itself, or the retention time, says that a route
is over.
"""

from __future__ import annotations

from typing import NamedTuple

CEASE = 6
MAX_PREFIXES, DECONFIGURED = 1, 3
"""Subcodes of Cease (RFC 4486)."""


class Negotiated(NamedTuple):
    """What the peer's OPEN said of an address family.  ``graceful_restart``: the family stands in
    that capability; ``restarting``, ``notification``: the flags R and N; ``forwarding``: the
    family's flag F; ``restart_time``: seconds.  ``long_lived_time``: seconds for which its routes
    may be kept beyond that, by long-lived graceful restart, 0 without it; ``long_lived_forwarding``
    the family's flag F in that capability (RFC 9494 section 3.1)."""

    graceful_restart: bool = False
    restarting: bool = False
    forwarding: bool = False
    notification: bool = False
    restart_time: int = 0
    long_lived_time: int = 0
    long_lived_forwarding: bool = False


class Retention(NamedTuple):
    """Seconds for which stale routes stay in use: ``restart`` as they are, and after that
    ``long_lived`` as the least preferred ones (RFC 9494 section 4.2)."""

    restart: float = 0.0
    long_lived: float = 0.0


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


NOT_RETAINED = Retention()


def retained(
    is_node: bool, negotiated: Negotiated, end: SessionEnd, stale_time: float
) -> Retention:
    """For how long the routes of a family stay in use when the session of their peer has ended;
    NOT_RETAINED: they go.

    ``is_node``: they are those of a node of this system, whose hypervisors forward without it: no
    time makes them worse.  ``stale_time``: the longest.
    """
    if end.deconfigured:
        return NOT_RETAINED
    if is_node:
        return Retention(stale_time)
    if end.hard or (end.code and not negotiated.notification):
        return NOT_RETAINED
    if end.sent and (end.code, end.subcode) == (CEASE, MAX_PREFIXES):
        return NOT_RETAINED
    restart = negotiated.restart_time if negotiated.graceful_restart else 0
    restart = min(restart, stale_time)
    return Retention(restart, min(negotiated.long_lived_time, stale_time - restart))


def kept_on_return(is_node: bool, negotiated: Negotiated, long_lived: bool = False) -> bool:
    """Whether stale routes stay until End-of-RIB when their peer is back with this OPEN: it says
    that it has forwarded on.  ``long_lived``: their restart time is over (RFC 9494 section 4.2)."""
    if is_node:
        return True
    if long_lived:
        return bool(negotiated.long_lived_time) and negotiated.long_lived_forwarding
    return negotiated.graceful_restart and negotiated.forwarding


def promises_end_of_rib(is_node: bool, negotiated: Negotiated) -> bool:
    """Whether a node that starts has an End-of-RIB to wait for (RFC 4724 section 4.1).  A peer
    without graceful restart need not send one, and one that restarts itself may wait for ours;
    nodes of this system send theirs without waiting for anybody."""
    return negotiated.graceful_restart and (is_node or not negotiated.restarting)

"""Whether the other end of an OpenFlow connection is still there."""

from __future__ import annotations

from collections.abc import Callable

from os_ken import cfg
from os_ken.controller.handler import CONFIG_DISPATCHER, HANDSHAKE_DISPATCHER, MAIN_DISPATCHER

CONF = cfg.CONF
EXPECTED_FACTOR = 8
"""A hypervisor that has joined gets so many times `ofp_handshake_timeout`.  ovs-vswitchd connects
before it has looked at all of its ports, with thousands of which that takes it longer than any
stranger should hold a connection; cut off, it would only begin anew."""
HANDSHAKE_TICK = 0.25
"""Seconds between two looks at the deadline of a handshake."""
SHORTEST = 0.05
"""Seconds to wait at least: a deadline that is due this instant is met then."""


class Liveness:
    """Of one connection, for the thread that receives: the handshake has a deadline, and who says
    nothing afterwards is asked.

    ``opened``: when the connection began, on the monotonic clock as all times here.  ``probe``
    sends an echo request.  ``expected``: whether it is a hypervisor's that has joined.
    """

    def __init__(
        self, opened: float, probe: Callable[[], object],
        expected: Callable[[], bool] = lambda: False,
    ) -> None:
        self._opened = self._last_received = self._asked = opened
        self._unanswered = 0
        self._probe = probe
        self._expected = expected

    def patience(self, state: str, progress: float, now: float) -> float:
        """Seconds to wait for data before :meth:`fault` has something to say again.

        A thousand switches that are up and quiet cost a wake-up each when they are to be asked, and
        no other.  A disconnect from our side ends the wait at once.
        """
        if state != MAIN_DISPATCHER:
            return HANDSHAKE_TICK
        interval = CONF.echo_request_interval
        since = max(self._last_received, progress, self._asked)
        return min(max(SHORTEST, since + interval - now), max(SHORTEST, interval))

    def received(self, now: float) -> None:
        """A whole message has come."""
        self._last_received = now
        self._unanswered = 0

    def fault(self, state: str, progress: float, now: float) -> str:
        """Why the connection has to end now, or "".  Probes when it is time to.

        ``state``: the Datapath's.  ``progress``: when the peer last made room for a large write.
        """
        if state in (HANDSHAKE_DISPATCHER, CONFIG_DISPATCHER):
            limit = CONF.ofp_handshake_timeout
            if now - self._opened > limit and self._expected():
                limit *= EXPECTED_FACTOR
            return f"no OpenFlow handshake within {limit:g} s" if now - self._opened > limit else ""
        limit, interval = CONF.maximum_unreplied_echo_requests, CONF.echo_request_interval
        if not limit or now - max(self._last_received, progress, self._asked) < interval:
            return ""
        if self._unanswered >= limit:
            return f"no answer to {limit} echo requests"
        self._unanswered += 1
        self._asked = now
        self._probe()
        return ""

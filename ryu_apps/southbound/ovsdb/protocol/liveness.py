"""How long a session may take to start, and how long its hypervisor may be silent.  Pure."""

from __future__ import annotations

from ryu_apps.southbound.ovsdb.protocol.framing import ProtocolError

CHALLENGE = 3.0
"""Seconds that a session has to show that it is alive when another came in its name."""


class Liveness:
    """One session's deadlines.  All times in seconds, by one clock.

    ``probe_interval``: of silence before a probe, and then for its answer.
    ``handshake_timeout``: for each step until the contents are there.
    """

    def __init__(self, probe_interval: float, handshake_timeout: float, now: float) -> None:
        self._probe_interval = probe_interval
        self._handshake_timeout = handshake_timeout
        self._deadline = now + handshake_timeout
        self._last_received = now
        self._probed: float | None = None
        """When the probe was sent that nothing has come after."""
        self._challenged: float | None = None

    def step_begun(self, now: float) -> None:
        """The next step of the start has its own time."""
        self._deadline = now + self._handshake_timeout

    def late(self, now: float) -> bool:
        """Whether the current step of the start takes too long."""
        return now > self._deadline

    def received(self, now: float) -> None:
        """Something came, whatever it is."""
        self._last_received = now
        self._probed = None
        self._challenged = None

    def challenged(self, now: float) -> bool:
        """Something must come within :data:`CHALLENGE`.  Whether a probe is to be sent for that;
        once until something comes."""
        if self._challenged is not None:
            return False
        self._challenged = now
        return True

    def probe_due(self, now: float) -> bool:
        """Whether to send a probe now; once in each silence.  Raises :class:`ProtocolError` where
        the last was not answered in time.

        Silence alone proves nothing: where this node was busy or stopped for long, nobody has
        asked.
        """
        if self._challenged is not None and now - self._challenged > CHALLENGE:
            raise ProtocolError("no answer, and another session of the hypervisor came")
        quiet = now - self._last_received
        if self._probed is not None:
            if now - self._probed > self._probe_interval:
                raise ProtocolError(f"silent for {quiet:.0f} s, also when probed")
            return False
        if quiet > self._probe_interval:
            self._probed = now
            return True
        return False

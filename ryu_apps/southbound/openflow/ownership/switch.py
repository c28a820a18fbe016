"""Whose a vrouter's switch is, for its channel: this node's to program, or another's, which this
node stands by to take over."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from ryu_apps.control.messages import MastershipLost, StandbyReady, VrouterConnected
from ryu_apps.southbound.openflow.readback import Audits, Purpose
from ryu_apps.southbound.openflow.requested import RequestedSwitch
from ryu_apps.southbound.openflow.session import OpenFlowSession

LOG = logging.getLogger("vnc.openflow")


class SwitchOwnership:
    """``epoch``: the owner's, see messages.AcceptElement; None: this node stands by.  At first the
    switch is this node's alone (0).  ``expired``: called when the time of :meth:`linger` is over.
    The channel's worker owns it; each method gets the connection that is in use, or None."""

    def __init__(
        self, element: str, post: Callable[[object], None], requested: RequestedSwitch,
        audits: Audits, expired: Callable[[str], None],
    ) -> None:
        self.epoch: int | None = 0
        self._element = element
        self._post = post
        self._requested = requested
        self._audits = audits
        self._expired = expired
        self._told_ready = False
        self._expires: float | None = None

    # ------------------------------------------------------------ what the core decided

    def own(self, session: OpenFlowSession | None, epoch: int) -> None:
        """The element is this node's."""
        stood_by, self.epoch = self.epoch is None, epoch
        self._expires = None
        self._told_ready = False
        if session is None:
            return
        if stood_by:
            session.owned = True
            self._audits.put_off(time.monotonic())
            if not session.monitor.supported:
                session.read_all()
            elif session.ready and not session.follow.current:
                # Meters are read when it is known which are wanted.
                session.readback.ask_once(Purpose.GROUPS)
        session.mastership.seek(epoch)

    def stand_by(self, session: OpenFlowSession | None) -> None:
        """It is another node's.  StandbyReady tells when it is known, again where this comes
        again."""
        self._leave(session)
        self._expires = None
        self._told_ready = False

    def linger(self, session: OpenFlowSession | None, seconds: float) -> None:
        """Stand by for so long, unless one of the above comes."""
        self._leave(session)
        self._expires = time.monotonic() + seconds
        self._tell_ready(False)

    def _leave(self, session: OpenFlowSession | None) -> None:
        if self.epoch is None:
            return
        self.epoch = None
        if session is not None:
            session.owned = session.serving = session.introduced = False
            session.mastership.seek(None)
            session.abort()
        self._requested.stand_by()

    # ------------------------------------------------------------ what the switch says

    def lost(self, session: OpenFlowSession, epoch: int) -> None:
        """The switch has a later owner: nothing more is sent."""
        LOG.warning("vrouter %s: no longer this node's to change: its owner has the epoch %d",
                    self._element, epoch)
        self.interrupt(session)
        self._post(MastershipLost(self._element, epoch))

    def interrupt(self, session: OpenFlowSession) -> None:
        """The switch takes no changes: those under way wait, and it is followed meanwhile."""
        session.serving = False
        self._requested.lost(session.abort())

    def announce(self, session: OpenFlowSession) -> None:
        """Tell the core what can be done with the switch now."""
        if not session.owned:
            known = session.ready and session.mastership.is_slave
            self._tell_ready(known and self._expires is None)
        elif session.ready and session.mastership.may_write and not session.serving:
            session.serving = session.introduced = True
            session.configure()
            self._requested.take_over()
            self._post(VrouterConnected(self._element))

    def disconnected(self) -> None:
        """There is no connection any more."""
        self._tell_ready(False)

    def _tell_ready(self, ready: bool) -> None:
        if ready != self._told_ready:
            self._told_ready = ready
            self._post(StandbyReady(self._element, ready))

    # ------------------------------------------------------------ time

    def due_in(self, now: float) -> float | None:
        """Seconds until the time of :meth:`linger` is over; None: it does not run."""
        return None if self._expires is None else self._expires - now

    def look_at_clock(self, now: float) -> None:
        if self._expires is not None and now >= self._expires:
            self._expires = None
            self._expired(self._element)

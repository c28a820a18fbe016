"""A switch of another node, followed so that it can be taken over without being read.

Flows are told by the flow monitor, each as it is.  Of groups and meters the switch forwards the
requests that change them; that one came says that what was read is old, and a moment after the last
they are read again, as they are few.  So a takeover reads them where it falls into such a moment.
"""

from __future__ import annotations

from ryu_apps.southbound.openflow.connection import OpenFlowConnection
from ryu_apps.southbound.openflow.readback import MetersRead
from vrouter_ovs.wire.roles import forward_requests

QUIET = 0.5
"""Seconds without a change of groups or meters, until they are read."""


class Follow:
    """Of one connection.  ``current``: the groups and meters that were read are as they are now.
    The channel's worker owns it."""

    def __init__(self, connection: OpenFlowConnection) -> None:
        self._connection = connection
        self.xid = 0
        """Of the request to be told."""
        self.current = False
        self._meters: MetersRead | None = None
        self._supported = True
        self._due: float | None = None

    def start(self) -> None:
        """Ask the switch to forward what others change."""
        self.xid = self._connection.next_xid()
        self._connection.send(forward_requests(self.xid))

    def refused(self) -> None:
        """The switch forwards nothing: groups and meters are read at each takeover."""
        self._supported = False
        self.current = False

    def changed(self, now: float) -> None:
        """Somebody changed a group or a meter, or a flow went with one."""
        self.current = False
        self._meters = None
        self._due = now + QUIET

    def due_in(self, now: float) -> float | None:
        """Seconds until groups and meters are to be read; None: they need not be."""
        return None if self._due is None else self._due - now

    def reading(self) -> None:
        """They are being read, from now on."""
        self._due = None
        self.current = self._supported

    def meters_read(self, read: MetersRead) -> None:
        """The switch has these meters."""
        if self.current:
            self._meters = read

    def take_meters(self) -> MetersRead | None:
        """The meters of the switch, once, as far as they are known without asking."""
        meters, self._meters = self._meters, None
        return meters

"""One OpenFlow connection of a vrouter, seen by its channel: what it sends, and with which xids."""

from __future__ import annotations

from typing import Any

from ryu_apps.southbound.openflow.turns import aside

ERROR, PACKET_IN, MULTIPART_REPLY, BARRIER_REPLY, BUNDLE_CONTROL = 1, 10, 19, 21, 33
OUR_XIDS = 0x8000_0000
"""Our xids have this bit; those that os-ken counts up for other apps do not."""


class OpenFlowConnection:
    """``datapath``: os-ken's.  ``element``: whose it is, for the log.  ``counters``: the channel's,
    which count on from one connection to the next."""

    def __init__(self, datapath: Any, element: str, counters: dict[str, int]) -> None:
        self.datapath = datapath
        self.element = element
        self.counters = counters
        self._xid = 0
        # os-ken counts its xids from a random number: keep them out of our half.
        datapath.xid &= OUR_XIDS - 1

    def send(self, data: bytes) -> bool:
        """Send whole messages, waiting for room; False where the connection has ended.  For the
        channel's worker, in its :func:`turn <ryu_apps.southbound.openflow.turns.turn>`."""
        self.counters["bytes"] += len(data)
        if self.datapath.send(data, wait=False):
            return True
        with aside():
            return self.datapath.send(data)

    def next_xid(self) -> int:
        """An xid of ours that has not been used for long."""
        self._xid = self._xid % (OUR_XIDS - 1) + 1
        return OUR_XIDS | self._xid

    def begin_run(self) -> None:
        """Many messages will be sent, with xids counted up from the next one: see that they do not
        reach the end of our half."""
        if self._xid > OUR_XIDS // 2:
            self._xid = 0

    def end_run(self, last: int) -> None:
        """``last``: the highest xid of the run."""
        self._xid = last & (OUR_XIDS - 1)

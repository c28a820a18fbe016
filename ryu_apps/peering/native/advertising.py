"""What is still to be sent to a neighbour of a family: the changes of the Adj-RIB-Out that its
session has not sent.

Only keys are kept, so a slow peer costs memory in proportion to the table and receives the last
state of a route, not those between.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from itertools import islice

from ryu_apps.peering.base import Peer
from ryu_apps.peering.codec.update import pack_unreach
from ryu_apps.peering.native.adj_rib_out import AdjRibOut
from ryu_apps.peering.native.contracts import Sending

_END = b""
"""Stands among the keys still to be sent where End-of-RIB goes; no route's key is so short."""
SEND_AT_ONCE = 4000
REFRESH_PERIOD = 1.0


class Advertising:
    """``rib``: of the family.  ``log(level, text, limited=name)`` takes a line.  While no session
    has the family, nothing is to be sent."""

    def __init__(self, loop: asyncio.AbstractEventLoop, rib: AdjRibOut, peer: Peer,
                 counters: Counter[str], log: Callable[..., None]) -> None:
        self._loop, self._rib, self._peer = loop, rib, peer
        self._counters, self._log = counters, log
        self._connection: Sending | None = None
        self._dirty: dict[bytes, None] = {}
        self._woken = False
        self._refreshing = False
        self._refreshed = -REFRESH_PERIOD

    @property
    def pending(self) -> int:
        """How many routes are still to be sent."""
        return len(self._dirty)

    def begin(self, connection: Sending, complete: bool) -> None:
        """A session is up: send the whole table, and with ``complete`` End-of-RIB after it."""
        self._connection = connection
        self._dirty = dict.fromkeys(self._rib.table())
        if complete:
            self._dirty[_END] = None
        self.wake()

    def end(self) -> None:
        """The session is over."""
        self._connection = None
        self._dirty.clear()

    def mark(self, keys: dict[bytes, None]) -> None:
        """The state of ``keys`` in the Adj-RIB-Out has changed."""
        if self._connection is not None:
            self._dirty.update(keys)
            self.wake()

    def refresh(self) -> None:
        """ROUTE-REFRESH: send everything again (RFC 2918), not more than once a second."""
        self._counters["refreshes_received"] += 1
        if not self._refreshing:
            self._refreshing = True
            wait = self._refreshed + REFRESH_PERIOD - self._loop.time()
            self._loop.call_later(max(wait, 0.0), self._refresh)

    def _refresh(self) -> None:
        self._refreshing = False
        self._refreshed = self._loop.time()
        self.mark(dict.fromkeys(self._rib.table()))

    def end_of_rib(self) -> None:
        """Send End-of-RIB after what is to be sent now."""
        if self._connection is not None:
            self._dirty[_END] = None
            self.wake()

    def wake(self) -> None:
        """Go on sending; also when TCP takes data again."""
        if not self._woken:
            self._woken = True
            self._loop.call_soon(self._pump)

    def _pump(self) -> None:
        """Send a part of what is to be sent, then let others run; stops while TCP is full."""
        self._woken = False
        connection, dirty = self._connection, self._dirty
        if connection is None or connection.congested or not dirty:
            return
        keys = list(islice(dirty, SEND_AT_ONCE))
        if _END in keys:
            keys = keys[: max(keys.index(_END), 1)]
        if keys == [_END]:
            connection.send(self._rib.codec.end_of_rib)
            self._counters["end_of_rib_sent"] += 1
        else:
            self._write(connection, keys)
        # They go only now: whatever was raised above, the routes are still to be sent.
        for key in keys:
            dirty.pop(key, None)
        if dirty:
            self.wake()

    def _write(self, connection: Sending, keys: list[bytes]) -> None:
        """Send the state of ``keys``; where that fails as a whole, of each that it does not fail
        for."""
        try:
            messages, announced, withdrawn, refused = self._rib.messages(keys, connection.session)
        except Exception as error:
            if len(keys) > 1:
                middle = len(keys) // 2
                self._write(connection, keys[:middle])
                self._write(connection, keys[middle:])
                return
            messages, announced, withdrawn = pack_unreach(self._rib.codec, keys), 0, 1
            refused = [f"route {keys[0].hex()}: {type(error).__name__}: {error}"]
        if messages:
            connection.send(b"".join(messages))
        self._counters["updates_sent"] += len(messages)
        self._counters["announcements_sent"] += announced
        self._counters["withdrawals_sent"] += withdrawn
        self._counters["announcements_refused"] += len(refused)
        for text in refused:
            self._log("error", f"peer {self._peer.id}: cannot be sent: {text}",
                      limited=f"{self._peer.id} unsendable")

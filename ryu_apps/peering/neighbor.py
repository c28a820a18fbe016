"""A neighbour: its connections, who wins a collision, what it must still be told, what it sent.

Received routes are not kept.  To hold ``max_prefixes`` and to count a repeated announcement once,
the hash of every received key is: 64 bits with Python's per-process secret, so a million routes
cost tens of megabytes less than their keys would, and a collision (about 1 in 10**7 at a million)
makes the count wrong by one and nothing else.
"""

from __future__ import annotations

import asyncio
import ipaddress
import random
from collections import Counter
from itertools import islice
from typing import TYPE_CHECKING

from ryu_apps.peering import wire
from ryu_apps.peering.base import Peer
from ryu_apps.peering.connection import Connection
from ryu_apps.peering.sockets import dial
from ryu_apps.peering.update import END_OF_RIB, Update
from ryu_apps.peering.wire import BgpError

if TYPE_CHECKING:
    from ryu_apps.peering.process import Core

_END = b"\x00end-of-rib"
"""Stands among the keys still to be sent where End-of-RIB goes; no route has type 0."""
SEND_AT_ONCE = 4000
POST_AT_ONCE = 2000
MAX_PENDING = 4
REFRESH_PERIOD = 1.0
YOUNG = 5.0
"""An established session younger than this is not taken for one that its peer has lost."""
MAX_IDLE_HOLD = 30.0
PREFIX_IDLE_HOLD = 60.0


class Neighbor:
    def __init__(self, core: Core, peer: Peer) -> None:
        self.core, self.peer, self.loop = core, peer, core.loop
        self.address = str(ipaddress.ip_address(peer.address))
        self.connections: list[Connection] = []
        self.active: Connection | None = None
        self.counters: Counter[str] = Counter()
        self.last_error = ""
        self.since = self.loop.time()
        self.idle_until = 0.0
        self.removed = False
        self._idle_hold = 0.0
        self._was_up = False
        self._retry: asyncio.TimerHandle | None = None
        self._dialing: asyncio.Task | None = None
        self._dirty: dict[bytes, None] = {}
        self._woken = False
        self._refreshing = False
        self._refreshed = -REFRESH_PERIOD
        self._prefixes: set[int] = set()
        self._announced: dict[bytes, tuple] = {}
        self._withdrawn: dict[bytes, tuple] = {}

    # -- connecting

    def start(self) -> None:
        self._schedule(random.uniform(0, 0.05))

    def _schedule(self, delay: float) -> None:
        if self._retry is not None:
            self._retry.cancel()
        self._retry = self.loop.call_later(delay, self._connect)

    def _connect(self) -> None:
        self._retry = None
        left = self.idle_until - self.loop.time()
        if self.removed or self.peer.passive or self._dialing or self.connections:
            return
        if left > 0:
            self._schedule(left)
            return
        self._dialing = self.loop.create_task(self._dial())

    async def _dial(self) -> None:
        try:
            await dial(self.loop, self.core.speaker, self.peer,
                       lambda: Connection(self.core, self))
        except (OSError, TimeoutError) as error:
            self.last_error = f"connect: {error or 'timeout'}"
            self.counters["connect_failures"] += 1
            self._schedule(self.peer.connect_retry * random.uniform(0.75, 1))
        finally:
            self._dialing = None

    def admits(self) -> str:
        """Why a connection from this peer is refused now, or ""."""
        if self.idle_until > self.loop.time():
            return "idle hold after an error"
        if sum(connection.incoming for connection in self.connections) >= MAX_PENDING:
            return f"{MAX_PENDING} connections are open"
        return ""

    def open_message(self) -> bytes:
        """R is set in the first session after the engine's start (RFC 4724 section 4.1)."""
        speaker = self.core.speaker
        restarting = not self._was_up and self.loop.time() - self.core.started \
            < speaker.restart_time
        return wire.pack_open(speaker.local_as, self.peer.hold_time, speaker.router_id,
                              speaker.restart_time, restarting)

    def wins_collision(self, new: Connection) -> bool:
        """``new`` has its OPEN: decide between it and the others (RFC 4271 section 6.8).

        A connection that the peer opened while its session is established means that the peer
        lost that session (RFC 4724 section 4.2), unless the session has only just come up.
        """
        for other in list(self.connections):
            if other is new or other.state not in ("OpenConfirm", "Established"):
                continue
            if other.state == "Established":
                fresh = self.loop.time() - self.since < YOUNG
                restarted = new.open.restart_flags & wire.GR_RESTARTING and \
                    not other.open.restart_flags & wire.GR_RESTARTING
                keep = not (new.incoming and other.open.graceful and (restarted or not fresh))
                if not keep:
                    other.close(None, "peer opened a new connection")
                    continue
            elif other.incoming == new.incoming:
                keep = False
            else:
                mine = (int(ipaddress.ip_address(self.core.speaker.router_id)),
                        self.core.speaker.local_as)
                theirs = (int(ipaddress.ip_address(new.open.router_id)), new.open.asn)
                keep = other.incoming == (theirs > mine)
            loser = new if keep else other
            loser.close(BgpError(wire.CEASE, 7))
            if loser is new:
                return False
        return True

    # -- up and down

    def established(self, connection: Connection) -> None:
        self.active = connection
        self.since = self.loop.time()
        self._was_up = True
        self._prefixes.clear()
        self.counters["established"] += 1
        self.last_error = ""
        opened = connection.open
        self.core.post(["up", self.peer.id, {
            "remote_as": opened.asn, "router_id": opened.router_id, "address": self.address,
            "hold_time": connection.hold_time, "graceful_restart": opened.graceful,
            "restart_time": opened.restart_time, "families": ["l2vpn-evpn"],
            "restarting": bool(opened.restart_flags & wire.GR_RESTARTING),
            "forwarding": wire.EVPN_FAMILY in opened.forwarding}])
        self.core.log("info", f"peer {self.peer.id} is up")
        self._dirty = dict.fromkeys(self.core.rib.table())
        if self.core.complete:
            self._dirty[_END] = None
        self.wake()

    def lost(self, connection: Connection, state: str, reason: str,
             error: BgpError | None) -> None:
        """``connection`` ended while in ``state``."""
        if connection in self.connections:
            self.connections.remove(connection)
        if connection is self.active:
            self.flush_received()
            self.active = None
            self._dirty.clear()
            self._prefixes.clear()
            if self.loop.time() - self.since > MAX_IDLE_HOLD:
                self._idle_hold = 0.0
            self.since = self.loop.time()
            self.core.post(["down", self.peer.id, reason])
            self.core.log("warning", f"peer {self.peer.id} is down: {reason}")
        elif state != "Closed":
            self.core.log("info", f"peer {self.peer.id}: connection ended in {state}: {reason}",
                          limited=f"{self.peer.id} ended")
        if self.active is None:
            self.last_error = reason
        if error is not None and (error.code, error.subcode) == (wire.CEASE, 1):
            self.idle_until = self.loop.time() + PREFIX_IDLE_HOLD
        elif error is not None and error.code in (wire.OPEN_ERROR, wire.UPDATE_ERROR) \
                and (state == "Established" or not connection.incoming):
            self._idle_hold = min(max(2 * self._idle_hold, 1.0), MAX_IDLE_HOLD)
            self.idle_until = self.loop.time() + self._idle_hold
        if not self.connections and not self.removed:
            at_once = error is not None and (error.code, error.subcode) == (wire.CEASE, 4)
            self._schedule(0.0 if at_once else
                           self.peer.connect_retry * random.uniform(0.75, 1))

    def reset(self) -> None:
        """Administrative reset (Cease/4), and an end to any idle hold."""
        self.idle_until = self._idle_hold = 0.0
        for connection in list(self.connections):
            connection.close(BgpError(wire.CEASE, 4))
        if not self.connections:
            self._schedule(0.0)

    def remove(self) -> None:
        self.removed = True
        if self._retry is not None:
            self._retry.cancel()
        if self._dialing is not None:
            self._dialing.cancel()
        for connection in list(self.connections):
            connection.close(BgpError(wire.CEASE, 3))

    # -- sending

    def mark(self, keys: dict[bytes, None]) -> None:
        """The state of ``keys`` in the Adj-RIB-Out has changed."""
        if self.active is not None:
            self._dirty.update(keys)
            self.wake()

    def refresh(self) -> None:
        """ROUTE-REFRESH: tell everything again (RFC 2918), not more than once a second."""
        self.counters["refreshes_received"] += 1
        if not self._refreshing:
            self._refreshing = True
            wait = self._refreshed + REFRESH_PERIOD - self.loop.time()
            self.loop.call_later(max(wait, 0.0), self._refresh)

    def _refresh(self) -> None:
        self._refreshing = False
        self._refreshed = self.loop.time()
        self.mark(dict.fromkeys(self.core.rib.table()))

    def end_of_rib(self) -> None:
        if self.active is not None:
            self._dirty[_END] = None
            self.wake()

    def wake(self) -> None:
        if not self._woken:
            self._woken = True
            self.loop.call_soon(self._pump)

    def _pump(self) -> None:
        """Send a part of what is to be sent, then let others run; stops while TCP is full."""
        self._woken = False
        connection, dirty = self.active, self._dirty
        if connection is None or connection.congested or not dirty:
            return
        keys = list(islice(dirty, SEND_AT_ONCE))
        for key in keys:
            del dirty[key]
        if _END in keys:
            at = keys.index(_END)
            self._write(connection, keys[:at])
            connection.send(END_OF_RIB)
            self.counters["end_of_rib_sent"] += 1
            keys = keys[at + 1 :]
        self._write(connection, keys)
        if dirty:
            self.wake()

    def _write(self, connection: Connection, keys: list[bytes]) -> None:
        messages, announced, withdrawn, refused = self.core.rib.messages(keys, connection.session)
        if messages:
            connection.send(b"".join(messages))
        self.counters["updates_sent"] += len(messages)
        self.counters["announcements_sent"] += announced
        self.counters["withdrawals_sent"] += withdrawn
        for text in refused:
            self.core.log("error", f"peer {self.peer.id}: cannot be sent: {text}",
                          limited=f"{self.peer.id} unsendable")

    # -- receiving

    def received(self, update: Update) -> None:
        """Take an UPDATE into the batch; raises BgpError (Cease/1) over ``max_prefixes``."""
        counters, prefixes = self.counters, self._prefixes
        counters["updates_received"] += 1
        counters["routes_skipped"] += update.skipped
        for name, text in update.notes:
            counters[name] += 1
            self.core.log("warning", f"peer {self.peer.id}: {name.replace('_', ' ')}: {text}",
                          limited=f"{self.peer.id} {name}")
        announced, withdrawn = self._announced, self._withdrawn
        for route in update.withdrawn:
            key = route.key
            announced.pop(key, None)
            withdrawn[key] = route[1:3]
            prefixes.discard(hash(key))
        for route in update.looped:
            counters["loops"] += 1
            if hash(route.key) in prefixes:  # it replaces one that was no loop
                announced.pop(route.key, None)
                withdrawn[route.key] = route[1:3]
                prefixes.discard(hash(route.key))
        if update.announced:
            attrs, pmsi = update.attrs, update.pmsi
            for key, route_type, fields, labels, esi, gateway in update.announced:
                announced[key] = (route_type, fields, attrs,
                                  (pmsi,) if route_type == 3 else labels, esi, gateway)
                prefixes.add(hash(key))
            if len(prefixes) > self.peer.max_prefixes:
                raise BgpError(wire.CEASE, 1, b"\x00\x19\x46"
                               + self.peer.max_prefixes.to_bytes(4, "big"),
                               f"more than {self.peer.max_prefixes}")
        if update.end_of_rib:
            self.flush_received()
            counters["end_of_rib_received"] += 1
            self.core.post(["eor", self.peer.id])
        elif len(announced) + len(withdrawn) >= POST_AT_ONCE:
            self.flush_received()

    def flush_received(self) -> None:
        """Post the batch.  In it a route stands once in each list, and the withdrawals count as the
        earlier ones."""
        announced, withdrawn = self._announced, self._withdrawn
        if not announced and not withdrawn:
            return
        table: dict[tuple, int] = {}
        items = [(kind, fields, table.setdefault(attrs, len(table)), labels, esi, gateway)
                 for kind, fields, attrs, labels, esi, gateway in announced.values()]
        self.counters["announcements_received"] += len(items)
        self.counters["withdrawals_received"] += len(withdrawn)
        self.core.post(["paths", self.peer.id, list(table), items, list(withdrawn.values())])
        self._announced, self._withdrawn = {}, {}

    def status(self) -> dict:
        if self.active is not None:
            state = "Established"
        elif self.connections:
            state = self.connections[-1].state
        elif self.idle_until > self.loop.time() or self.removed:
            state = "Idle"
        else:
            state = "Connect" if self._dialing else "Active"
        return {"peer": self.peer.id, "address": self.address, "remote_as": self.peer.remote_as,
                "state": state, "uptime": self.loop.time() - self.since if self.active else 0.0,
                "prefixes_received": len(self._prefixes), "pending": len(self._dirty),
                "last_error": self.last_error, "counters": dict(self.counters)}

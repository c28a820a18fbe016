"""A neighbour: its connections, who wins a collision, and what follows a session up or down."""

from __future__ import annotations

import asyncio
import ipaddress
import random
from collections import Counter

from ryu_apps.control.families import Family
from ryu_apps.control.graceful_restart import MAX_PREFIXES, Negotiated, SessionEnd
from ryu_apps.peering.base import Peer
from ryu_apps.peering.codec import messages as wire
from ryu_apps.peering.codec import open as capabilities
from ryu_apps.peering.codec.messages import BgpError
from ryu_apps.peering.native.advertising import Advertising
from ryu_apps.peering.native.connection import BgpConnection
from ryu_apps.peering.native.contracts import Process
from ryu_apps.peering.native.received import Received
from ryu_apps.peering.sockets import canonical, dial

MAX_PENDING = 4
YOUNG = 5.0
"""An established session younger than this is not taken for one that its peer has lost."""
MAX_IDLE_HOLD = 30.0
AT_ONCE = ((wire.HOLD_EXPIRED, 0), (wire.CEASE, 4), (wire.CEASE, 7))
"""NOTIFICATIONs after which the peer wants the session back."""
PREFIX_IDLE_HOLD = 60.0


class BgpNeighbor:
    """``received``: what it sends; ``advertising``: what is still to be sent, of each family.  A
    session is sent nothing until the node says so (:meth:`send_table`)."""

    def __init__(self, core: Process, peer: Peer) -> None:
        self.core, self.peer, self.loop = core, peer, core.loop
        self.address = canonical(peer.address)
        self.connections: list[BgpConnection] = []
        self.active: BgpConnection | None = None
        self._held = 0
        """The number of the session, while the table is not to be sent in it."""
        self.counters: Counter[str] = Counter()
        self.received = Received(peer, self.counters, core.post, core.log)
        self.advertising = {
            family: Advertising(core.loop, core.ribs[family], peer, self.counters, core.log)
            for family in peer.families}
        self.last_error = ""
        self.dial_error = ""
        self.since = self.loop.time()
        self.idle_until = 0.0
        self._dial_after = 0.0
        self.removed = False
        self._idle_hold = 0.0
        self._was_up = False
        self._retry: asyncio.TimerHandle | None = None
        self._dialing: asyncio.Task | None = None

    # -- connecting

    def start(self) -> None:
        self._schedule(random.uniform(0, 0.05))

    def _schedule(self, delay: float) -> None:
        if self._retry is not None:
            self._retry.cancel()
        self._retry = self.loop.call_later(delay, self._connect)

    def _connect(self) -> None:
        self._retry = None
        left = max(self.idle_until, self._dial_after) - self.loop.time()
        if self.removed or self.peer.passive or self._dialing or self.connections:
            return
        if left > 0:
            self._schedule(left)
            return
        self._dialing = self.loop.create_task(self._dial())

    async def _dial(self) -> None:
        try:
            await dial(self.loop, self.core.speaker, self.peer,
                       lambda: BgpConnection(self.core, self))
        except (OSError, TimeoutError) as error:
            self.dial_error = f"connect: {error or 'no answer'}"
            if isinstance(error, TimeoutError) and self.peer.password:
                self.dial_error += "; a peer with another TCP MD5 password or none gives none"
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
        return capabilities.pack_open(speaker.local_as, self.peer.hold_time, speaker.router_id,
                                      speaker.restart_time, restarting, self.peer.families,
                                      speaker.long_lived_time)

    def wins_collision(self, new: BgpConnection) -> bool:
        """``new`` has its OPEN: decide between it and the others (RFC 4271 section 6.8).

        A connection that the peer opened while its session is established means that the peer
        lost that session (RFC 4724 section 4.2), unless the session has only just come up.
        """
        for other in list(self.connections):
            if other is new or other.state not in ("OpenConfirm", "Established"):
                continue
            if other.state == "Established":
                fresh = self.loop.time() - self.since < YOUNG
                restarted = new.open.restart_flags & capabilities.GR_RESTARTING and \
                    not other.open.restart_flags & capabilities.GR_RESTARTING
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

    def established(self, connection: BgpConnection) -> None:
        self.active = connection
        self.since = self.loop.time()
        self._was_up = True
        self.received.forget()
        self.counters["established"] += 1
        self.last_error = self.dial_error = ""
        opened = connection.open
        self._held = next(self.core.sessions)
        self.core.post(["up", self.peer.id, {
            "remote_as": opened.asn, "router_id": opened.router_id, "address": self.address,
            "hold_time": connection.hold_time},
            [(family, _negotiated(opened, family)) for family in connection.session.families],
            self._held])
        self.core.log("info", f"peer {self.peer.id} is up")

    def send_table(self, session: int) -> None:
        """Begin to announce, in the session of this number."""
        if self.active is not None and session == self._held:
            self._held = 0
            for family in self.active.session.families:
                self.advertising[family].begin(self.active, self.core.complete)

    def lost(self, connection: BgpConnection, state: str, reason: str, end: SessionEnd) -> None:
        """``connection`` ended while in ``state``."""
        if connection in self.connections:
            self.connections.remove(connection)
        if connection is self.active:
            self.received.flush()
            self.received.forget()
            self.active, self._held = None, 0
            for advertising in self.advertising.values():
                advertising.end()
            if self.loop.time() - self.since > MAX_IDLE_HOLD:
                self._idle_hold = 0.0
            self.since = self.loop.time()
            self.core.post(["down", self.peer.id, reason, *end])
            self.core.log("warning", f"peer {self.peer.id} is down: {reason}")
        elif state != "Closed":
            self.core.log("info", f"peer {self.peer.id}: connection ended in {state}: {reason}",
                          limited=f"{self.peer.id} ended")
        if self.active is None:
            self.last_error = reason
        sent = (end.code, end.subcode) if end.sent else (0, 0)
        if sent == (wire.CEASE, MAX_PREFIXES):
            self.idle_until = self.loop.time() + PREFIX_IDLE_HOLD
        elif sent[0] in (wire.OPEN_ERROR, wire.UPDATE_ERROR) \
                and (state == "Established" or not connection.incoming):
            self.idle_until = self.loop.time() + self._longer_hold()
        elif end.code and not end.sent and (end.code, end.subcode) not in AT_ONCE:
            # It has just said that it does not want us: its own attempts are let in.
            self._dial_after = self.loop.time() + self._longer_hold()
        if not self.connections and not self.removed:
            at_once = sent == (wire.CEASE, 4)
            self._schedule(0.0 if at_once else
                           self.peer.connect_retry * random.uniform(0.75, 1))

    def refresh(self, family: Family) -> None:
        """The peer asks for everything of a family again."""
        self.advertising[family].refresh()

    def wake(self) -> None:
        """TCP takes data again."""
        for advertising in self.advertising.values():
            advertising.wake()

    def _longer_hold(self) -> float:
        """Seconds until the next attempt, each time twice as long."""
        self._idle_hold = min(max(2 * self._idle_hold, 1.0), MAX_IDLE_HOLD)
        return self._idle_hold

    def reset(self) -> None:
        """Administrative reset (Cease/4), and an end to any idle hold."""
        self.idle_until = self._dial_after = self._idle_hold = 0.0
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

    # -- what is seen of it

    def status(self) -> dict:
        if self.active is not None:
            state = "Established"
        elif self.connections:
            state = self.connections[-1].state
        elif self.idle_until > self.loop.time() or self.removed:
            state = "Idle"
        else:
            state = "Connect" if self._dialing else "Active"
        counters = dict(self.counters)
        counters["announcements_refused"] = (
            self.counters["announcements_refused"]
            + sum(self.core.ribs[family].refused for family in self.peer.families))
        return {"peer": self.peer.id, "address": self.address, "remote_as": self.peer.remote_as,
                "state": state, "uptime": self.loop.time() - self.since if self.active else 0.0,
                "prefixes_received": self.received.prefixes,
                "pending": sum(one.pending for one in self.advertising.values()),
                "last_error": self.last_error, "dial_error": self.dial_error,
                "refused": dict(self.received.admission.refused), "counters": counters}


def _negotiated(opened: capabilities.Open, family: Family) -> Negotiated:
    """What an OPEN says of graceful restart, and of a long-lived one, for a family."""
    return Negotiated(
        family in opened.restart_families,
        bool(opened.restart_flags & capabilities.GR_RESTARTING),
        family in opened.forwarding,
        bool(opened.restart_flags & capabilities.GR_NOTIFICATION),
        opened.restart_time, *opened.long_lived.get(family, (0, False)))

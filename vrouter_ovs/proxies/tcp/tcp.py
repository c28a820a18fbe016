"""A TCP server for requests with answers that is fed frames and gives frames (RFC 9293).

It knows no sockets and no clock.  Everything is bounded: connections of one owner (a port) and in
all, bytes of answers that wait, requests of a connection that are answered at a time, and the life
of a connection.  A SYN for which there is no room is not answered: the client tries again.

Use: :meth:`TcpServer.segment` for what arrives, then :meth:`TcpServer.requests`; each request is
answered with :meth:`TcpServer.respond`, at once or later and in any order, unless the bounds say
that one is answered before the next is looked at, or ended with :meth:`TcpServer.abort`.  At last
:meth:`TcpServer.frames` is what to send.
"""

from __future__ import annotations

import hashlib
import heapq
from collections import Counter, deque
from collections.abc import Hashable
from typing import NamedTuple

from vrouter_ovs.proxies.tcp.bounds import Bounds
from vrouter_ovs.proxies.tcp.connection import Closed, TcpConnection
from vrouter_ovs.proxies.tcp.framing import Broken, Framing, LengthPrefixed
from vrouter_ovs.proxies.tcp.wire import ACK, FIN, RST, SYN, Tcp, build

_LOOK = 64
"""Connections looked at to find one that can make room."""
_CONTROL = SYN | ACK | RST | FIN


class TcpRequest(NamedTuple):
    """``serial``: of the connection, for the answer.  ``peer``: its client's packed address."""

    serial: int
    owner: Hashable
    message: bytes
    peer: bytes


class _Entry:
    """A connection and what the server keeps with it.  ``size``: its part of the server's bytes;
    ``active``: when it last sent anything; ``progress``: when something last came of it."""

    __slots__ = ("active", "born", "connection", "pending", "progress", "size", "timer")

    def __init__(self, connection: TcpConnection, now: float) -> None:
        self.connection = connection
        self.born = self.active = self.progress = now
        self.pending = self.size = 0
        self.timer: float | None = None


class TcpServer:
    """``secret``: random bytes, so that sequence numbers cannot be guessed (RFC 6528).
    ``framing``: of requests and answers; by default DNS's."""

    def __init__(
        self, secret: bytes, bounds: Bounds | None = None, framing: Framing | None = None
    ) -> None:
        self.bounds = bounds or Bounds()
        self._framing = framing or LengthPrefixed()
        self.counts: Counter[str] = Counter()
        self.bytes = 0
        self._secret = secret
        self._serial = 0
        self._entries: dict[Hashable, _Entry] = {}
        """By owner, addresses and ports; the one that was quiet the longest is the first."""
        self._by_serial: dict[int, _Entry] = {}
        self._owned: dict[Hashable, dict[Hashable, _Entry]] = {}
        self._frames: list[tuple[Hashable, bytes]] = []
        self._requests: deque[TcpRequest] = deque()
        self._touched: dict[int, TcpConnection] = {}
        self._timers: list[tuple[float, int]] = []

    def __len__(self) -> int:
        return len(self._entries)

    # ------------------------------------------------------------ in and out

    def segment(self, owner: Hashable, tcp: Tcp, mtu: int, now: float) -> None:
        """Take a segment from ``owner``, whose link carries ``mtu`` bytes."""
        key = owner, tcp.src, tcp.dst, tcp.src_port, tcp.dst_port
        entry = self._entries.get(key)
        if entry is None:
            self._unknown(key, owner, tcp, mtu, now)
            return
        self._entries[key] = self._entries.pop(key)
        entry.active = now
        self._step(entry, now, tcp)

    def requests(self) -> list[TcpRequest]:
        """Those that arrived; every one needs an answer, or its connection an end."""
        found = list(self._requests)
        self._requests.clear()
        return found

    def respond(self, serial: int, message: bytes, now: float, last: bool = False) -> None:
        """The answer to a request of a connection, which may be gone.  ``last``: nothing of what
        the peer sends after it is looked at, and the connection ends with it."""
        entry = self._by_serial.get(serial)
        if entry is None:
            return
        entry.pending -= 1
        entry.progress = now
        bounds = self.bounds
        framed = self._framing.frame(message)
        size = len(framed)
        owned = sum(each.size for each in self._owned[entry.connection.owner].values())
        if self.bytes + size > bounds.bytes_in_all or owned + size > bounds.bytes_of_owner:
            self._reset(entry, "full")
            return
        entry.connection.put(framed)
        if last:
            entry.connection.received.clear()
            entry.connection.deaf = entry.connection.closing = True
        self._step(entry, now)

    def abort(self, serial: int) -> None:
        """End a connection at once."""
        entry = self._by_serial.get(serial)
        if entry is not None:
            self._reset(entry, "aborted")

    def drop(self, owner: Hashable) -> None:
        """Forget an owner's connections without a word: it is gone."""
        for entry in list(self._owned.get(owner, {}).values()):
            self._remove(entry)

    def frames(self) -> list[tuple[Hashable, bytes]]:
        """(owner, frame) to send, in order."""
        for connection in self._touched.values():
            if connection.ack_due:
                connection.acknowledge()
        self._touched.clear()
        found, self._frames = self._frames, []
        return found

    def due(self) -> float | None:
        """When :meth:`tick` has to be called, or None."""
        return self._timers[0][0] if self._timers else None

    def tick(self, now: float) -> None:
        """Send again and end what is due."""
        while self._timers and self._timers[0][0] <= now:
            when, serial = heapq.heappop(self._timers)
            entry = self._by_serial.get(serial)
            if entry is None or entry.timer != when:
                continue
            entry.timer = None
            connection = entry.connection
            if connection.retransmit_at is not None and connection.retransmit_at <= now:
                self.counts["again"] += 1
                try:
                    connection.expired(now)
                except Broken:
                    self._reset(entry, "unacknowledged")
                    continue
            elif self._deadline(entry) <= now and not self._ended(entry, now):
                continue
            self._plan(entry)

    # ------------------------------------------------------------ connections

    def _unknown(self, key: Hashable, owner: Hashable, tcp: Tcp, mtu: int, now: float) -> None:
        """A segment of no connection: a SYN, or what is answered with a reset."""
        if tcp.flags & RST:
            return
        if tcp.flags & _CONTROL != SYN:
            ack = 0
            flags = RST
            if not tcp.flags & ACK:
                size = len(tcp.payload) + bool(tcp.flags & SYN) + bool(tcp.flags & FIN)
                ack, flags = (tcp.seq + size) & 0xFFFFFFFF, RST | ACK
            seq = tcp.ack if tcp.flags & ACK else 0
            self.counts["unknown"] += 1
            reply = build(tcp.src_mac, tcp.dst_mac, tcp.dst, tcp.src, tcp.dst_port, tcp.src_port,
                          seq, ack, flags, 0)  # fmt: skip
            self._frames.append((owner, reply))
            return
        if not self._room(owner, now):
            self.counts["refused"] += 1
            return
        self._serial += 1
        text = repr((key, self._serial)).encode()
        drawn = hashlib.blake2b(text, digest_size=4, key=self._secret[:64]).digest()
        connection = TcpConnection(self._serial, key, owner, tcp, mtu, int.from_bytes(drawn, "big"),
                                   self.bounds.window, self._emit)  # fmt: skip
        entry = _Entry(connection, now)
        self._entries[key] = self._by_serial[self._serial] = entry
        self._owned.setdefault(owner, {})[key] = entry
        self.counts["opened"] += 1
        connection.accept(now)
        self._plan(entry)

    def _room(self, owner: Hashable, now: float) -> bool:
        """Room for one more of ``owner``'s, if need be in the place of a quiet one."""
        owned = self._owned.get(owner, {})
        for of, most in ((owned, self.bounds.of_owner), (self._entries, self.bounds.in_all)):
            if len(of) < most:
                continue
            quiet = [
                entry for _, entry in zip(range(_LOOK), of.values(), strict=False)
                if now - entry.active >= self.bounds.settled and not entry.pending
                and not entry.connection.out
            ]  # fmt: skip
            if not quiet:
                return False
            self._reset(min(quiet, key=lambda each: (each.connection.established, each.active)),
                        "evicted")  # fmt: skip
        return True

    def _emit(self, connection: TcpConnection, frame: bytes) -> None:
        self._frames.append((connection.owner, frame))

    def _step(self, entry: _Entry, now: float, tcp: Tcp | None = None) -> None:
        """Take a segment, then whatever can go on: requests, the end, answers."""
        connection = entry.connection
        acked = connection.acked
        try:
            if tcp is not None:
                connection.segment(tcp, now)
                if connection.acked > acked:
                    entry.progress = now
            self._take(entry, now)
        except Broken as fault:
            self._reset(entry, str(fault))
            return
        except Closed:
            self._remove(entry)
            return
        self.bytes += len(connection.out) - entry.size
        entry.size = len(connection.out)
        if connection.peer_done and not entry.pending and not connection.closing:
            connection.closing = len(connection.out) < self.bounds.waiting
        connection.transmit(now)
        self._touched[connection.serial] = connection
        self._plan(entry)

    def _take(self, entry: _Entry, now: float) -> None:
        connection, bounds = entry.connection, self.bounds
        while entry.pending < bounds.pending and len(connection.out) < bounds.waiting:
            message = self._framing.message(connection.received, bounds.longest)
            if message is None:
                break
            entry.pending += 1
            entry.progress = now
            self.counts["requests"] += 1
            self._requests.append(
                TcpRequest(connection.serial, connection.owner, message, connection.peer)
            )
        connection.offer()

    def _reset(self, entry: _Entry, reason: str) -> None:
        self.counts[reason] += 1
        entry.connection.reset()
        self._remove(entry)

    def _remove(self, entry: _Entry) -> None:
        connection = entry.connection
        self.bytes -= entry.size
        self._touched.pop(connection.serial, None)
        del self._entries[connection.key]
        del self._by_serial[connection.serial]
        owned = self._owned[connection.owner]
        del owned[connection.key]
        if not owned:
            del self._owned[connection.owner]

    # ------------------------------------------------------------ time

    def _deadline(self, entry: _Entry) -> float:
        return min(entry.progress + self.bounds.idle, entry.born + self.bounds.lifetime)

    def _ended(self, entry: _Entry, now: float) -> bool:
        """A deadline has come; False: the connection is gone."""
        connection = entry.connection
        old = now >= entry.born + self.bounds.lifetime
        if (entry.pending or connection.out) and not old and not connection.closing:
            entry.progress = now  # resolvers and retransmissions have limits of their own
            return True
        if connection.closing or not connection.established or old:
            self._reset(entry, "expired")
            return False
        self.counts["idle"] += 1
        connection.closing = True
        entry.progress = now
        connection.transmit(now)
        return True

    def _plan(self, entry: _Entry) -> None:
        """See to it that :meth:`tick` looks at a connection in time.

        A timer that comes too early is planned anew when it comes, so each connection has few.
        """
        when = self._deadline(entry)
        again = entry.connection.retransmit_at
        if again is not None and again < when:
            when = again
        if entry.timer is None or when < entry.timer:
            entry.timer = when
            heapq.heappush(self._timers, (when, entry.connection.serial))

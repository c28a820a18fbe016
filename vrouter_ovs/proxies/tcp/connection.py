"""One TCP connection of a client, from the server's side: sequence numbers, windows, loss.

Much smaller than a general TCP, as what it carries is: requests of a few kilobytes, taken in order
alone (what comes too early is sent again by the peer), and answers that are there as a whole.  At
most 64 KiB of them are on the way at a time, which is enough over one switch.  No options
but the maximum segment size; no urgent data.  Time is an argument.

Positions count the bytes of a direction from the SYN on, which is byte 0; they do not wrap.

Sources: RFC 9293, 5681 (slow start, fast retransmit), 5961 section 3 and 4 (what a reset or a SYN
must fit), 6298 (retransmission timer), 6928 (the first window).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable

from vrouter_ovs.proxies.tcp.framing import Broken
from vrouter_ovs.proxies.tcp.wire import ACK, DEFAULT_MSS, FIN, HEADER, PSH, RST, SYN, Tcp, build

LEAST_MSS = 216
"""A peer that wants less per segment gets this: one byte in each would be 64 thousand frames."""
MOST_IN_FLIGHT = 65535
FIRST_TIMEOUT, LAST_TIMEOUT, RETRIES = 1.0, 8.0, 6
"""Seconds until unacknowledged bytes are sent again, doubled each time; and how often.  The way is
one switch, so the time is the least that RFC 6298 allows, and is not measured."""
_M32 = 0xFFFFFFFF


def _ahead(a: int, b: int) -> int:
    """a - b for sequence numbers, which wrap: between -2^31 and 2^31."""
    return ((a - b + 0x80000000) & _M32) - 0x80000000


class Closed(Exception):
    """The connection is over."""


class TcpConnection:
    """``window``: bytes that the peer may send ahead.  ``emit(connection, frame)`` takes what is to
    be sent.  Made by a SYN, which it answers."""

    def __init__(
        self, serial: int, key: Hashable, owner: Hashable, syn: Tcp, mtu: int, iss: int,
        window: int, emit: Callable[[TcpConnection, bytes], None],
    ) -> None:  # fmt: skip
        self.serial, self.key, self.owner, self._emit = serial, key, owner, emit
        self.peer = syn.src
        self._to_peer = (syn.src_mac, syn.dst_mac, syn.dst, syn.src, syn.dst_port, syn.src_port)
        room = max(mtu - HEADER[len(syn.src)], LEAST_MSS)
        self._own_mss = min(room, 65535)
        self.mss = max(min(syn.mss or DEFAULT_MSS[len(syn.src)], room), LEAST_MSS)
        # What the peer sends.
        self._irs, self._taken = syn.seq, 1
        self.received = bytearray()
        self.peer_done = False
        self.ack_due = False
        self.deaf = False
        """Whether what still arrives is of no interest, as the answer to it is "no"."""
        self._most = window
        self._edge = 0
        """The position up to which the peer was last told that it may send."""
        # What goes to the peer.
        self._iss, self.acked, self._next, self._high = iss, 0, 0, 0
        self.out = bytearray()
        """Bytes from position ``acked`` on (1 at least): sent or not, but not acknowledged."""
        self.established = False
        self.closing = False
        self.close_confirmed = False
        self._window, self._wl1, self._wl2 = syn.window, 1, 0
        self._allowed = 10 * self.mss
        self._same = 0
        self._recover = 0
        self.retransmit_at: float | None = None
        self._timeout, self._retries = FIRST_TIMEOUT, 0

    # ------------------------------------------------------------ segments out

    def _send(self, flags: int, position: int, payload: bytes = b"", mss: int = 0) -> None:
        self.ack_due = False
        window = self._most - len(self.received)
        self._edge = self._taken + window
        self._emit(self, build(*self._to_peer, (self._iss + position) & _M32,
                               (self._irs + self._taken) & _M32, flags, window, payload,
                               mss))  # fmt: skip

    def accept(self, now: float) -> None:
        """Answer the SYN."""
        self._next = self._high = 1
        self._send(SYN | ACK, 0, mss=self._own_mss)
        if self.retransmit_at is None:
            self.retransmit_at = now + self._timeout

    def acknowledge(self) -> None:
        # Beyond the peer's window it would not be looked at, and probes stand there.
        self._send(ACK, min(self._high, self.acked + self._window))

    def reset(self) -> None:
        self._send(RST | ACK, self._high)

    def offer(self) -> None:
        """Say that there is room again, where the peer may wait for it."""
        if self._taken + self._most - len(self.received) - self._edge >= self._most // 4:
            self.ack_due = True

    def transmit(self, now: float, probe: bool = False) -> None:
        """Send what may be sent.  ``probe``: a byte even into a closed window."""
        if not self.established:
            return
        room = min(max(self._window, int(probe)), self._allowed)
        while True:
            at = self._next - self.acked
            left = len(self.out) - at
            if left > 0:
                size = min(self.mss, left, room - at)
                # A small piece only if it is the last, or nothing else is on the way.
                if size <= 0 or (at and size < min(self.mss, left)):
                    break
                self._piece(at, size)
            elif left == 0 and self.closing and not self.close_confirmed:
                self._piece(at, 0)
            else:
                break
        if self._next == self.acked and not self.out:
            self.retransmit_at = None
        elif self.retransmit_at is None:
            self.retransmit_at = now + self._timeout

    def _piece(self, at: int, size: int) -> None:
        """``size`` bytes from ``at`` on, with the FIN if nothing comes after them."""
        last = at + size == len(self.out)
        end = self.acked + at + size
        flags = ACK | (PSH if last and size else 0)
        if last and self.closing:
            flags |= FIN
            end += 1
        self._next = max(self._next, end)
        self._high = max(self._high, end)
        self._send(flags, self.acked + at, bytes(self.out[at : at + size]))

    def expired(self, now: float) -> None:
        """Nothing was acknowledged in time: send again; raises Broken after too many times."""
        self._retries += 1
        if self._retries > RETRIES:
            raise Broken("no acknowledgement")
        self._timeout = min(2 * self._timeout, LAST_TIMEOUT)
        self.retransmit_at = now + self._timeout
        if not self.established:
            self.accept(now)
            return
        self._next = self.acked
        if self._window:  # otherwise nothing was lost
            self._allowed = self.mss
        self._recover = 0
        self.transmit(now, probe=True)

    # ------------------------------------------------------------ segments in

    def segment(self, tcp: Tcp, now: float) -> None:
        """Take a segment (RFC 9293 section 3.10.7.4); raises Broken or Closed."""
        ahead = _ahead(tcp.seq, (self._irs + self._taken) & _M32)
        if tcp.flags & RST:
            if ahead == 0:
                raise Closed
            self.ack_due |= 0 < ahead < self._most
        elif tcp.flags & SYN:
            if not self.established and tcp.seq == self._irs:
                self.accept(now)  # our answer was lost
            else:
                self.ack_due = True
        elif tcp.flags & ACK:
            if not -MOST_IN_FLIGHT <= ahead <= self._most:
                self.ack_due = True
            elif self._acknowledged(tcp, ahead, now):
                self._data(tcp, ahead)
                if self.close_confirmed and self.peer_done:
                    if self.ack_due:
                        self.acknowledge()
                    raise Closed

    def _acknowledged(self, tcp: Tcp, ahead: int, now: float) -> bool:
        """Take the acknowledgement and window; False: the segment is not to be looked at."""
        position = self.acked + _ahead(tcp.ack, (self._iss + self.acked) & _M32)
        if not self.established:
            if position != 1:  # of an earlier connection, perhaps
                self._emit(self, build(*self._to_peer, tcp.ack, 0, RST, 0))
                return False
            self.established = True
            self.retransmit_at, self._timeout, self._retries = None, FIRST_TIMEOUT, 0
            self.acked = 1
        elif position > self._high:
            self.ack_due = True
            return False
        sequence = self._taken + ahead
        if position > self.acked:
            self._progress(position, now)
        elif position == self.acked and self._next > self.acked and not tcp.payload:
            self._repeated(tcp)
        newer = sequence > self._wl1 or (sequence == self._wl1 and position >= self._wl2)
        if newer and position == self.acked:
            if not self._window and tcp.window:
                self._next = self.acked  # the probes need not have been taken
            self._window, self._wl1, self._wl2 = tcp.window, sequence, position
        return True

    def _progress(self, position: int, now: float) -> None:
        passed = position - self.acked
        if self.closing and passed > len(self.out):
            self.close_confirmed = True
        del self.out[:passed]
        self.acked = position
        self._next = max(self._next, position)
        self._allowed = min(self._allowed + passed, MOST_IN_FLIGHT)
        self._same = 0
        self._timeout, self._retries = FIRST_TIMEOUT, 0
        self.retransmit_at = now + self._timeout if self._next > position else None
        if position < self._recover:
            self._again()  # more than one was lost
        else:
            self._recover = 0

    def _repeated(self, tcp: Tcp) -> None:
        """The third acknowledgement of the same byte: what follows it was lost."""
        if tcp.window != self._window or tcp.flags & FIN:
            return
        self._same += 1
        if self._same == 3 and not self._recover:
            self._recover = self._high
            self._again()

    def _again(self) -> None:
        self._piece(0, min(self.mss, len(self.out), max(self._window, 1)))

    def _data(self, tcp: Tcp, ahead: int) -> None:
        payload = tcp.payload
        end = ahead + len(payload)
        if ahead > 0 or end < 0 or (not payload and ahead < 0):
            self.ack_due = True  # too early, or known: say what is expected
            return
        if payload and end > 0 and not self.peer_done:
            if self.closing and not self.deaf:
                raise Broken("data after the end")
            fresh = payload[-ahead:] if ahead else payload
            taken = fresh[: self._most - len(self.received)]
            if not self.deaf:
                self.received += taken
            self._taken += len(taken)
            end -= len(taken)
        if payload or tcp.flags & FIN:
            self.ack_due = True
        if tcp.flags & FIN and end == 0 and not self.peer_done:
            self.peer_done = True
            self._taken += 1

    # ------------------------------------------------------------ answers

    def put(self, data: bytes) -> None:
        """Queue bytes; :meth:`transmit` sends them."""
        self.out += data

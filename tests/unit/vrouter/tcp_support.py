"""A TCP client for tests of the TCP server: it keeps what comes out of order, and sends again."""

from __future__ import annotations

from tests.unit.vrouter.proxy_support import GATEWAY_MAC, LINK_LOCAL, MAC
from vrouter_ovs.addresses import address_bytes
from vrouter_ovs.proxies.tcp import wire as tcp_wire
from vrouter_ovs.proxies.tcp.bounds import Bounds
from vrouter_ovs.proxies.tcp.tcp import TcpServer
from vrouter_ovs.proxies.tcp.wire import ACK, FIN, RST, SYN, Tcp

FOUR = (address_bytes("10.0.0.5"), address_bytes("10.0.0.1"))
SIX = (LINK_LOCAL, address_bytes("fd00::1"))
M32 = 0xFFFFFFFF


def make(seq: int, ack: int, flags: int, payload: bytes = b"", window: int = 65535, mss: int = 0,
         port: int = 4000, way: tuple[bytes, bytes] = FOUR) -> bytes:  # fmt: skip
    """A client's frame."""
    return tcp_wire.build(GATEWAY_MAC, MAC, *way, port, 53, seq & M32, ack & M32, flags, window,
                          payload, mss)  # fmt: skip


def framed(*messages: bytes) -> bytes:
    """Messages with their lengths, as a stream has them."""
    return b"".join(len(each).to_bytes(2, "big") + each for each in messages)


def answer_of(message: bytes) -> bytes:
    """What the tests' server answers: the message, several times over where its first byte says."""
    return message[:2] + message[2:] * message[0]


class Server:
    """A TcpServer that answers each request with :func:`answer_of`."""

    def __init__(self, seed: bytes = b"secret", mtu: int = 1450, **bounds) -> None:
        self.tcp = TcpServer(seed, Bounds(**bounds))
        self.mtu = mtu
        self.asked: list[bytes] = []
        self.hold = False
        self.held: list = []

    def take(self, frame: bytes, now: float = 0.0, owner: str = "a") -> list[bytes]:
        self.tcp.segment(owner, tcp_wire.parse(frame), self.mtu, now)
        return self.out(now)

    def tick(self, now: float) -> list[bytes]:
        self.tcp.tick(now)
        return self.out(now)

    def out(self, now: float) -> list[bytes]:
        while requests := self.tcp.requests():
            for request in requests:
                self.asked.append(request.message)
                if self.hold:
                    self.held.append(request)
                else:
                    self.tcp.respond(request.serial, answer_of(request.message), now)
        frames = self.tcp.frames()
        for _, frame in frames:
            assert len(frame) <= 14 + self.mtu
        return [frame for _, frame in frames]

    def release(self, now: float = 0.0) -> list[bytes]:
        held, self.held, self.hold = self.held, [], False
        for request in held:
            self.tcp.respond(request.serial, answer_of(request.message), now)
        return self.out(now)

    def bounded(self) -> None:
        """What must hold after whatever happened."""
        tcp, bounds = self.tcp, self.tcp.bounds
        assert len(tcp) <= bounds.in_all and 0 <= tcp.bytes <= bounds.bytes_in_all
        assert tcp.bytes == sum(len(each.connection.out) for each in tcp._entries.values())
        assert len(tcp._by_serial) == len(tcp._entries) == sum(map(len, tcp._owned.values()))
        for owned in tcp._owned.values():
            assert 0 < len(owned) <= bounds.of_owner
        for held in tcp._entries.values():
            assert len(held.connection.received) <= 4096
            assert 0 <= held.pending <= bounds.pending
        assert len(tcp._timers) <= 40 * (len(tcp._entries) + 1)


class Client:
    """Sends ``data``, then its FIN; ``heard``: what it received in order."""

    def __init__(self, data: bytes, isn: int = 1000, mss: int = 1000, window: int = 65535,
                 port: int = 4000, way: tuple[bytes, bytes] = FOUR) -> None:  # fmt: skip
        self.data, self.isn, self.mss, self.window = data, isn, mss, window
        self.port, self.way = port, way
        self.acked = 0  # positions: the SYN is 0, data begins at 1
        self.next = 0
        self.irs: int | None = None
        self.heard = bytearray()
        self.early: dict[int, bytes] = {}
        self.peer_window = 0
        self.peer_done = self.peer_fin = self.broken = False
        self.finish = True

    @property
    def end(self) -> int:
        return 1 + len(self.data)

    @property
    def done(self) -> bool:
        return self.peer_done and self.acked > self.end

    def _expected(self) -> int:
        return (self.irs or 0) + 1 + len(self.heard) + self.peer_done

    def _frame(self, position: int, flags: int, payload: bytes = b"") -> bytes:
        return make(self.isn + position, self._expected(), flags, payload, self.window,
                    port=self.port, way=self.way)  # fmt: skip

    def send(self, again: bool = False) -> list[bytes]:
        """The frames that may go out; ``again``: from what is not acknowledged on."""
        if self.broken:
            return []
        if self.irs is None:
            return [make(self.isn, 0, SYN, window=self.window, mss=self.mss, port=self.port,
                         way=self.way)]  # fmt: skip
        frames = []
        if again:
            self.next = max(self.acked, 1)
            frames.append(self._frame(self.next, ACK))
        window = max(self.peer_window, 1 if again else 0)
        while self.next < self.end:
            size = min(self.mss, self.end - self.next, self.acked + window - self.next)
            if size <= 0:
                break
            piece = self.data[self.next - 1 : self.next - 1 + size]
            frames.append(self._frame(self.next, ACK, piece))
            self.next += size
        if self.finish and self.next == self.end:
            frames.append(self._frame(self.next, ACK | FIN))
            self.next += 1
        return frames

    def take(self, frame: bytes) -> list[bytes]:
        """Take a frame of the server; what the client says to it."""
        tcp = tcp_wire.parse(frame)
        assert (tcp.src, tcp.dst) == self.way[::-1] and tcp.src_mac == GATEWAY_MAC
        if self.broken or tcp.dst_port != self.port:
            return []
        if tcp.flags & RST:
            # The server forgets at once what is over, and a doubled segment of ours may come later.
            if not self.done and self.irs is not None and (tcp.seq - self._expected()) & M32 == 0:
                self.broken = True
            return []
        if tcp.flags & SYN:
            if self.irs is not None:
                return [self._frame(self.next, ACK)]
            if tcp.ack != (self.isn + 1) & M32:
                return []
            assert tcp.flags == SYN | ACK and 0 < tcp.mss < 1450
            self.irs, self.acked, self.next = tcp.seq, 1, 1
            self.peer_window = tcp.window
            return [self._frame(1, ACK), *self.send()]
        if self.irs is None:
            return []
        position = (tcp.ack - self.isn) & M32
        if self.acked <= position <= self.end + 1:
            self.acked = position
            self.next = max(self.next, position)
            self.peer_window = tcp.window
        elif position > self.end + 1 and position < 1 << 31:
            raise AssertionError("acknowledged what was not sent")
        return self._data(tcp) + self.send()

    def _data(self, tcp: Tcp) -> list[bytes]:
        if not tcp.payload and not tcp.flags & FIN:
            return []
        assert len(tcp.payload) <= max(self.mss, 216)
        start = (tcp.seq - (self.irs or 0) - 1) & M32
        if start < 1 << 31:
            known = self.early.get(start, b"")
            self.early[start] = max(tcp.payload, known, key=len)
            if tcp.flags & FIN:
                self.peer_fin = True
                self.fin_at = start + len(tcp.payload)
        moved = True
        while moved:
            moved = False
            for at, piece in sorted(self.early.items()):
                if at <= len(self.heard):
                    overlap = piece[: len(self.heard) - at]
                    assert bytes(self.heard[at : at + len(overlap)]) == overlap, "not the same"
                    self.heard += piece[len(self.heard) - at :]
                    del self.early[at]
                    moved = True
                    break
        if self.peer_fin and len(self.heard) == self.fin_at:
            self.peer_done = True
        return [self._frame(self.next, ACK)]


def converse(client: Client, server: Server, now: float = 0.0) -> float:
    """Over a way without loss until nothing moves; the time at the end."""
    frames = client.send(again=client.irs is not None)
    for _ in range(100000):
        if not frames:
            return now
        answers = [each for frame in frames for each in server.take(frame, now)]
        frames = [each for answer in answers for each in client.take(answer)]
    raise AssertionError("they talk for ever")

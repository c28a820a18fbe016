"""The switch of a simulated hypervisor: as much of OpenFlow 1.4 as a node asks for.  Pure.

It keeps flows as their bytes and gives them back.  What a message asks is answered as
ovs-vswitchd would, as far as a node looks at the answer; of changes by others it tells nothing.

Source: OpenFlow Switch Specification 1.4.0.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Callable, Iterator

VERSION = 5
(HELLO, ERROR, ECHO_REQUEST, ECHO_REPLY) = range(4)
FEATURES_REQUEST, FEATURES_REPLY, CONFIG_REQUEST, CONFIG_REPLY = 5, 6, 7, 8
FLOW_MOD = 14
MULTIPART_REQUEST, MULTIPART_REPLY, BARRIER_REQUEST, BARRIER_REPLY = 18, 19, 20, 21
ROLE_REQUEST, ROLE_REPLY, ROLE_STATUS = 24, 25, 30
BUNDLE_CONTROL, BUNDLE_ADD = 33, 34
FLOW, AGGREGATE, FLOW_MONITOR = 1, 2, 16
ADD, DELETE_STRICT = 0, 4
OPEN, CLOSE, COMMIT = 0, 2, 4
"""Types of OFPT_BUNDLE_CONTROL; each reply's is one more."""
NOCHANGE, EQUAL, MASTER, SLAVE = range(4)
MASTER_REQUEST = 0
"""Reason of OFPT_ROLE_STATUS: another controller asked to be master."""
STALE, IS_SLAVE = (11, 0), (1, 10)
"""OFPET_ROLE_REQUEST_FAILED/OFPRRFC_STALE and OFPET_BAD_REQUEST/OFPBRC_IS_SLAVE."""
CHUNK = 60_000
"""Bytes of a multipart reply."""
CHANGES = frozenset((FLOW_MOD, BUNDLE_CONTROL, BUNDLE_ADD))
"""What a slave may not ask for, of what is understood here."""
_HEADER = struct.Struct("!BBHI")
_FLOW_MOD = struct.Struct("!8xQQBBHHHIIIHH")


def message(kind: int, xid: int, body: bytes = b"") -> bytes:
    return _HEADER.pack(VERSION, kind, 8 + len(body), xid) + body


def _error(xid: int, why: tuple[int, int], refused: bytes) -> bytes:
    return message(ERROR, xid, struct.pack("!HH", *why) + refused[:64])


def split(buffer: bytearray) -> Iterator[bytes]:
    """Take the whole messages off the front."""
    while len(buffer) >= 8:
        size = int.from_bytes(buffer[2:4], "big")
        if len(buffer) < size:
            return
        yield bytes(buffer[:size])
        del buffer[:size]


class Connection:
    """A controller's connection, with a ``role`` of its own; ``write`` takes the bytes for it."""

    def __init__(self, write: Callable[[bytes], None]) -> None:
        self.role = EQUAL
        self.write = write


class SimulatedSwitch:
    """``flows``: table, priority and match -> (cookie, the rest of the flow).  ``counters``: what
    it was asked to do.  ``connections``: the controllers'; the switch outlives each of them."""

    def __init__(self) -> None:
        self.datapath_id = 0
        self.flows: dict[bytes, tuple[int, bytes]] = {}
        self.counters: Counter[str] = Counter()
        self.connections: set[Connection] = set()
        self._bundles: dict[int, list[bytes]] = {}
        self._generation: int | None = None

    def answer(self, connection: Connection, data: bytes) -> bytes:
        """What comes back on ``connection`` for one message of it.

        A change that a slave asks for is refused (section 6.3.6, "Multiple Controllers").
        """
        _, kind, _, xid = _HEADER.unpack_from(data)
        if kind == ECHO_REQUEST:
            return message(ECHO_REPLY, xid, data[8:])
        if kind == FEATURES_REQUEST:
            return message(FEATURES_REPLY, xid, struct.pack(
                "!QIBBxxII", self.datapath_id, 0, 254, 0, 0x4F, 0
            ))
        if kind == CONFIG_REQUEST:
            return message(CONFIG_REPLY, xid, struct.pack("!HH", 0, 0xFFFF))
        if kind == BARRIER_REQUEST:
            return message(BARRIER_REPLY, xid)
        if kind == MULTIPART_REQUEST:
            return b"".join(self._multipart(data, xid))
        if kind == ROLE_REQUEST:
            return self._role(connection, data, xid)
        if connection.role == SLAVE and kind in CHANGES:
            self.counters["refused"] += 1
            return _error(xid, IS_SLAVE, data)
        if kind == BUNDLE_CONTROL:
            return self._bundle_control(data, xid)
        if kind == BUNDLE_ADD:
            self._bundles[int.from_bytes(data[8:12], "big")].append(data[16:])
        elif kind == FLOW_MOD:
            self._flow_mod(data)
        else:
            self.counters["other"] += 1
        return b""

    def _role(self, connection: Connection, data: bytes, xid: int) -> bytes:
        role, generation = struct.unpack_from("!I4xQ", data, 8)
        if role in (MASTER, SLAVE):
            known = self._generation
            if known is not None and (generation - known) % (1 << 64) >= 1 << 63:
                return _error(xid, STALE, data)
            self._generation = generation
        if role == MASTER:
            for other in self.connections - {connection}:
                if other.role == MASTER:
                    other.role = SLAVE
                    other.write(message(ROLE_STATUS, 0, struct.pack(
                        "!IB3xQ", SLAVE, MASTER_REQUEST, generation
                    )))
        if role != NOCHANGE:
            connection.role = role
        return message(ROLE_REPLY, xid, struct.pack(
            "!I4xQ", connection.role, (1 << 64) - 1 if self._generation is None
            else self._generation
        ))

    def _bundle_control(self, data: bytes, xid: int) -> bytes:
        bundle, kind = struct.unpack_from("!IH", data, 8)
        if kind == OPEN:
            self._bundles[bundle] = []
        elif kind != CLOSE:  # A closed bundle waits for its commit (section 7.3.9.2).
            for one in self._bundles.pop(bundle, ()):
                if kind == COMMIT and one[1] == FLOW_MOD:
                    self._flow_mod(one)
            self.counters["bundles"] += kind == COMMIT
        return message(BUNDLE_CONTROL, xid, struct.pack("!IHH", bundle, kind + 1, 0))

    def _flow_mod(self, data: bytes) -> None:
        self.counters["flow_mods"] += 1
        (cookie, _, table, command, idle, hard, priority, _, _, _, flags, importance) = (
            _FLOW_MOD.unpack_from(data)
        )
        size = int.from_bytes(data[50:52], "big") + 7 & ~7
        match, instructions = data[48:48 + size], data[48 + size:]
        key = struct.pack("!BH", table, priority) + match
        if command == ADD:
            head = struct.pack("!BxIIHHHHH2xQQQ", table, 0, 0, priority, idle, hard, flags,
                               importance, cookie, 0, 0)
            self.flows[key] = cookie, head + match + instructions
        elif command == DELETE_STRICT:
            self.flows.pop(key, None)

    def _multipart(self, data: bytes, xid: int) -> Iterator[bytes]:
        (kind,) = struct.unpack_from("!H", data, 8)
        if kind == AGGREGATE:
            cookie, mask = struct.unpack_from("!QQ", data, 32)
            count = sum(one & mask == cookie & mask for one, _ in self.flows.values())
            yield self._reply(xid, kind, struct.pack("!QQI4x", 0, 0, count))
            return
        if kind == FLOW:
            cookie, mask = struct.unpack_from("!QQ", data, 32)
            chunk = bytearray()
            for one, body in self.flows.values():
                if one & mask == cookie & mask:
                    chunk += struct.pack("!H", 2 + len(body)) + body
                if len(chunk) > CHUNK:
                    yield self._reply(xid, kind, bytes(chunk), more=True)
                    chunk.clear()
            yield self._reply(xid, kind, bytes(chunk))
            return
        if kind != FLOW_MONITOR:  # Which is silent until something happens.
            yield self._reply(xid, kind, b"")

    @staticmethod
    def _reply(xid: int, kind: int, body: bytes, more: bool = False) -> bytes:
        return message(MULTIPART_REPLY, xid, struct.pack("!HH4x", kind, more) + body)

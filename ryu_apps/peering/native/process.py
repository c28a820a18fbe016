"""The engine process: ``python -m ryu_apps.peering.native.process FD``.

One asyncio loop owns all sessions.  FD is one end of a socket pair to the node; both directions
carry msgpack arrays, the first element of which says what they are.

From the node: ``["init", speaker]`` first, then ``["announce", family, attributes, items]``,
``["withdraw", family, items]``, ``["table", peer id, session]``, ``["eor"]``, ``["add", peer]``,
``["remove", peer id]``, ``["reset", peer id]``, ``["status", token]``.

To the node: ``["started", [[address, port]]]`` or ``["failed", text]``, then ``["up", peer id,
info, [[family, Negotiated]], session]``, ``["down", peer id, reason, code, subcode, sent, hard]``
(a SessionEnd), ``["paths", peer id, family, attributes, items, withdrawn]``, ``["eor", peer id,
family]``, ``["status", token, list]``, ``["log", level, text]``.  A family is ``[AFI, SAFI]``.

The end of the socket pair means that the node stopped or died: the process exits, and its TCP
connections close without a NOTIFICATION.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import socket
import sys
import time

import msgpack

from ryu_apps.control.families import Family
from ryu_apps.peering.base import Peer, Speaker
from ryu_apps.peering.codec.families import FAMILIES
from ryu_apps.peering.native.adj_rib_out import AdjRibOut
from ryu_apps.peering.native.connection import BgpConnection
from ryu_apps.peering.native.neighbor import BgpNeighbor
from ryu_apps.peering.sockets import canonical, listen, set_password

LOG_BURST, LOG_PERIOD = 5, 10.0
MAX_MESSAGE = 256 * 1024 * 1024


class Core(asyncio.Protocol):
    """The process's state, and its end of the socket pair."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.speaker = Speaker(0, "0.0.0.0")
        self.ribs = {family: AdjRibOut(codec) for family, codec in FAMILIES.items()}
        self.complete = False
        self.started = loop.time()
        # A command that is late was perhaps meant for a session of the process before this one.
        self.sessions = itertools.count(time.monotonic_ns())
        self.reading_paused = False
        self.neighbors: dict[str, BgpNeighbor] = {}
        self._by_address: dict[str, BgpNeighbor] = {}
        self._listeners: list[socket.socket] = []
        self._servers: list[asyncio.Task] = []
        self._unkeyed: set[str] = set()
        self._logged: dict[str, list[float]] = {}
        self._pack = msgpack.Packer(autoreset=True).pack
        self._unpacker = msgpack.Unpacker(use_list=False, max_buffer_size=MAX_MESSAGE)
        self._transport: asyncio.Transport | None = None
        self._operations = {
            "init": self._init, "announce": self._announce, "withdraw": self._withdraw,
            "table": self._table, "eor": self._end_of_rib, "add": self._add, "remove": self._remove,
            "reset": self._reset, "status": self._status}

    # -- the node

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        transport.set_write_buffer_limits(high=4 * 1024 * 1024, low=1024 * 1024)

    def data_received(self, data: bytes) -> None:
        self._unpacker.feed(data)
        for operation, *arguments in self._unpacker:
            try:
                self._operations[operation](*arguments)
            except Exception as error:  # one command must not take the sessions with it
                self.log("error", f"{operation} failed: {type(error).__name__}: {error}",
                         limited="failed operations")

    def connection_lost(self, exc: Exception | None) -> None:
        os._exit(0)

    def pause_writing(self) -> None:
        """The node is behind: let TCP hold the peers back instead of memory."""
        self._pause(True)

    def resume_writing(self) -> None:
        self._pause(False)

    def _pause(self, paused: bool) -> None:
        self.reading_paused = paused
        for neighbor in self.neighbors.values():
            for connection in neighbor.connections:
                connection.pause(paused)

    def post(self, message: list) -> None:
        self._transport.write(self._pack(message))

    def log(self, level: str, text: str, limited: str = "") -> None:
        """``limited``: lines of this name are cut to a few every ten seconds."""
        if limited:
            now = self.loop.time()
            if len(self._logged) > 10000:
                self._logged.clear()
            times = [at for at in self._logged.get(limited, ()) if now - at < LOG_PERIOD]
            if len(times) >= LOG_BURST:
                return
            self._logged[limited] = [*times, now]
        self.post(["log", level, text])

    # -- operations

    def _init(self, speaker: dict) -> None:
        peers = speaker["peers"]
        self.speaker = Speaker(**{**speaker, "peers": ()})
        for address, port in self.speaker.listen:
            try:
                self._listeners.append(listen(address, port))
            except OSError as error:
                why = f"cannot listen for BGP on {address}:{port}: {error.strerror or error}"
                self.post(["failed", why])
                return
        # Known before anyone is let in: a peer that is quick must not be a stranger.
        for peer in peers:
            self._add(peer)
        self._servers = [self.loop.create_task(self.loop.create_server(
            lambda: BgpConnection(self, None), sock=sock)) for sock in self._listeners]
        self.post(["started", [sock.getsockname()[:2] for sock in self._listeners]])

    def _add(self, peer: dict) -> None:
        peer = Peer.of(peer)
        current = self.neighbors.get(peer.id)
        if current is not None and current.peer == peer:
            return
        self._remove(peer.id)
        neighbor = BgpNeighbor(self, peer)
        if neighbor.address in self._by_address:
            self.log("error", f"peer {peer.id}: {neighbor.address} is another peer's address")
            return
        self.neighbors[peer.id] = self._by_address[neighbor.address] = neighbor
        self._key(neighbor.address, peer.password)
        neighbor.start()

    def _key(self, address: str, password: str) -> None:
        """Give the listeners the peer's MD5 key.  Without its key a peer is not let in."""
        self._unkeyed.discard(address)
        if not password:
            return
        for sock in self._listeners:
            if ":" in address and sock.family == socket.AF_INET:
                continue
            try:
                set_password(sock, address, password)
            except (OSError, ValueError) as error:
                self._unkeyed.add(address)
                self.log("error", f"peer {address}: TCP MD5 on the listening socket: {error}")

    def _remove(self, peer_id: str) -> None:
        neighbor = self.neighbors.pop(peer_id, None)
        if neighbor is None:
            return
        self._by_address.pop(neighbor.address, None)
        neighbor.remove()
        if neighbor.peer.password:
            for sock in self._listeners:
                try:
                    set_password(sock, neighbor.address, "")
                except (OSError, ValueError):
                    pass  # there was no key on this socket

    def _reset(self, peer_id: str) -> None:
        neighbor = self.neighbors.get(peer_id)
        if neighbor is not None:
            neighbor.reset()

    def _mark(self, family: Family, changed: list[bytes]) -> None:
        if changed:
            keys = dict.fromkeys(changed)
            for neighbor in self.neighbors.values():
                if family in neighbor.advertising:
                    neighbor.advertising[family].mark(keys)

    def _announce(self, family: Family, table: tuple, items: tuple) -> None:
        changed, refused = self.ribs[family].announce(table, items)
        for text in refused:
            self.log("error", f"cannot be announced: {text}", limited="refused")
        self._mark(family, changed)

    def _withdraw(self, family: Family, items: tuple) -> None:
        self._mark(family, self.ribs[family].withdraw(items))

    def _table(self, peer_id: str, session: int) -> None:
        neighbor = self.neighbors.get(peer_id)
        if neighbor is not None:
            neighbor.send_table(session)

    def _end_of_rib(self) -> None:
        if not self.complete:
            self.complete = True
            for neighbor in self.neighbors.values():
                for advertising in neighbor.advertising.values():
                    advertising.end_of_rib()

    def _status(self, token: int) -> None:
        self.post(["status", token, [n.status() for n in self.neighbors.values()]])

    # -- connections

    def admit(self, connection: BgpConnection) -> BgpNeighbor | None:
        """The neighbour an accepted connection belongs to; None refuses it, with the reason
        logged."""
        name = connection.transport.get_extra_info("peername")
        if not name:
            return None
        address = canonical(name[0], name[3] if len(name) > 3 else 0)
        neighbor = self._by_address.get(address)
        if neighbor is None:
            reason = "not a configured peer"
        elif address in self._unkeyed:
            reason = "its TCP MD5 key is not in force"
        else:
            reason = neighbor.admits()
        if reason:
            self.log("warning", f"connection from {address} refused: {reason}",
                     limited="refused connections")
            if neighbor is not None:
                neighbor.counters["connections_refused"] += 1
            return None
        return neighbor


async def _run(fd: int) -> None:
    loop = asyncio.get_running_loop()
    await loop.create_connection(lambda: Core(loop), sock=socket.socket(fileno=fd))
    await asyncio.Event().wait()


def main() -> None:
    # The node decides when this process ends; a signal to the whole group is meant for the node.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    asyncio.run(_run(int(sys.argv[1])))


if __name__ == "__main__":
    main()

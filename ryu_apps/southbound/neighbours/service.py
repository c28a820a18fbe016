"""LLDP at the uplinks of this node's hypervisors: one thread for all of them.

A bridge takes part when its operator lets it wait for a controller
(``ovs-vsctl set-controller br-phy0 ptcp:6654:ADDRESS``).  Such a *service* controller changes
nothing of how the bridge forwards, connected or not, unlike one that the bridge connects to (see
docs/operations.md for what was measured); the one flow that the node puts there is for LLDP alone,
and goes by itself when the node does.
"""

from __future__ import annotations

import logging
import selectors
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ryu_apps.southbound.neighbours.connection import Connection, Port
from ryu_apps.southbound.neighbours.messages import LIFETIME
from ryu_apps.southbound.neighbours.table import Neighbours
from ryu_apps.supervision import Thread, failed
from vrouter_ovs.proxies.lldp import Neighbour, decode, encode
from vrouter_ovs.proxies.packet import Malformed

LOG = logging.getLogger("vnc.neighbours")
INTERVAL = 30.0
TTL = 121
"""Seconds between two frames, and for how long one holds (IEEE 802.1AB-2016, clause 9.2.5: four
intervals and one second)."""
FAST, FAST_INTERVAL = 4, 1.0
"""So many frames are sent so fast when there is somebody new (clause 9.2.5.5)."""
LOOK = 1.0
"""Seconds between two looks at which bridges there are."""
AGAIN = 5.0
"""Seconds until a bridge that could not be reached is tried again."""


@dataclass(frozen=True)
class UplinkPort:
    """``mac``: the source of what is sent there."""

    name: str
    ofport: int
    mac: str


@dataclass(frozen=True)
class UplinkBridge:
    """A bridge to speak LLDP through.  ``target``: (address, port) where it waits.  ``said``: what
    the hypervisor says of itself; port and lifetime are filled in."""

    element: str
    name: str
    target: tuple[str, int]
    ports: tuple[UplinkPort, ...]
    said: Neighbour


class _Session:
    """A bridge and its connection, or when the next is due."""

    def __init__(self, bridge: UplinkBridge) -> None:
        self.bridge = bridge
        self.connection: Connection | None = None
        self.problem = ""
        self.not_before = 0.0
        self.next_frame = self.next_refresh = 0.0
        self.fast = FAST
        self.awaited = 0

    def begin(self, connection: Connection, now: float) -> None:
        self.connection, self.fast = connection, FAST
        self.next_frame, self.next_refresh = now, now + LIFETIME / 4


class NeighbourService:
    """``read``: which bridges there are; called from the service's thread, it may raise.

    ``counters``: what became of the frames.
    """

    def __init__(self, read: Callable[[], list[UplinkBridge]]) -> None:
        self._read = read
        self._sessions: dict[tuple[str, str], _Session] = {}
        self._neighbours = Neighbours()
        self._lock = threading.Lock()
        self._selector = selectors.DefaultSelector()
        self._stopping = threading.Event()
        self._thread = Thread(self._run, "neighbours")
        self.counters: Counter[str] = Counter()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(2.0)

    def shown(self, element: str, bridge: str, uplink: str) -> dict[str, Any]:
        """What is known at an uplink, for people: ``neighbours``, and under ``lldp`` whether the
        bridge can be asked, and if not, why.  From any thread."""
        with self._lock:
            found = self._neighbours.shown((element, uplink), time.monotonic())
            session = self._sessions.get((element, bridge))
            if session is None:
                state = "off"
            elif session.connection is not None and session.connection.state == "ready":
                state = "on"
            else:
                state = session.problem or "connecting"
        return {"neighbours": found, "lldp": state}

    # ------------------------------------------------------------ the thread

    def _run(self) -> None:
        look = 0.0
        while not self._stopping.is_set():
            now = time.monotonic()
            if now >= look:
                look = now + LOOK
                try:
                    self._adopt(self._read())
                except Exception:
                    failed("which bridges there are")
            try:
                self._serve(now)
            except Exception:
                failed("a connection to a bridge")
        for session in self._sessions.values():
            if session.connection is not None:
                session.connection.close()
        self._selector.close()

    def _adopt(self, bridges: list[UplinkBridge]) -> None:
        wanted = {(one.element, one.name): one for one in bridges}
        with self._lock:
            for key in self._sessions.keys() - wanted.keys():
                self._drop(self._sessions.pop(key))
            for key, bridge in wanted.items():
                session = self._sessions.get(key)
                if session is None:
                    self._sessions[key] = _Session(bridge)
                elif session.bridge != bridge:
                    if session.bridge.target != bridge.target:
                        self._drop(session)
                        session.not_before = 0.0
                    session.bridge, session.fast = bridge, FAST
            self._neighbours.keep({
                (one.element, port.name) for one in bridges for port in one.ports
            })

    def _drop(self, session: _Session) -> None:
        if session.connection is not None:
            self._forget(session.connection)
            session.connection.close()
            session.connection = None

    def _forget(self, connection: Connection) -> None:
        try:
            self._selector.unregister(connection.socket)
        except (KeyError, ValueError):
            pass  # It was closed before it was waited for.

    def _serve(self, now: float) -> None:
        for session in self._sessions.values():
            self._tend(session, now)
        for key, events in self._selector.select(0.2):
            connection = key.data
            if events & selectors.EVENT_WRITE:
                connection.write()
            if events & selectors.EVENT_READ and connection.state != "closed":
                connection.read(time.monotonic())

    def _tend(self, session: _Session, now: float) -> None:
        connection = session.connection
        if connection is None:
            if now >= session.not_before:
                self._connect(session, now)
            return
        connection.tick(now)
        if connection.state == "closed":
            if connection.problem != session.problem:
                LOG.warning("LLDP at %s of %s: %s", session.bridge.name, session.bridge.element,
                            connection.problem)
            session.problem = connection.problem
            session.not_before = now + AGAIN
            self._drop(session)
            return
        if connection.state == "ready":
            session.problem = ""
            self._speak(session, connection, now)
        wanted = selectors.EVENT_READ
        if connection.wants_to_write or connection.state == "connecting":
            wanted |= selectors.EVENT_WRITE
        if wanted != session.awaited:
            session.awaited = wanted
            self._selector.modify(connection.socket, wanted, connection)

    def _connect(self, session: _Session, now: float) -> None:
        connection = Connection(
            session.bridge.target, lambda ofport, frame: self._heard(session, ofport, frame), now
        )
        session.begin(connection, now)
        session.awaited = 0
        if connection.state != "closed":
            self._selector.register(
                connection.socket, selectors.EVENT_READ | selectors.EVENT_WRITE, connection
            )

    def _speak(self, session: _Session, connection: Connection, now: float) -> None:
        if now >= session.next_refresh:
            session.next_refresh = now + LIFETIME / 4
            connection.refresh()
        if now < session.next_frame:
            return
        session.fast = max(0, session.fast - 1)
        session.next_frame = now + (FAST_INTERVAL if session.fast else INTERVAL)
        for port in session.bridge.ports:
            try:
                said = session.bridge.said._replace(port=port.name, ttl=TTL)
                connection.send(Port(port.name, port.ofport, encode(port.mac, said)))
                self.counters["sent"] += 1
            except ValueError:  # no MAC yet, or a name that is too long
                self.counters["unsent"] += 1

    def _heard(self, session: _Session, ofport: int, frame: bytes) -> None:
        port = next((one for one in session.bridge.ports if one.ofport == ofport), None)
        if port is None:
            self.counters["elsewhere"] += 1
            return
        try:
            said = decode(frame)
        except Malformed as error:
            self.counters["malformed"] += 1
            LOG.debug("LLDP at %s of %s: %s", port.name, session.bridge.element, error.reason)
            return
        self.counters["heard"] += 1
        with self._lock:
            new = self._neighbours.heard((session.bridge.element, port.name), said,
                                         time.monotonic())
        if new:
            LOG.info("%s of %s: neighbour %s, port %s", port.name, session.bridge.element,
                     said.system_name or said.chassis, said.port)
            session.fast, session.next_frame = FAST, 0.0

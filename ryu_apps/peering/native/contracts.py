"""What the parts of the engine process ask of each other, so that none imports who made it.

The process makes neighbours, a neighbour makes connections; each calls back what made it.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from ryu_apps.control.families import Family
from ryu_apps.control.graceful_restart import SessionEnd
from ryu_apps.peering.base import Peer, Speaker
from ryu_apps.peering.codec.attributes import SessionParameters
from ryu_apps.peering.codec.update import Update
from ryu_apps.peering.native.adj_rib_out import AdjRibOut


class Sending(Protocol):
    """A session, for who writes to it.  ``congested``: TCP takes no more now."""

    session: SessionParameters
    congested: bool

    def send(self, data: bytes) -> None: ...


class Updates(Protocol):
    """Who takes what a session brings; ``take`` raises BgpError where the session must end."""

    def take(self, update: Update) -> None: ...

    def flush(self) -> None: ...


class ConnectionOwner(Protocol):
    """The neighbour of a connection."""

    peer: Peer
    counters: Counter[str]
    connections: list[Any]
    received: Updates

    def open_message(self) -> bytes: ...

    def wins_collision(self, connection: Any) -> bool: ...

    def established(self, connection: Any) -> None: ...

    def lost(self, connection: Any, state: str, reason: str, end: SessionEnd) -> None: ...

    def refresh(self, family: Family) -> None: ...

    def wake(self) -> None: ...


class Process(Protocol):
    """The engine process of neighbours and connections.  ``complete``: the node has announced all
    that it knew before its restart.  ``sessions``: numbers for sessions."""

    loop: asyncio.AbstractEventLoop
    speaker: Speaker
    ribs: Mapping[Family, AdjRibOut]
    complete: bool
    started: float
    sessions: Iterator[int]
    reading_paused: bool

    def admit(self, connection: Any) -> ConnectionOwner | None: ...

    def post(self, message: list) -> None: ...

    def log(self, level: str, text: str, limited: str = "") -> None: ...

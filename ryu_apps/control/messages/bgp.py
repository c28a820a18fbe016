"""BGP: routes in and out, peers, the end of their tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from ryu_apps.control.families import DEFAULT_FAMILIES, Family
from ryu_apps.control.graceful_restart import BY_TCP, Negotiated, SessionEnd
from ryu_apps.control.messages.base import Effect, Event
from ryu_apps.control.routes import Nlri, Path


@dataclass(frozen=True, slots=True)
class PathsReceived(Event):
    """From one peer, in order within the event: withdrawals first, then announcements."""

    peer: str
    announced: tuple[Path, ...] = ()
    withdrawn: tuple[Nlri, ...] = ()


@dataclass(frozen=True, slots=True)
class PeerUp(Event):
    """``info``: ``router_id`` and ``remote_as`` of its OPEN, and more for people.  ``families``:
    those of the session, and what its OPEN says of graceful restart for each.  ``session``: the
    engine's number of it, which no other session of a peer has."""

    peer: str
    info: dict = field(default_factory=dict, hash=False, compare=False)
    families: Mapping[Family, Negotiated] = field(
        default_factory=lambda: dict.fromkeys(DEFAULT_FAMILIES, Negotiated()), hash=False
    )
    session: int = 0


@dataclass(frozen=True, slots=True)
class PeerDown(Event):
    """Its paths turn stale, or go: :mod:`ryu_apps.control.graceful_restart`."""

    peer: str
    reason: str
    end: SessionEnd = BY_TCP


@dataclass(frozen=True, slots=True)
class EndOfRib(Event):
    """The peer has told its whole table of a family."""

    peer: str
    family: Family


@dataclass(frozen=True, slots=True)
class ClearDuplicate(Event):
    """An operator says that nobody else has the MAC and the addresses of a port any more."""

    port_id: str


@dataclass(frozen=True, slots=True)
class Announce(Effect):
    """Paths of this node, new or in place of what was announced for the same NLRI."""

    ignorable: ClassVar[bool] = True  # without peers nobody hears of routes

    paths: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class Withdraw(Effect):
    """Paths that this node has no longer."""

    ignorable: ClassVar[bool] = True

    nlris: tuple[Nlri, ...]


@dataclass(frozen=True, slots=True)
class SendTable(Effect):
    """A peer may have what this node announces, in the session of this number.  What was withdrawn
    and announced before has to be so in the table that it gets."""

    ignorable: ClassVar[bool] = True

    peer: str
    session: int


@dataclass(frozen=True, slots=True)
class SendEndOfRib(Effect):
    """The node has announced everything it knows from before its restart (RFC 4724 section 4.1)."""

    ignorable: ClassVar[bool] = True

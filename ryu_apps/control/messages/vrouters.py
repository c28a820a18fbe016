"""Vrouters: what they are to be, and what has become of it."""

from __future__ import annotations

from dataclasses import dataclass

from ryu_apps.control.messages.base import Effect, Event
from vrouter_ovs.state import TARGET_OF, TARGETS, Key, StateObject


@dataclass(frozen=True, slots=True)
class VrouterConnected(Event):
    """The OpenFlow channel of an element is up and its flows have been read back."""

    element: str


@dataclass(frozen=True, slots=True)
class VrouterDisconnected(Event):
    element: str
    reason: str


@dataclass(frozen=True, slots=True)
class VrouterAcked(Event):
    """These targets confirmed every change up to ``revision``, but for what they refused.
    ``recovered``: objects that were refused as they are now, and are there after all."""

    element: str
    revision: int
    targets: tuple[str, ...] = TARGETS
    recovered: tuple[Key, ...] = ()


@dataclass(frozen=True, slots=True)
class ObjectRefused(Event):
    """The target of the object ``key`` refused it; the rest of the revision was applied.

    ``revision``: the last that had been taken in; what changed the object later is not what was
    refused.
    """

    element: str
    key: Key
    reason: str
    revision: int


@dataclass(frozen=True, slots=True)
class Program(Effect):
    """Change a vrouter's desired state.  Within one effect a key stands once; None deletes.

    ``revision`` grows by one per effect and element, from 1 at the node's start.
    """

    element: str
    revision: int
    changes: tuple[tuple[Key, StateObject | None], ...]

    def part(self, *targets: str) -> list[tuple[Key, StateObject | None]]:
        """The changes for these targets (:data:`vrouter_ovs.state.TARGETS`)."""
        return [change for change in self.changes if TARGET_OF[change[0][0]] in targets]


@dataclass(frozen=True, slots=True)
class Defer(Effect):
    """While a vrouter is deferred, it is added to, but nothing of it is deleted, nor are objects
    modified that depend on peers: the node has just started, or the element has just joined, and
    not everything is known yet (the deferral of RFC 4724 section 4.1).  ``deferred=False`` lets it
    converge on what is desired."""

    element: str
    deferred: bool

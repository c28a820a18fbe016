"""Routes of hypervisors that another node is in charge of now.

A hypervisor that moves to another node forwards meanwhile, so its routes are kept as a node's that
died are: announced, and stale here, until the new owner announces them.  They have the same names
and say the same, so that nobody changes a flow.  When somebody else has announced all of them for
:data:`QUIET` seconds, peers hear them from there, and they go; what nobody announces goes after
``patience`` seconds.  How long the new owner's switch takes says nothing of what will not come: to
withdraw a route before its successor is there would leave a gap, to keep one too long leads to a
hypervisor that drops.  One that somebody else has announced and withdrawn since is over at once.

Of a hypervisor that its new owner serves they are announced only while a session lasts in which
they were.  A node that was paused or cut off from all its peers has no such session any more: what
peers have of it is stale there, and what the new owner withdrew meanwhile must not come back.  Then
they are kept for this node's own hypervisors alone, and for no longer than until the new owner has
told its whole table.
"""

from __future__ import annotations

import collections
from dataclasses import dataclass, field
from typing import Protocol

from ryu_apps.control.routes import Nlri
from ryu_apps.control.vpn.publish import Owner, Publisher
from ryu_apps.control.vpn.rib import RELEASED, BestChange, Rib

QUIET = 10.0


def source_of(element: str) -> str:
    """What the RIB calls the source of such routes."""
    return RELEASED + element


class Hearers(Protocol):
    """The peers, as far as they matter here."""

    def hear(self) -> bool:
        """Whether one has this node's table."""

    def serves(self, element: str) -> bool:
        """Whether the owner of an element has all confirmed by its switch."""

    def has_told_of(self, element: str) -> bool:
        """Whether it does, and its whole table came from it."""


@dataclass(slots=True)
class _Release:
    began: float
    waiting: int
    """How many of the routes nobody else announced when it was last looked."""
    since: float
    """Since when that is so."""
    heard: set[Nlri] = field(default_factory=set)
    """Those that somebody else has announced."""


class Released:
    """``patience``: seconds."""

    def __init__(
        self, rib: Rib, publisher: Publisher, patience: float, hearers: Hearers
    ) -> None:
        self._rib = rib
        self.publisher = publisher
        self._patience = patience
        self._hearers = hearers
        self._releases: dict[str, _Release] = {}

    def keep(self, element: str, owners: list[Owner], now: float) -> list[BestChange]:
        """What these owners announce goes on as stale routes."""
        source = source_of(element)
        changes = self.end(element) + self.publisher.release(owners, source)
        self._releases[element] = _Release(now, self._waiting()[source], now)
        return changes

    def end(self, element: str) -> list[BestChange]:
        """Let the routes go that are kept for an element."""
        if self._releases.pop(element, None) is None:
            return []
        return self.publisher.retract(source_of(element))

    def follow_sessions(self) -> None:
        """Take back what is announced while nobody hears it; part of each flush."""
        if self._releases and not self._hearers.hear():
            for element in filter(self._hearers.serves, self._releases):
                self.publisher.unannounce(source_of(element))

    def _waiting(self) -> collections.Counter[str]:
        """How many routes of each source nobody else announces."""
        return collections.Counter(
            source for nlri, source in self.publisher.released.items()
            if nlri in self._rib.stale_best
        )

    def _withdrawn_elsewhere(self) -> list[BestChange]:
        """Let those go that the new owner announced and has no more: their port is gone."""
        over: dict[str, list[Nlri]] = {}
        for nlri, source in self.publisher.released.items():
            heard = self._releases[source.removeprefix(RELEASED)].heard
            if self._rib.announcers(nlri) != (source,):
                heard.add(nlri)
            elif nlri in heard:
                over.setdefault(source, []).append(nlri)
        changes: list[BestChange] = []
        for source, nlris in over.items():
            changes += self.publisher.retract_some(source, nlris)
        return changes

    def tick(self, now: float) -> list[BestChange]:
        """Let those go whose time is over."""
        changes = self._withdrawn_elsewhere()
        waiting = self._waiting() if self._releases else {}
        for element, release in list(self._releases.items()):
            left = waiting[source_of(element)]
            if left != release.waiting:
                release.waiting, release.since = left, now
            replaced = now - release.since >= QUIET and (
                not left
                or (
                    source_of(element) in self.publisher.unannounced
                    and self._hearers.has_told_of(element)
                )
            )
            if replaced or now - release.began >= self._patience:
                changes += self.end(element)
        return changes

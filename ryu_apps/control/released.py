"""Routes of hypervisors that another node is in charge of now.

A hypervisor that moves to another node forwards meanwhile, so its routes are kept as a node's that
died are: announced, and stale here, until the new owner announces them.  They have the same names
and say the same, so that nobody changes a flow.  When the new owner has been quiet for
:data:`QUIET` seconds it has announced everything, and what it did not announce goes; all goes
after ``patience`` seconds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ryu_apps.control.publish import Publisher
from ryu_apps.control.rib import BestChange, Rib
from ryu_apps.control.routes import Nlri, Path

SOURCE = "released:"
QUIET = 10.0


def source_of(element: str) -> str:
    """What the RIB calls the source of such routes."""
    return SOURCE + element


@dataclass(slots=True)
class _Release:
    nlris: tuple[Nlri, ...]
    began: float
    taken: int = 0
    """How many of the routes somebody else announced when it was last looked."""
    progress: float = 0.0
    """When that was another number."""


class Released:
    def __init__(self, rib: Rib, publisher: Publisher, patience: float) -> None:
        self._rib = rib
        self._publisher = publisher
        self._patience = patience
        self._releases: dict[str, _Release] = {}

    def kept(self) -> Iterator[Nlri]:
        """All routes that are kept."""
        for release in self._releases.values():
            yield from release.nlris

    def keep(self, element: str, paths: tuple[Path, ...], now: float) -> list[BestChange]:
        """Routes that the publisher gave up go on as stale ones; to be called before that."""
        changes = self.end(element)
        if not paths:
            return changes
        source = source_of(element)
        self._releases[element] = _Release(tuple(path.nlri for path in paths), now)
        changes += self._rib.update(source, paths)
        return changes + self._rib.peer_down(source)

    def end(self, element: str) -> list[BestChange]:
        """Let the routes go that are kept for an element."""
        release = self._releases.pop(element, None)
        if release is None:
            return []
        self._publisher.retract(release.nlris)
        return self._rib.end_of_rib(source_of(element))

    def tick(self, now: float) -> list[BestChange]:
        """Let those go whose time is over."""
        changes: list[BestChange] = []
        for element, release in list(self._releases.items()):
            taken = sum(nlri not in self._rib.stale_best for nlri in release.nlris)
            if taken != release.taken:
                release.taken, release.progress = taken, now
            over = taken and now - release.progress >= QUIET
            if over or now - release.began >= self._patience:
                changes += self.end(element)
        return changes

"""The node's copy of the stored configuration: what is loaded, watched and committed goes into it.

What cannot follow on it does not (:mod:`ryu_apps.control.config.lineage`): then there is a
``doubt``, and the copy stays as it is until the whole of the store, compared again, leaves none.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Any

from ryu_apps.configuration.known_state import KnownState
from ryu_apps.configuration.records import CONFIG, GENERATION, Reader, missing
from ryu_apps.control.config import lineage
from ryu_apps.control.config.ipam import AllocatingConfig
from ryu_apps.control.config.lineage import Lineage
from ryu_apps.control.config.model import Change
from ryu_apps.control.messages import ConfigAccepted, ConfigChanged, ConfigLoaded
from ryu_apps.store.base import Batch, Item
from ryu_apps.supervision import failed

LOG = logging.getLogger(__name__)

LOAD_BATCH = 2000
PORTS = f"{CONFIG}port/"


class ConfigCopy:
    """``previous``: what the node knew when it last ran; ``remembers``: whether it would know.
    ``most_lost``: see :func:`~ryu_apps.control.config.lineage.doubt`.  ``post``: takes
    ConfigChanged, ConfigAccepted and, once, when there is no doubt, ConfigLoaded.

    ``changed`` guards all of it, and is notified of changes.
    """

    def __init__(
        self, post: Callable[[Any], None], previous: KnownState | None, remembers: bool,
        most_lost: int,
    ) -> None:
        self.changed = threading.Condition()
        self.config = AllocatingConfig()
        self.reader = Reader()
        self.generation = 0
        """The revision of the last change of the configuration."""
        self.lineage: Lineage | None = previous.lineage if previous else None
        self.doubt = ""
        self.unfinished = False
        """The doubt is that an import or restoration has not come to its end."""
        self._post = post
        self._previous = previous
        self._remembers = remembers
        self._most_lost = most_lost
        self._taken = False
        """The copy is of the store, not empty yet."""
        self._loaded = False
        self._taken_at = 0
        """The revision of the store that was compared last."""
        self._own: dict[str, int] = {}
        """Keys that commits applied before the watch delivered them -> revision."""

    def state(self) -> KnownState | None:
        """What the next start compares with; None where there is nothing to rely on."""
        with self.changed:
            if self.lineage is None or self.doubt or not self._loaded:
                return None
            resources = sum(map(len, self.config.tables.values()))
            return KnownState(self.lineage, resources, len(self.config.ports))

    # ------------------------------------------------------------ the whole store

    def take(self, items: Sequence[Item], revision: int) -> str:
        """Compare with all that the store has, and become it if there is no doubt; returns the
        doubt.  Raises StoreError for values of a newer schema."""
        self.reader.skipped = 0
        changes = [change for item in items if (change := self.reader.loaded(item)) is not None]
        record = next((item for item in items if item.key == GENERATION), None)
        found = lineage.decode(record.value) if record is not None else None
        with self.changed:
            self.doubt = self._compare(items, found)
            self.unfinished = found is not None and bool(found.unfinished)
            # An older copy of ours is better than nothing: what it has can be served.
            older = self.doubt and not self._taken and found is not None and (
                self.lineage is not None and found.line == self.lineage.line
            )
            if not self.doubt or older:
                self._become(items, changes, revision)
            if not self.doubt:
                self._take_lineage(found)
                self.generation = record.revision if record is not None else 0
                self._own.clear()
                if not self._loaded:
                    self._loaded = True
                    self._post(ConfigLoaded(self._previous is not None, self._remembers))
            self.changed.notify_all()
            return self.doubt

    def _compare(self, items: Sequence[Item], found: Lineage | None) -> str:
        there = [item.key for item in items if item.key.startswith(PORTS)]
        if self._taken:
            resources = sum(map(len, self.config.tables.values()))
            before = len(self.config.ports)
            left = sum(key.removeprefix(PORTS) in self.config.ports for key in there)
        elif self._previous is not None:
            resources, before, left = self._previous.resources, self._previous.ports, len(there)
        else:
            resources = before = left = 0
        return lineage.doubt(self.lineage, found, resources, (before, left), self._most_lost)

    def _become(self, items: Sequence[Item], found: list[Change], revision: int) -> None:
        config = self.config
        changes = missing(config, items)
        changes += [one for one in found if config.get(one.kind, one.id) != one.resource]
        self._apply(changes)
        for start in range(0, len(changes), LOAD_BATCH):
            self._post(ConfigChanged(tuple(changes[start:start + LOAD_BATCH]), revision))
        self._taken, self._taken_at = True, revision

    def _take_lineage(self, found: Lineage | None) -> None:
        before = self.lineage
        if before is not None and found is not None and not found.line:
            # A node of an older version wrote: it counts as a change of the line all the same.
            found = before._replace(number=before.number + 1, token=found.token)
        self.lineage = found
        if before is not None and found is not None and before.line and found.line != before.line:
            LOG.warning("the configuration of line %s was accepted in place of %s", found.line,
                        before.line)
            self._post(ConfigAccepted())

    def _apply(self, changes: Sequence[Change]) -> None:
        for change in changes:
            try:
                self.config.apply(change)
            except Exception:  # one bad record must not take the others with it
                self.reader.skipped += 1
                failed("%s %s could not be applied", change.kind, change.id)

    # ------------------------------------------------------------ changes

    def watched(self, batch: Batch) -> bool:
        """Take in what the watch tells; False where the whole store has to be compared instead."""
        with self.changed:
            if self.doubt:
                return False
            if batch.restarted:
                self.doubt = "the store has another history than before; it is being compared"
                return False
            if batch.revision <= self._taken_at:
                return True
            changes, found = self._read(batch)
            self.doubt = self._reason_for_doubt(batch, changes, found)
            if self.doubt:
                self.unfinished = found is not None and bool(found.unfinished)
                return False
            self._apply(changes)
            if changes:
                self._post(ConfigChanged(tuple(changes), batch.revision))
            if found is not None:
                self._take_lineage(found)
                self.generation = batch.revision
            self.changed.notify_all()
            return True

    def _read(self, batch: Batch) -> tuple[list[Change], Lineage | None]:
        """What of a batch is news: changes, and the lineage if it was rewritten."""
        changes, found = [], None
        for key, value in batch.changes:
            own = self._own.get(key)
            if own is not None:
                if batch.revision >= own:
                    del self._own[key]
                if batch.revision <= own:
                    continue
            if key == GENERATION:
                if value is not None and batch.revision > self.generation:
                    found = lineage.decode(value)
                continue
            change = self.reader.change(key, value)
            if change is not None:
                changes.append(change)
        return changes, found

    def _reason_for_doubt(self, batch: Batch, changes: list[Change], found: Lineage | None) -> str:
        ports = self.config.ports
        lost = sum(
            change.kind == "port" and change.resource is None and change.id in ports
            for change in changes
        )
        if (GENERATION, None) in batch.changes:
            after: Lineage | None = None
        else:
            after = found or self.lineage
        resources = sum(map(len, self.config.tables.values()))
        return lineage.doubt(
            self.lineage, after, resources, (len(ports), len(ports) - lost), self._most_lost
        )

    def committed(
        self, keys: Sequence[str], changes: Sequence[Change], revision: int, made: Lineage
    ) -> None:
        """A transaction of ours was written at ``revision``."""
        with self.changed:
            if self.generation < revision:  # else the watch was faster
                self.generation = revision
                self.lineage = made
                for key in keys:
                    self._own[key] = revision
                self._apply(changes)
                self._post(ConfigChanged(tuple(changes), revision))
                self.changed.notify_all()

    def behind(self, item: Item | None) -> int:
        """How many changes the store has that the watch has not told."""
        found = lineage.decode(item.value) if item is not None else None
        with self.changed:
            if found is None or self.lineage is None or self.doubt:
                return 0
            return found.number - self.lineage.number if found.line == self.lineage.line else 0

    def is_refilled(self, item: Item | None) -> bool:
        """The generation as the store has it, of which the watch says nothing.  Where it is the
        one known here under another revision, the store was filled again with the same; else the
        whole store has to be compared, and the answer is False."""
        with self.changed:
            same = item is not None and lineage.decode(item.value) == self.lineage
            if item is not None and same:
                self.generation = item.revision
            elif not self.doubt:
                self.doubt = "the store has another history than before; it is being compared"
            return same

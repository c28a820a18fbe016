"""The node's copy of the configuration, and the only way to change it.

Every node holds the whole configuration in memory, fed by the store's watch.  A change is *planned*
by a pure function of that copy and written in one transaction that compares and rewrites
``/config/generation``; so a plan that was made from old data never gets written: it is made again.
Requests that come while a transaction is under way are committed together in the next one.

While the store is in doubt (:mod:`ryu_apps.configuration.copy`) nothing is written, until it is the
right one again or an operator accepts it.
"""

from __future__ import annotations

import json
import logging
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from ryu_apps.configuration.catching_up import CatchingUp
from ryu_apps.configuration.committing import Committing
from ryu_apps.configuration.copy import ConfigCopy
from ryu_apps.configuration.group_commit import Plan
from ryu_apps.configuration.guard import Behind, Guard
from ryu_apps.configuration.known_state import StateFile
from ryu_apps.configuration.owner_writer import OwnerWriter
from ryu_apps.configuration.records import CONFIG, GENERATION, STATUS
from ryu_apps.configuration.status_copy import StatusCopy
from ryu_apps.configuration.status_writer import StatusWriter
from ryu_apps.configuration.transfer import backup, document
from ryu_apps.configuration.transfer.imports import Import, read_wishes
from ryu_apps.control.config import lineage
from ryu_apps.control.config.config import Config
from ryu_apps.control.messages import (
    AssignElement,
    CatchUp,
    ConfigAccepted,
    ConfigDoubted,
    RecordStatus,
    Subscriptions,
)
from ryu_apps.store.base import (
    Batch,
    Compare,
    Delete,
    Put,
    Store,
    StoreError,
    Unavailable,
    Watch,
)

LOG = logging.getLogger(__name__)
T = TypeVar("T")


class Configuration:
    """``post``: takes events of :mod:`ryu_apps.control.messages`; must not block.  ``state_file``:
    where to remember what was known, for the next start; "": nowhere."""

    def __init__(
        self, store: Store, post: Callable[[Any], None], settings: Any, state_file: str = ""
    ):
        self.settings = settings
        self._store = store
        self._post = post
        max_operations = settings.store.max_operations
        self._state = StateFile(state_file)
        self._copy = ConfigCopy(
            post, self._state.load(), bool(state_file), settings.node.max_lost_ports
        )
        self._changed = self._copy.changed
        self._unread = "the store was not read yet"
        """Why there is nothing of the store yet."""
        self._hypervisors_doubt = ""
        self._trusted = False
        self._watches: list[Watch] = []
        self._writer = StatusWriter(store, max_operations)
        self._owners = OwnerWriter(store, max_operations)
        self._status = StatusCopy(post, self._writer, lambda: bool(self.doubt))
        self._catching_up = CatchingUp(store, self._status, post)
        self._guard = Guard(self._review, self._housekeeping)
        self._behind = Behind(lambda: self._copy.behind(self._store.get(GENERATION)))
        self._stopping = False
        self._committing = Committing(
            store, self._copy, max_operations, lambda: self.doubt, lambda: self._stopping,
            self._guard.wake,
        )

    @property
    def doubt(self) -> str:
        """Why the store is not followed and nothing is changed, or ""."""
        return self._unread or self._copy.doubt or self._hypervisors_doubt

    @property
    def answers(self) -> bool:
        """Whether the store answered what it was asked last; who need not wait for it looks
        here."""
        return self._store.answers

    @property
    def fault(self) -> str:
        """Why the copy is not what the store has, though there is no doubt, or ""."""
        return self._behind.fault

    @property
    def refused_records(self) -> int:
        """Status records that no store takes and that were left out."""
        return self._writer.refused

    @property
    def skipped(self) -> int:
        """Stored records that could not be understood and were left out."""
        return self._copy.reader.skipped

    def status(self) -> dict[str, Any]:
        """For people: whether the store is followed, and what of it this node has."""
        current = self._copy.lineage
        return {
            "followed": not self.doubt,
            "reason": self.doubt,
            "line": current.line if current else "",
            "changes": current.number if current else 0,
            "skipped": self.skipped,
            "refused_records": self.refused_records,
        }

    # ------------------------------------------------------------ life

    def start(self) -> None:
        """Load everything, post it, then watch; where the store does not answer yet, later.

        Posts StatusChanged, ConfigChanged (in large batches) and, once there is no doubt,
        ConfigLoaded.  Raises StoreError when the store holds values of a newer schema or refuses;
        single malformed records are skipped, counted in ``skipped`` and logged.
        """
        try:
            self._read()
        except Unavailable as error:
            self._unread = f"the store does not answer: {error}"
        self._writer.start()
        self._owners.start()
        self._catching_up.start()
        self._guard.start(self.doubt)

    def _read(self) -> None:
        """The first look at the store."""
        items, revision = self._store.list(CONFIG)
        statuses, status_revision = self._store.list(STATUS)
        self._status.loaded(statuses, status_revision)
        self._copy.take(items, revision)
        LOG.info("configuration loaded: %d resources, %d skipped",
                 self.read(lambda config: sum(map(len, config.tables.values()))), self.skipped)
        watches = [
            self._store.watch(CONFIG, revision, self._on_config),
            self._store.watch(STATUS, status_revision, self._on_status),
        ]
        with self._changed:
            self._watches = watches
            self._unread = ""

    def stop(self) -> None:
        """End watches and the status writer; pending commits fail.  The store stays open."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._catching_up.stop()
        self._guard.stop()  # before the watches, which it may still make
        for watch in self._watches:
            watch.cancel()
        self._watches = []
        self._housekeeping(time.monotonic())
        self._owners.stop()
        self._writer.stop()

    # ------------------------------------------------------------ use

    def read(self, function: Callable[[Config], T]) -> T:
        """``function(config)`` on a consistent configuration that must not be changed or kept.

        The resources in it are frozen and may be kept.
        """
        with self._changed:
            return function(self._copy.config)

    def commit(self, plan: Plan) -> Any:
        """Make the changes that ``plan(config)`` returns with its result; return the result.

        ``plan`` is a pure function; it may run more than once and must leave ``config`` as it found
        it.  What it raises comes out of here, and nothing is written.  After the return every
        :meth:`read` sees the change.  Raises Unavailable, TooLarge, Conflict (too much contention).
        """
        return self._committing.commit(plan)

    def put_status(self, key: str, record: dict | None, ephemeral: bool = False) -> None:
        """Write (None: delete) an observed-state record below ``/status/``.  Never blocks: the
        newest record of each key is written by a thread, with retries."""
        self._writer.put(key, record, ephemeral)

    # ------------------------------------------------------------ files

    def export(self) -> Iterator[bytes]:
        """The configuration as this node has it, as the lines of a file (:mod:`.transfer`).  Raises
        StoreError."""
        wishes = read_wishes(self._store)
        with self._changed:
            if self._unread:
                raise Unavailable(self._unread, definite=True)
            made = self._copy.lineage
            resources = [
                (kind, resource) for kind, table in self._copy.config.tables.items()
                for resource in table.values()
            ]
        return document.export(resources, wishes, made)

    def backup(self) -> Iterator[bytes]:
        """The whole of the store but for secrets, as the lines of a file.  Raises StoreError,
        FileError."""
        return backup.backup(self._store, secrets=False)

    def import_document(self, found: document.Document, dry_run: bool) -> Import:
        """Make the configuration what the document says; what stands in it already is not written.
        Returns when this node has it.  Raises StoreError, FileError; Conflict where somebody
        changed the configuration after it was compared."""
        made = Import(self._store, found)
        if not dry_run:
            self._committing.write_import(made)
        return made

    def wish(self, key: str, record: dict | None) -> None:
        """Write (None: take back) what an operator wishes of nodes and elements, and return when
        the store has it.  Raises StoreError."""
        value = json.dumps(record).encode() if record is not None else b""
        self._store.transact([], [Put(key, value) if record is not None else Delete(key)])

    # ------------------------------------------------------------ doubt

    def accept(self) -> None:
        """An operator's word: follow the store as it is now, here and at all nodes.  Without a
        doubt nothing happens.  Raises Unavailable; Conflict where the store changes meanwhile."""
        with self._committing.lock:
            if not self.doubt:
                return
            item = self._store.get(GENERATION)
            found = lineage.decode(item.value) if item is not None else None
            if found is not None and found.unfinished:
                raise Unavailable(
                    f"half a configuration cannot be accepted ({found.unfinished}); import or "
                    "restore again", definite=True,
                )
            made = lineage.accepted(uuid.uuid4().hex, self._copy.lineage, found)
            LOG.warning("an operator accepts what the store has, in spite of this: %s", self.doubt)
            self._store.transact(
                [Compare(GENERATION, item.revision if item is not None else 0)],
                [Put(GENERATION, made.encode())],
            )
            self._post(ConfigAccepted())
            self._hypervisors_doubt = ""
            self._review()
        self._guard.wake()

    def subscriptions(self) -> Subscriptions:
        return {
            ConfigDoubted: self.doubted,
            RecordStatus: lambda effect: self.put_status(
                effect.key, effect.value, effect.ephemeral
            ),
            AssignElement: self._owners.propose,
            CatchUp: self._catching_up.request,
        }

    def doubted(self, effect: ConfigDoubted) -> None:
        """What the hypervisors say of the configuration; controller thread."""
        if effect.reason and not self._hypervisors_doubt:
            LOG.error("no flow is deleted, and changes are refused: %s. To use what the store has: "
                      "vnctl config accept", effect.reason)
        self._hypervisors_doubt = effect.reason
        self._trusted = effect.trusted

    def _review(self) -> str:
        if self._unread:
            self._read()
        elif self._copy.doubt:
            self._copy.take(*self._store.list(CONFIG))
        return self._unread or self._copy.doubt

    def _housekeeping(self, now: float) -> None:
        self._status.tick(now)
        state = self._copy.state() if self._trusted else None
        if state is not None:
            self._state.save(state)
        if not self._unread and not self._stopping:
            try:
                self._behind.look(now)
            except StoreError as error:
                LOG.debug("the store cannot be looked at: %s", error)  # the check "store" says it

    # ------------------------------------------------------------ the watch

    def _on_config(self, batch: Batch) -> None:
        if not self._copy.watched(batch):
            self._guard.wake()

    def _on_status(self, batch: Batch) -> None:
        self._status.changed(batch, time.monotonic())

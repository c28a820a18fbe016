"""The config database contract: ordered keys, transactions with compare, watches from a revision.

Keys are ``str`` that start with "/", values are ``bytes``.  A store has one revision counter that
grows with every successful transaction; each key remembers the revision that wrote it last
(etcd's ``mod_revision``).  Implementations: memory, SQLite, etcd; one test suite runs on all.

All methods are thread-safe.  Watch callbacks run on a thread of the store's own, one batch at a
time and in revision order; they must return quickly.
"""

from __future__ import annotations

import abc
from collections.abc import Callable, Sequence
from typing import NamedTuple


class StoreError(Exception):
    """The store could not do what was asked; the text says what to do next."""


class Unavailable(StoreError):
    """No endpoint answered in time.  A transaction that raised this may or may not have happened
    unless ``definite`` is True, in which case it did not."""

    def __init__(self, text: str, definite: bool = False):
        super().__init__(text)
        self.definite = definite


class Conflict(StoreError):
    """A compare did not hold; nothing was written."""


class TooLarge(StoreError):
    """More operations, or bytes, than the store takes in one transaction; nothing was written."""


class Item(NamedTuple):
    key: str
    value: bytes
    revision: int


class Compare(NamedTuple):
    """Holds when the key's revision equals ``revision``; 0 means: the key does not exist."""

    key: str
    revision: int


class Put(NamedTuple):
    """``ephemeral``: the key goes when this store object's session ends: at close, or some seconds
    (``session_ttl``) after the process died."""

    key: str
    value: bytes
    ephemeral: bool = False


class Delete(NamedTuple):
    key: str


class Batch(NamedTuple):
    """All changes of one revision below the watched prefix, in key order; value None is a delete.

    After the store lost history (compaction, an endpoint restored) the watch compares with what it
    delivered before and delivers the difference as one batch: consumers see neither a gap nor
    an event twice.

    ``restarted``: the store has another history than before (another cluster, a restored or an
    emptied one).  Revisions may have gone back, the difference may be nobody's wish, and it may
    be empty.
    """

    revision: int
    changes: tuple[tuple[str, bytes | None], ...]
    restarted: bool = False


class Watch(abc.ABC):
    @abc.abstractmethod
    def cancel(self) -> None:
        """Stop; when this returns no further callback runs (unless called from the callback)."""


class Store(abc.ABC):
    """``max_operations``: of a transaction; None where there is no limit."""

    max_operations: int | None = None

    @abc.abstractmethod
    def list(self, prefix: str) -> tuple[list[Item], int]:
        """The items below ``prefix`` in key order, and the store revision they were read at."""

    @abc.abstractmethod
    def get(self, key: str) -> Item | None: ...

    @abc.abstractmethod
    def newest(self, prefix: str) -> int:
        """The revision of the item below ``prefix`` that was written last; 0 where there is none.
        As with ``list`` and ``get``, all that was acknowledged before the call is seen."""

    @abc.abstractmethod
    def transact(self, compares: Sequence[Compare], operations: Sequence[Put | Delete]) -> int:
        """Apply all operations atomically if all compares hold; return the new store revision.

        A key stands at most once in ``operations``.  Deleting an absent key is no error.  With no
        operations the current revision is returned.  Raises Conflict, TooLarge, Unavailable.
        """

    @abc.abstractmethod
    def watch(
        self, prefix: str, revision: int, on_batch: Callable[[Batch], None]
    ) -> Watch:
        """Deliver every change below ``prefix`` made after ``revision``, for ever, over
        reconnects.  Raises nothing for an unreachable server: it retries and logs."""

    @property
    @abc.abstractmethod
    def answers(self) -> bool:
        """Whether what was asked of it last got an answer.  Costs nothing, asks nothing."""

    @abc.abstractmethod
    def status(self) -> dict:
        """For people: ``{"kind", "ok", "revision", "endpoints": [...], "error"}``."""

    @abc.abstractmethod
    def close(self) -> None:
        """Ephemeral keys of this object go, watches end.  Idempotent."""

"""Who may write a hypervisor's database: the fence at the beginning of each transaction.  Pure.

The database itself holds which change of its owner it has heard of last
(``external_ids:vnc-epoch`` of the Open_vSwitch row).  A node's transaction begins with a ``wait``
(timeout 0) for the value that it counts on: the one it found when it claims the database, its own
epoch from then on.  One that was away for any time, paused or cut off, finds another value, and its
transaction fails whole; no clock takes part in that.

Sources: RFC 7047 section 5.2.6; section 5.1 for ``where``.
"""

from __future__ import annotations

from collections.abc import Callable

from ryu_apps.southbound.ovsdb.protocol.replica import Row
from ryu_apps.southbound.ovsdb.protocol.transaction import Operation, json_map

EPOCH_MARK = "vnc-epoch"
MAX_EPOCH = (1 << 63) - 1
"""OpenFlow compares generation ids by their signed difference (1.4 section 6.3.5)."""


def epoch_of(root: Row) -> tuple[int, str]:
    """(the epoch that the database holds, 0 for none; what is wrong with it, or "")."""
    given = root["external_ids"].get(EPOCH_MARK)
    if given is None:
        return 0, ""
    if isinstance(given, str) and given.isascii() and given.isdigit() and len(given) <= 19 \
            and int(given) <= MAX_EPOCH:
        return int(given), ""
    return 0, (
        f"external_ids:{EPOCH_MARK} is no number from 0 to {MAX_EPOCH} ({str(given)[:40]!r}): "
        "taken for 0"
    )


def fence(root_uuid: str, root: Row) -> Operation:
    """Fail the transaction where the database's epoch is not what ``root``, a row as it was seen,
    says.  Other keys of ``external_ids`` may have changed since then, unless there was no epoch:
    no condition says that a map lacks a key, so then all of it has to be as it was.
    """
    ids = root["external_ids"]
    where: list = [["_uuid", "==", ["uuid", root_uuid]]]
    if EPOCH_MARK in ids:
        where.append(["external_ids", "includes", json_map({EPOCH_MARK: ids[EPOCH_MARK]})])
        columns, row = [], {}
    else:
        columns, row = ["external_ids"], {"external_ids": json_map(ids)}
    return {
        "op": "wait", "timeout": 0, "table": "Open_vSwitch", "where": where,
        "columns": columns, "until": "==", "rows": [row],
    }  # fmt: skip


Root = tuple[str, Row] | None
"""The UUID and the row of the one Open_vSwitch row, as it was seen last."""


class Ownership:
    """Whether one session may write.  ``epoch``: this node's, 0 where nobody shares the element
    and nothing is fenced.  Each method that takes ``root`` is to be called with the newest."""

    def __init__(self) -> None:
        self.epoch = 0
        self._lost_to = 0
        self._fence: Operation | None = None
        """At the beginning of the transaction under way."""
        self._unconfirmed: list[Callable[[], None]] = []
        self._confirming: list[Callable[[], None]] = []
        """What to call when the transaction under way has succeeded."""

    def take(self, epoch: int) -> bool:
        """The element is this node's with ``epoch``; whether that is another than before."""
        changed = epoch != self.epoch
        if changed:
            self.epoch, self._lost_to = epoch, 0
        return changed

    def confirm(self, done: Callable[[], None]) -> None:
        """Call ``done`` when a transaction that begins after this has succeeded."""
        self._unconfirmed.append(done)

    @property
    def unconfirmed(self) -> bool:
        """Whether somebody waits for a transaction to begin."""
        return bool(self._unconfirmed)

    def lost_to(self, root: Root) -> tuple[int, bool]:
        """(the epoch of a later owner that the database has heard of, else 0; whether that is
        news)."""
        held = epoch_of(root[1])[0] if self.epoch and root is not None else 0
        if held <= self.epoch:
            return 0, False
        news = held != self._lost_to
        self._lost_to = held
        return held, news

    def begin(self, root: Root) -> list[Operation]:
        """A transaction begins; what it begins with."""
        self._confirming, self._unconfirmed = self._unconfirmed, []
        self._fence = self._fence_for(root)
        return [self._fence] if self._fence is not None else []

    def ended(self, error: str, at: int | None, root: Root) -> bool:
        """The transaction was answered.  ``error``: empty where it succeeded; ``at``: the operation
        that it is of.  True where the epoch was not what was counted on, and what it is instead
        is known by now: no failure to wait after."""
        confirming, self._confirming = self._confirming, []
        if error:
            self._unconfirmed = confirming + self._unconfirmed
        else:
            for done in confirming:
                done()
        return self._fence is not None and at == 0 and self._fence_for(root) != self._fence

    def _fence_for(self, root: Root) -> Operation | None:
        return fence(*root) if self.epoch and root is not None else None

"""Is this still the history of etcd that we know: which cluster, and how far it must have come?

Shared by all that talk to one etcd: what one of them saw, the others hold etcd to.
"""

from __future__ import annotations

import threading


class LostHistory(Exception):
    """A watch cannot go on from where it was; the difference has to be found by listing.
    ``restarted``: see Batch."""

    def __init__(self, text: str, restarted: bool = False):
        super().__init__(text)
        self.restarted = restarted


def forgotten(error: Exception) -> LostHistory:
    """etcd does not have a revision: compacted, or one that it has not come to yet."""
    return LostHistory(str(error), restarted="future revision" in str(error))


class History:
    """``number``: how many histories there have been."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.number = 0
        self._cluster = ""
        self._revision = 0

    def note_revision(self, revision: int) -> None:
        """An answer was of this revision; no later one may be of an older."""
        with self._lock:
            self._revision = max(self._revision, revision)

    def least(self) -> int:
        """The revision that a linearizable read which begins now must be of, at least."""
        return self._revision

    def broken(self, header: dict, least: int) -> str:
        """Why the header of a linearizable read belongs to another history, or "".  It is the one
        that is known from then on.  ``least``: as :meth:`least` was before the read.  Raises
        ValueError, LookupError for what is no header."""
        cluster, revision = header["cluster_id"], int(header["revision"])
        with self._lock:
            why = ""
            if self._cluster and cluster != self._cluster:
                why = "this is another cluster"
            elif revision < least:
                why = "etcd's revision went back"
            if why:
                self.number += 1
                self._revision = revision
            self._cluster, self._revision = cluster, max(self._revision, revision)
            return why

    def begins_anew(self, revision: int) -> None:
        """Somebody found out by other means that it is another history."""
        with self._lock:
            self.number += 1
            self._revision = revision

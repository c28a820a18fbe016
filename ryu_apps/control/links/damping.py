"""When a path that failed may carry traffic again.  Pure; time is an argument.

A path that comes and goes would take connections along each time, and its far end may not have its
routes yet when BFD is up again.  So it must have been up for a while, and each time that it fails
soon after it has returned that is twice as long, up to a bound.

BFD is up at one end before it is at the other (RFC 5880 section 6.2): an end that says Init hears
this one's packets from before, or none at all any more.  A path is no good until both say Up, each
of which has then heard that the other one hears it.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

LONGEST = 16
"""How many times the shortest wait the longest is."""
STEADY = 10
"""A path that failed no more for so many times the longest wait starts anew with the shortest."""


@dataclass(slots=True)
class _Path:
    is_up: bool
    was_up: bool
    wait: float = 0.0
    """Seconds that it has to be up before it returns; 0: it has not failed."""
    failed: float = 0.0
    returns: float | None = None
    """When it returns, if it stays up; None: the far end has to be up first."""


class Damping:
    """``wait``: seconds that a path has to be up after it failed once."""

    def __init__(self, wait: float) -> None:
        self._wait = wait
        self._paths: dict[Hashable, _Path] = {}
        self._returning: dict[Hashable, None] = {}

    def changed(
        self, path: Hashable, is_up: bool, now: float, is_far_up: bool = True
    ) -> None:
        """BFD says so of a path, here and at its far end.  One that was never seen up has not
        failed: it waits for its far end alone."""
        known = self._paths.get(path)
        if known is None:
            known = self._paths[path] = _Path(is_up, is_up)
            if is_up:
                self._returning[path] = None
        if is_up != known.is_up:
            self._turned(path, known, is_up, now)
        if path not in self._returning:
            return
        if not is_far_up:
            known.returns = None
        elif not known.wait:
            del self._returning[path]
        elif known.returns is None:
            known.returns = now + known.wait

    def _turned(self, path: Hashable, known: _Path, is_up: bool, now: float) -> None:
        known.is_up = is_up
        if not is_up:
            longest = self._wait * LONGEST
            again = known.wait and now - known.failed < longest * STEADY
            known.wait = min(2 * known.wait, longest) if again else self._wait
            known.failed = now
            self._returning.pop(path, None)
        else:
            self._returning[path] = None
        known.returns = None
        known.was_up |= is_up

    def has_failed(self, path: Hashable) -> bool:
        """It is down, and was up before."""
        known = self._paths.get(path)
        return known is not None and known.was_up and not known.is_up

    def is_held(self, path: Hashable) -> bool:
        """It is up, and has to wait."""
        return path in self._returning

    def returning(self, path: Hashable) -> float | None:
        """When a path that is held returns."""
        known = self._paths.get(path)
        return known.returns if known is not None and path in self._returning else None

    def forget(self, path: Hashable) -> None:
        """There is no such tunnel any more."""
        self._paths.pop(path, None)
        self._returning.pop(path, None)

    def tick(self, now: float) -> list[Hashable]:
        """The paths that return now."""
        found = [
            path for path in self._returning
            if (returns := self._paths[path].returns) is not None and now >= returns
        ]
        for path in found:
            del self._returning[path]
        return found

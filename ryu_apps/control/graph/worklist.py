"""A worklist: keys that are marked until the method that is called for them has succeeded."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple


class Stage(NamedTuple):
    """A row of the table.  ``key``: what is marked, in words; ``marked_by``: the classes that may
    mark it; ``drained_by``: the method that is called for each key, or ``together`` with a list of
    keys; ``doc``: when it is marked and what is done."""

    name: str
    key: str
    marked_by: tuple[str, ...]
    drained_by: str
    doc: str
    together: bool = False


@dataclass(slots=True)
class Failure:
    """A key that its consumer raised for, ``count`` times in a row; ``due``: the tick at which it
    is tried again."""

    error: str
    count: int = 0
    due: int = 0


class Worklist:
    """The keys that are marked in one stage, each once.

    ``mark``: takes one key, and is the store of a dict itself: marking is what every event does.
    ``marked``: the dict, whose keys count; it stays the same one.
    """

    __slots__ = ("_failed", "_together", "consumer", "failing", "mark", "marked", "stage")

    def __init__(
        self,
        stage: Stage,
        consumer: Callable | None = None,
        failed: Callable[[Worklist, Hashable, Exception], None] | None = None,
    ) -> None:
        self.stage = stage
        self.consumer = consumer
        self.failing: dict[Hashable, Failure] = {}
        self._failed = failed
        self._together = stage.together
        self.marked: dict = {}
        self.mark = self.marked.setdefault

    def mark_all(self, keys: Iterable[Hashable]) -> None:
        self.marked.update(dict.fromkeys(keys))

    def __bool__(self) -> bool:
        return bool(self.marked)

    def __len__(self) -> int:
        return len(self.marked)

    def __contains__(self, key: Hashable) -> bool:
        return key in self.marked

    def __iter__(self) -> Iterator:
        """What is marked now, without the keys that are set aside."""
        return iter(list(self.marked))

    def drain(self) -> None:
        """Have the consumer do what is marked.  What it marks here meanwhile waits for the next
        time.  A key that it raises an Exception for is set aside; should anything else be raised,
        all that is not done is marked again."""
        marked = self.marked
        if len(marked) == 1:
            keys = [marked.popitem()[0]]
        else:
            keys = list(marked)
            marked.clear()
            if self._together:
                try:
                    self.consumer(keys)
                except Exception:
                    pass  # Found out below whose fault it is.
                else:
                    self._done(keys)
                    return
        consumer = self.consumer
        if self._together:
            consumer = self._one_by_one
        rest = iter(keys)
        try:
            for key in rest:
                try:
                    consumer(key)
                except Exception as error:
                    self._failed(self, key, error)
                else:
                    if self.failing:
                        self.failing.pop(key, None)
        except BaseException:
            self.mark_all((key, *rest))
            raise

    def _one_by_one(self, key: Hashable) -> None:
        self.consumer([key])

    def _done(self, keys: Iterable[Hashable]) -> None:
        for key in keys if self.failing else ():
            self.failing.pop(key, None)

    def retry(self, tick: int) -> None:
        """Mark again what was set aside and is due."""
        self.mark_all([key for key, one in self.failing.items() if one.due <= tick])

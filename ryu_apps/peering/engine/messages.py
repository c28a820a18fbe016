"""Paths and route events as messages between the node and the engine's process.

:mod:`ryu_apps.peering.native.process` says what the messages are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ryu_apps.control.families import Family
from ryu_apps.control.messages import PathsReceived
from ryu_apps.control.routes import NLRI_CLASSES, Attributes, Nlri, Path

BATCH = 1000
"""Routes in one message."""
REMEMBERED = 20_000


def batches(changes: Mapping[Nlri, Path | None]) -> Iterator[list]:
    """``withdraw`` and ``announce`` messages that say what has changed, each of one family; None:
    withdrawn."""
    gone: dict[Family, list[tuple]] = {}
    paths: dict[Family, list[Path]] = {}
    for nlri, path in changes.items():
        if path is None:
            gone.setdefault(nlri.family, []).append((nlri.route_type, nlri[:-1]))
        else:
            paths.setdefault(nlri.family, []).append(path)
    for family, items in gone.items():
        for at in range(0, len(items), BATCH):
            yield ["withdraw", family, items[at : at + BATCH]]
    for family, announced in paths.items():
        for at in range(0, len(announced), BATCH):
            yield _announce(family, announced[at : at + BATCH])


def _announce(family: Family, paths: list[Path]) -> list:
    table: dict[Attributes, int] = {}
    items = [
        (nlri.route_type, nlri[:-1], table.setdefault(attrs, len(table)), labels, esi, gateway)
        for nlri, attrs, labels, esi, gateway in paths]
    return ["announce", family, list(table), items]


def nlris_of(message: list) -> list[Nlri]:
    """The NLRIs that a message of :func:`batches` is about."""
    family, items = message[1], message[-1]
    return [NLRI_CLASSES[family, item[0]](*item[1]) for item in items]


class Recent:
    """What was used last, between REMEMBERED and twice as many: it must not keep in memory what
    nobody announces any more."""

    def __init__(self) -> None:
        self._young: dict[Any, Any] = {}
        self._old: dict[Any, Any] = {}

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def get(self, key: Any) -> Any:
        """The value that was put for a key, or None where it is not known any more."""
        value = self._young.get(key)
        if value is None:
            value = self._old.pop(key, None)
            if value is not None:
                self.put(key, value)
        return value

    def put(self, key: Any, value: Any) -> None:
        """Remember a value."""
        if len(self._young) >= REMEMBERED:
            self._old, self._young = self._young, {}
        self._young[key] = value

    def share(self, key: Any) -> Any:
        """The key itself, as the object that was seen first."""
        earlier = self.get(key)
        if earlier is None:
            self.put(key, key)
            return key
        return earlier


class PathsDecoder:
    """``paths`` messages as events.  What stands in many routes is kept once: a full table repeats
    few sets of attributes and few route distinguishers."""

    def __init__(self) -> None:
        self._attributes: Recent = Recent()
        self._names: Recent = Recent()

    def event(self, peer: str, family: Family, table: tuple, items: tuple, withdrawn: tuple
              ) -> PathsReceived:
        """Of the arguments of one message.  KeyError for a route type without a class."""
        shared = [self._intern(values) for values in table]
        nlri = self._nlri
        classes = {kind: NLRI_CLASSES[family, kind]
                   for kind in {item[0] for item in (*items, *withdrawn)}}
        return PathsReceived(
            peer,
            tuple(Path(nlri(classes[kind], fields), shared[index], labels, esi, gateway)
                  for kind, fields, index, labels, esi, gateway in items),
            tuple(nlri(classes[kind], fields) for kind, fields in withdrawn))

    def _intern(self, values: tuple) -> Attributes:
        shared = self._attributes.get(values)
        if shared is None:
            # Other sets of attributes have the same targets, in strings of their own.
            targets = tuple(self._names.share(target) for target in values[1])
            shared = Attributes(*values)._replace(rts=targets)
            self._attributes.put(shared, shared)
        return shared

    def _nlri(self, of: type[Nlri], fields: tuple) -> Nlri:
        return of(self._names.share(fields[0]), *fields[1:])

"""Paths and route events as messages between the node and the engine's process.

:mod:`ryu_apps.peering.native.process` says what the messages are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ryu_apps.control.messages import PathsReceived
from ryu_apps.control.routes import Attributes, Imet, IpPrefix, MacIp, Nlri, Path

BATCH = 1000
"""Routes in one message."""
REMEMBERED = 20_000
_NLRI = {2: MacIp, 3: Imet, 5: IpPrefix}


def batches(changes: Mapping[Nlri, Path | None]) -> Iterator[list]:
    """``withdraw`` and ``announce`` messages that say what has changed; None: withdrawn."""
    gone = [(nlri.route_type, nlri) for nlri, path in changes.items() if path is None]
    paths = [path for path in changes.values() if path is not None]
    for at in range(0, len(gone), BATCH):
        yield ["withdraw", gone[at : at + BATCH]]
    for at in range(0, len(paths), BATCH):
        table: dict[Attributes, int] = {}
        items = [(nlri.route_type, nlri, table.setdefault(attrs, len(table)), labels, esi, gateway)
                 for nlri, attrs, labels, esi, gateway in paths[at : at + BATCH]]
        yield ["announce", list(table), items]


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
        known = self.get(key)
        if known is None:
            self.put(key, key)
            return key
        return known


class PathsDecoder:
    """``paths`` messages as events.  What stands in many routes is kept once: a full table repeats
    few sets of attributes and few route distinguishers."""

    def __init__(self) -> None:
        self._attributes: Recent = Recent()
        self._names: Recent = Recent()

    def event(self, peer: str, table: tuple, items: tuple, withdrawn: tuple) -> PathsReceived:
        """Of the arguments of one message."""
        shared = [self._intern(values) for values in table]
        nlri = self._nlri
        return PathsReceived(
            peer,
            tuple(Path(nlri(kind, fields), shared[index], labels, esi, gateway)
                  for kind, fields, index, labels, esi, gateway in items),
            tuple(nlri(kind, fields) for kind, fields in withdrawn))

    def _intern(self, values: tuple) -> Attributes:
        known = self._attributes.get(values)
        if known is None:
            # Other sets of attributes have the same targets, in strings of their own.
            targets = tuple(self._names.share(target) for target in values[1])
            known = Attributes(*values)._replace(rts=targets)
            self._attributes.put(known, known)
        return known

    def _nlri(self, route_type: int, fields: tuple) -> Nlri:
        return _NLRI[route_type](self._names.share(fields[0]), *fields[1:])

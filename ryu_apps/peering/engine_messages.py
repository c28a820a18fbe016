"""Paths and route events as messages between the node and the engine's process.

:mod:`ryu_apps.peering.process` says what the messages are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ryu_apps.control.messages import PathsReceived
from ryu_apps.control.routes import Attributes, Imet, IpPrefix, MacIp, Nlri, Path

BATCH = 1000
"""Routes in one message."""
_INTERNED = 100_000
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


class PathsDecoder:
    """``paths`` messages as events.  What stands in many routes is kept once: a full table repeats
    few sets of attributes and few route distinguishers."""

    def __init__(self) -> None:
        self._attributes: dict[tuple, Attributes] = {}
        self._names: dict[str, str] = {}

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
            if len(self._attributes) >= _INTERNED:
                self._attributes.clear()
            known = self._attributes[values] = Attributes(*values)
        return known

    def _nlri(self, route_type: int, fields: tuple) -> Nlri:
        if len(self._names) >= _INTERNED:
            self._names.clear()
        return _NLRI[route_type](self._names.setdefault(fields[0], fields[0]), *fields[1:])

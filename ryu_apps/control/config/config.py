"""The whole configuration with its indexes, as every node has it.

It is fed from the store in revision order, so that validation, address allocation and translation
are pure functions of it.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from typing import Any

from ryu_apps.control.config.model import ALL_KINDS, KINDS, Change, Resource
from ryu_apps.control.config.resources.kind import Keys, Projection

Members = dict[Hashable, dict[Any, None]]


class Config:
    """All resources with the indexes that validation and translation need.

    Changed only through :meth:`apply`; the order of changes does not matter for the result.

    Each kind has a table id -> resource, under its plural: ``config.ports``.  Each index that a
    kind declares is here under its name, key -> ids in a dict used as an ordered set:
    ``config.ports_by_network``.

    ``counts``: (kind, project id) -> how many resources of the kind the project has.
    """

    def __init__(self) -> None:
        self.tables: dict[str, dict[str, Any]] = {name: {} for name in KINDS}
        self.counts: dict[tuple[str, str], int] = {}
        found: dict[str, Members] = {}
        self._indexes: dict[str, list[tuple[Keys, Members, bool]]] = {
            name: [
                (index.keys, found.setdefault(index.name, {}), index.across)
                for index in kind.indexes
            ]
            for name, kind in KINDS.items()
        }
        self.__dict__.update(found)
        self.__dict__.update({KINDS[name].table: table for name, table in self.tables.items()})
        self._projected = {
            name: Projected(self, kind.projection)
            for name, kind in ALL_KINDS.items() if kind.projection is not None
        }

    def table(self, kind: str) -> Mapping[str, Any]:
        """Id -> resource, also of what is stored as a part of others."""
        return self._projected[kind] if kind in self._projected else self.tables[kind]

    def whole(self, kind: str, part: Resource) -> Change:
        """The change of the resource that a part is stored in."""
        table = self._projected[kind]
        made = table.projection.write(table.whole(part.id), part)
        return Change(table.projection.of, made.id, made)

    def get(self, kind: str, id: str) -> Resource | None:
        """The resource, or None."""
        return self.table(kind).get(id)

    def apply(self, change: Change) -> Resource | None:
        """Apply one change and return the resource as it was before, or None."""
        table = self.tables[change.kind]
        old = table.get(change.id)
        if old is not None:
            self._unindex(change.kind, old)
            self._count(change.kind, old.project_id, -1)
        if change.resource is None:
            table.pop(change.id, None)
        else:
            table[change.id] = change.resource
            self._index(change.kind, change.resource)
            self._count(change.kind, change.resource.project_id, 1)
        return old

    def _count(self, kind: str, project_id: str, more: int) -> None:
        key = kind, project_id
        count = self.counts.get(key, 0) + more
        if count:
            self.counts[key] = count
        else:
            del self.counts[key]

    def _index(self, kind: str, item: Any) -> None:
        id = item.id
        for keys, index, across in self._indexes[kind]:
            found = keys(item)
            if not found:
                continue
            if type(found) is str:
                found = (found,)
            value = (kind, id) if across else id
            for key in found:
                members = index.get(key)
                if members is None:
                    index[key] = {value: None}
                else:
                    members[value] = None

    def _unindex(self, kind: str, item: Any) -> None:
        id = item.id
        for keys, index, across in self._indexes[kind]:
            found = keys(item)
            if not found:
                continue
            if type(found) is str:
                found = (found,)
            value = (kind, id) if across else id
            for key in found:
                members = index.get(key)
                if members is not None:
                    members.pop(value, None)
                    if not members:
                        del index[key]


class Projected(Mapping[str, Any]):
    """Parts of the resources of another kind, by their own ids; made as they are asked for."""

    def __init__(self, config: Config, projection: Projection):
        self._wholes = config.tables[projection.of]
        self._ids: Members = getattr(config, projection.index)
        self.projection = projection

    def whole(self, id: str) -> Any:
        """What the part is stored in.  Raises KeyError."""
        return self._wholes[next(iter(self._ids[id]))]

    def __getitem__(self, id: str) -> Any:
        return self.projection.read(self.whole(id))

    def __iter__(self) -> Iterator[Any]:
        return iter(self._ids)

    def __len__(self) -> int:
        return len(self._ids)

"""A draft of configuration changes, the context of a request, and the error of a rule."""

from __future__ import annotations

import dataclasses
import itertools
import json
import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ryu_apps.control.config import access
from ryu_apps.control.config.access import UNLIMITED, Authority
from ryu_apps.control.config.config import Config
from ryu_apps.control.config.model import ALL_KINDS, Change, Resource

MAX_TAGS, MAX_TAG = 50, 255
ETHERNET_MTU = 1500


class RuleError(Exception):
    """A request is refused.  ``status``: HTTP status; ``type``: the Networking API's error type;
    ``message``: what is wrong and what to do about it."""

    def __init__(self, status: int, type: str, message: str):
        super().__init__(message)
        self.status, self.type, self.message = status, type, message


def bad_request(message: str, type: str = "BadRequest") -> RuleError:
    return RuleError(400, type, message)


def conflict(type: str, message: str) -> RuleError:
    return RuleError(409, type, message)


def not_found(kind: str, id: str) -> RuleError:
    title = ALL_KINDS[kind].title
    return RuleError(404, f"{title}NotFound", f"{title} {id} could not be found.")


@dataclass(frozen=True)
class Context:
    """What a rule may know besides the configuration.

    ``now``: time of the request, "2026-01-31T12:00:00Z"; ``new_id``: makes identifiers; ``source``:
    of randomness for MACs; ``mtu``, ``mdns``, ``igmp_snooping``: of new networks; ``max_mtu``:
    what the overlay carries; ``physical_mtus``: what physical networks carry, "" for those that
    are not named;
    ``quotas``: kind -> the most of it that a project may have where nobody said otherwise;
    ``project_id``: default project of what is created; ``if_match``: the revision_number that the
    client saw, or None; ``unattached``: names of the hypervisors with ports of the network that is
    changed which are not attached to a physical network.
    """

    now: str
    new_id: Callable[[], str]
    source: random.Random
    vni_range: tuple[int, int]
    mac_prefix: str
    mtu: int
    max_mtu: int
    mdns: str
    igmp_snooping: bool
    quotas: Mapping[str, int]
    project_id: str = ""
    if_match: int | None = None
    physical_mtus: Mapping[str, int] = dataclasses.field(default_factory=dict)
    unattached: Callable[[str], list[str]] = lambda physical_network: []

    def physical_mtu(self, physical_network: str) -> int:
        """The largest IP packet that a physical network carries."""
        mtus = self.physical_mtus
        return mtus.get(physical_network) or mtus.get("") or ETHERNET_MTU


class Draft:
    """Changes tried out on a Config, so that later ones in a request see the earlier ones.

    A context manager: on exit the Config is as before.  ``config`` may be read freely, but what a
    request names must be looked up with :meth:`get`: ``who`` must see it.
    """

    def __init__(self, config: Config, who: Authority = UNLIMITED):
        self.config = config
        self.who = who
        self._undo: list[Change] = []
        self._changes: dict[tuple[str, str], Change] = {}

    def __enter__(self) -> Draft:
        return self

    def __exit__(self, *exc_info: object) -> None:
        for change in reversed(self._undo):
            self.config.apply(change)
        self._undo.clear()

    def changes(self) -> list[Change]:
        """What the draft adds up to, one change per resource."""
        return list(self._changes.values())

    def created(self, kind: str) -> list[Any]:
        """The resources of a kind that were not there before."""
        first: dict[str, Any] = {}
        for change in self._undo:
            if change.kind == kind:
                first.setdefault(change.id, change.resource)
        table = self.config.tables[kind]
        return [table[id] for id, old in first.items() if old is None and id in table]

    def get(self, kind: str, id: str) -> Any:
        """The resource that a request names.  Raises RuleError 404, also where the client does not
        see it."""
        if not self.sees(kind, id):
            raise not_found(kind, id)
        return self.config.table(kind)[id]

    def sees(self, kind: str, id: str) -> bool:
        """Whether there is such a resource for the client."""
        found = self.config.get(kind, id)
        return found is not None and access.visible(self.config, self.who, kind, found)

    def names(self, kind: str, ids: Iterable[str], limit: int = 3) -> str:
        """A few of the ids, for a message: of what the client does not see, only that it is
        there."""
        seen, count = [], 0
        for id in ids:
            count += 1
            if len(seen) < limit and self.sees(kind, id):
                seen.append(id)
        if not seen:
            return "of another project"
        return ", ".join(seen) + (f" and {count - len(seen)} more" if count > len(seen) else "")

    def put(self, kind: str, resource: Resource) -> Any:
        part = ALL_KINDS[kind].projection is not None
        self._record(
            self.config.whole(kind, resource) if part else Change(kind, resource.id, resource)
        )
        return resource

    def delete(self, kind: str, id: str) -> None:
        self._record(Change(kind, id, None))

    def replace(self, kind: str, old: Resource, context: Context, **fields: Any) -> Any:
        """Store a new version of ``old``: revision_number and updated_at move on if anything
        changed.  Raises RuleError 412 if the client expected another revision."""
        check_revision(kind, old, context)
        new = dataclasses.replace(old, **fields)
        if new == old:
            return old
        return self.put(
            kind,
            dataclasses.replace(
                new, revision_number=old.revision_number + 1, updated_at=context.now
            ),
        )

    def touch(self, kind: str, id: str, context: Context) -> None:
        """What belongs to a resource changed: it has a new revision."""
        old = self.config.tables[kind].get(id)
        if old is not None:
            self.put(kind, dataclasses.replace(
                old, revision_number=old.revision_number + 1, updated_at=context.now
            ))

    def _record(self, change: Change) -> None:
        old = self.config.apply(change)
        self._undo.append(Change(change.kind, change.id, old))
        self._changes[change.kind, change.id] = change


def check_revision(kind: str, old: Resource, context: Context) -> None:
    """Honour ``If-Match: revision_number=N``.  Raises RuleError 412."""
    if context.if_match is not None and context.if_match != old.revision_number:
        raise RuleError(
            412,
            "RevisionNumberConstraintFailed",
            f"{ALL_KINDS[kind].title} {old.id} has revision_number {old.revision_number}, the "
            f"request expected {context.if_match}. Read it again and repeat the change.",
        )


def common(body: dict[str, Any], context: Context) -> dict[str, Any]:
    """:func:`standard`, and the name."""
    return {"name": body.get("name") or "", **standard(body, context)}


def standard(body: dict[str, Any], context: Context) -> dict[str, Any]:
    """The fields that every resource starts with, from a create request's body."""
    return {
        "id": context.new_id(),
        "project_id": project(body, context),
        "description": body.get("description") or "",
        "tags": tags(body.get("tags") or ()),
        "revision_number": 1,
        "created_at": context.now,
        "updated_at": context.now,
    }


def project(body: dict[str, Any], context: Context) -> str:
    """``project_id`` or its old alias ``tenant_id``, else the client's project."""
    new, old = body.get("project_id"), body.get("tenant_id")
    if new and old and new != old:
        raise bad_request("'project_id' and 'tenant_id' must have the same value; send one of them")
    return new or old or context.project_id


def tags(values: Iterable[str]) -> tuple[str, ...]:
    """Sorted.  Raises RuleError: at most 50, each once, 1 to 255 characters each."""
    found = sorted(values)
    double = next((one for one, other in itertools.pairwise(found) if one == other), None)
    if double is not None:
        raise bad_request(
            f"Invalid input for operation: Duplicate items in the list: '{double}'.",
            "InvalidInput",
        )
    if len(found) > MAX_TAGS:
        raise bad_request(
            f"The number of tags exceed the per-resource limit of {MAX_TAGS}", "BadRequest"
        )
    for tag in found:
        if not 1 <= len(tag) <= MAX_TAG:
            raise bad_request(
                f"Invalid input for operation: a tag has 1 to {MAX_TAG} characters, not "
                f"{len(tag)}.", "InvalidInput",
            )
    return tuple(found)


def plain(body: dict[str, Any], *names: str) -> dict[str, Any]:
    """Those of the fields ``names`` that an update's body has, lists as tuples."""
    return {
        name: tuple(body[name]) if isinstance(body[name], list) else body[name]
        for name in names
        if name in body
    }


def profile(value: dict[str, Any] | None) -> str:
    """``binding:profile`` in its stored form."""
    return json.dumps(value or {}, sort_keys=True, separators=(",", ":"))

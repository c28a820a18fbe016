"""The audit trail: who changed what, from where, in one line of JSON for each resource.

The logger is ``ryu_apps.audit``.  A line has ``request_id`` (the one of the answer's
``X-Openstack-Request-Id``), ``user_id``, ``user_name``, ``project_id``, ``roles``, ``address``,
``method``, ``path``, ``status``, and of what changed ``kind``, ``id``, ``action``, ``before`` and
``after``: all fields of what came or went, and those that differ of what was changed.  A request
that changed something else, as ``/v1`` does, has a line without these.  What proves who somebody is
never stands there.
"""

from __future__ import annotations

import dataclasses
import json
import logging
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any, NamedTuple

from ryu_apps.store.base import Unavailable

LOG = logging.getLogger("ryu_apps.audit")
SECRET = "secret/"
"""Kinds of records that begin so are named alone."""
MAX_VALUE = 1000
"""Characters of a value; of a longer one there is the beginning."""
FOLLOWS = frozenset(("revision_number", "updated_at"))
"""Fields that change whenever another one does."""


class Noted(NamedTuple):
    """A change of a resource; ``before`` and ``after`` None where there is none."""

    kind: str
    id: str
    before: Any
    after: Any


class Trail:
    """What one request changed.  ``unknown``: the store did not say whether it has it."""

    def __init__(self) -> None:
        self.noted: list[Noted] = []
        self.unknown = False


_TRAIL: ContextVar[Trail | None] = ContextVar("trail", default=None)


def begin() -> Trail:
    """A request begins; what this thread commits from now on is of it."""
    trail = Trail()
    _TRAIL.set(trail)
    return trail


def committed(commit: Callable[[Any], Any], plan: Callable[[Any], tuple[list[Any], Any]]) -> Any:
    """``commit(plan)``, noting what it changes.  ``plan(state)`` gives changes, each with ``kind``,
    ``id`` and what is there from now on, and a result; ``state.tables`` has what was there.  A plan
    may be made several times, and by any thread."""
    noted: list[Noted] = []

    def noting(state: Any) -> tuple[list[Any], Any]:
        changes, result = plan(state)
        noted[:] = [
            Noted(kind, id, state.tables[kind].get(id), after) for kind, id, after in changes
        ]
        return changes, result

    trail = _TRAIL.get() or Trail()
    try:
        result = commit(noting)
    except Unavailable as error:
        if not error.definite:
            trail.noted += noted
            trail.unknown = True
        raise
    trail.noted += noted
    return result


def record(trail: Trail, request: Mapping[str, Any], status: int) -> None:
    """Write what a request has changed.  ``request``: the fields of every line."""
    if not LOG.isEnabledFor(logging.INFO):
        return
    said = {**request, "status": status}
    if trail.unknown:
        said["outcome"] = "unknown"
    if not trail.noted and status < 400:
        _write(said)
    for one in trail.noted:
        before, after = _differing(one)
        action = "create" if one.before is None else "delete" if one.after is None else "update"
        _write({**said, "kind": one.kind, "id": one.id, "action": action, "before": before,
                "after": after})


def _write(fields: Mapping[str, Any]) -> None:
    LOG.info("%s", json.dumps(fields, separators=(",", ":")))


def _differing(one: Noted) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    if one.kind.startswith(SECRET):
        return None, None
    before, after = _plain(one.before), _plain(one.after)
    if before is None or after is None:
        return before, after
    names = [name for name in after
             if name not in FOLLOWS and before.get(name) != after[name]]
    return {name: before.get(name) for name in names}, {name: after[name] for name in names}


def _plain(resource: Any) -> dict[str, Any] | None:
    if resource is None:
        return None
    return {
        field.name: _bounded(getattr(resource, field.name))
        for field in dataclasses.fields(resource)
    }


def _bounded(value: Any) -> Any:
    if isinstance(value, str | int | float | bool | None):
        return value if not isinstance(value, str) or len(value) <= MAX_VALUE else _short(value)
    text = json.dumps(value, separators=(",", ":"), default=dataclasses.asdict)
    return json.loads(text) if len(text) <= MAX_VALUE else _short(text)


def _short(text: str) -> str:
    return f"{text[:MAX_VALUE]}... ({len(text)} characters)"

"""Who may do what, by what the kinds declare (:mod:`ryu_apps.control.config.resources.access`)."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

from ryu_apps.control.config.access.principal import Principal
from ryu_apps.control.config.config import Config
from ryu_apps.control.config.model import KINDS
from ryu_apps.control.config.resources.access import Attribute, Needs


def proposed(kind: str, project_id: str, body: dict[str, Any]) -> SimpleNamespace:
    """Of a resource that is to be created with ``body``, what relations look at."""
    parent = KINDS[kind].parent
    within = {} if parent is None else {parent.field: body[parent.field]}
    return SimpleNamespace(project_id=project_id, **within)


def visible(config: Config, who: Principal, kind: str, item: Any) -> bool:
    """Whether a client sees a resource at all."""
    return _holds(config, who, KINDS[kind].access.read, item)


def only_visible(config: Config, who: Principal, kind: str, items: Iterable[Any]) -> list[Any]:
    """Those of the resources that a client sees."""
    if who.admin:
        return list(items)
    project, tables, needs = who.project_id, config.tables, KINDS[kind].access.read
    return [
        item for item in items if any(relation(tables, project, item) for relation in needs)
    ]


def allowed(config: Config, who: Principal, kind: str, action: str, item: Any) -> bool:
    """Whether a client may "create", "update" or "delete" it; its attributes are another matter."""
    return _holds(config, who, getattr(KINDS[kind].access, action), item)


def attribute_refused(
    config: Config, who: Principal, kind: str, action: str, item: Any, names: Iterable[str]
) -> str:
    """The first of the attributes ``names`` that a client may not set by this action, or ""."""
    if who.admin:
        return ""
    for name in names:
        if not _holds(config, who, getattr(_attribute(kind, name), action), item):
            return name
    return ""


def hidden(who: Principal, kind: str, names: Iterable[str]) -> frozenset[str]:
    """Those of the attributes ``names`` that a client does not see of any resource."""
    if who.admin:
        return frozenset()
    return frozenset(name for name in names if not _attribute(kind, name).read)


def _holds(config: Config, who: Principal, needs: Needs, item: Any) -> bool:
    project, tables = who.project_id, config.tables
    return who.admin or any(relation(tables, project, item) for relation in needs)


@functools.cache
def _attribute(kind: str, name: str) -> Attribute:
    attributes = KINDS[kind].access.attributes
    prefix, colon, _ = name.partition(":")
    return attributes.get(name) or attributes.get(f"{prefix}{colon}*") or Attribute()

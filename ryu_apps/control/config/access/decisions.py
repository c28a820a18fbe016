"""Who may do what with a resource: the names of the rules, and what they are asked with."""

from __future__ import annotations

from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

from ryu_apps.control.config.access.authority import Authority, Target
from ryu_apps.control.config.access.sharing import is_way_out, shared_with
from ryu_apps.control.config.config import Config
from ryu_apps.control.config.model import ALL_KINDS


def proposed(kind: str, project_id: str, body: dict[str, Any]) -> SimpleNamespace:
    """Of a resource that is to be created with ``body``, what a target is made of."""
    parent = ALL_KINDS[kind].parent
    within = {} if parent is None else {parent.field: body[parent.field]}
    return SimpleNamespace(id="", project_id=project_id, shared=False, **within)


def target(config: Config, who: Authority, kind: str, item: Any) -> Target:
    """What policies look at of a resource, or of what is proposed, when ``who`` asks."""
    project = who.project_id
    own = item.project_id, shared_with(config, project, kind, item)
    parent = ALL_KINDS[kind].parent
    found = None if parent is None else config.tables[parent.kind].get(getattr(item, parent.field))
    outside = is_way_out(config, project, item)
    if parent is None or found is None:
        return Target(kind, *own, external=outside)
    return Target(
        kind, *own, found.project_id, shared_with(config, project, parent.kind, found), outside,
        is_way_out(config, project, found),
    )


def visible(config: Config, who: Authority, kind: str, item: Any) -> bool:
    """Whether a client sees a resource at all."""
    return _may(config, who, f"get_{kind}", kind, item)


def only_visible(config: Config, who: Authority, kind: str, items: Iterable[Any]) -> list[Any]:
    """Those of the resources that a client sees."""
    rule = f"get_{kind}"
    decided = who.regardless(rule)
    if decided is not None:
        return list(items) if decided else []
    return [item for item in items if who.may(rule, target(config, who, kind, item))]


def allowed(config: Config, who: Authority, kind: str, action: str, item: Any) -> bool:
    """Whether a client may "create", "update" or "delete" it; its attributes are another matter."""
    return _may(config, who, f"{action}_{kind}", kind, item)


def attribute_refused(
    config: Config, who: Authority, kind: str, action: str, item: Any, names: Iterable[str]
) -> str:
    """The first of the attributes ``names`` that a client may not set by this action, or ""."""
    for name in names:
        if not _may(config, who, f"{action}_{kind}:{name}", kind, item):
            return name
    return ""


def hidden(who: Authority, kind: str, names: Iterable[str]) -> frozenset[str]:
    """Those of the attributes ``names`` that a client does not see.  A rule that looks at the
    resource hides, as lists are filtered and sorted by what is shown of all."""
    return frozenset(name for name in names if not who.regardless(f"get_{kind}:{name}"))


def _may(config: Config, who: Authority, rule: str, kind: str, item: Any) -> bool:
    decided = who.regardless(rule)
    return who.may(rule, target(config, who, kind, item)) if decided is None else decided

"""Whether the client may do what a request asks for, by :mod:`ryu_apps.control.config.access`.

What it does not see does not exist for it (404); what it sees and may not do is 403.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from ryu_apps.control.config import access
from ryu_apps.control.config.model import ALL_KINDS
from ryu_apps.control.config.rules.draft import Draft, RuleError, bad_request


def may_create(draft: Draft, kind: str, body: dict[str, Any], attributes: Collection[str]) -> None:
    """``attributes``: those that the request sets, as the API names them.  Raises RuleError 400,
    403, 404."""
    project = draft.who.project_id
    for name in ("project_id", "tenant_id"):
        if not draft.who.admin and body.get(name) and body[name] != project:
            raise bad_request(
                "Specifying 'project_id' other than the authenticated project in request is not "
                "allowed for the current user.", "HTTPBadRequest",
            )
    parent = ALL_KINDS[kind].parent
    if parent is not None:
        draft.get(parent.kind, body[parent.field])
    _require(draft, kind, "create", access.proposed(kind, project, body), attributes)


def may(
    draft: Draft, kind: str, id: str, action: str, attributes: Collection[str] = ()
) -> None:
    """``action``: "update" or "delete".  Raises RuleError 403, 404."""
    _require(draft, kind, action, draft.get(kind, id), attributes)


def _require(
    draft: Draft, kind: str, action: str, item: Any, attributes: Collection[str]
) -> None:
    config, who = draft.config, draft.who
    if not access.allowed(config, who, kind, action, item):
        raise refused(f"{action}_{kind}", f"this project may not {action} it")
    name = access.attribute_refused(config, who, kind, action, item, attributes)
    if name:
        raise refused(f"{action}_{kind}:{name}", f"this project may not set '{name}' here")


def refused(rule: str, why: str) -> RuleError:
    """What a client may not do, by the name of the policy's rule."""
    return RuleError(403, "PolicyNotAuthorized", f"rule:{rule} is disallowed by policy: {why}.")

"""Rules for QoS policies (Networking API v2.0, "QoS policies")."""

from __future__ import annotations

from typing import Any

from ryu_apps.control.config.model import QosPolicy
from ryu_apps.control.config.qos import rules_of
from ryu_apps.control.config.rules.draft import (
    Context,
    Draft,
    check_revision,
    common,
    conflict,
    plain,
)
from ryu_apps.control.config.rules.qos.use import default_policy, in_use


def create(draft: Draft, body: dict[str, Any], context: Context) -> QosPolicy:
    fields = common(body, context)
    is_default = body.get("is_default") or False
    if is_default:
        _first_default(draft, fields["project_id"])
    return draft.put("qos_policy", QosPolicy(
        shared=body.get("shared") or False, is_default=is_default, **fields
    ))


def update(draft: Draft, id: str, body: dict[str, Any], context: Context) -> QosPolicy:
    old = draft.get("qos_policy", id)
    if body.get("is_default") and not old.is_default:
        _first_default(draft, old.project_id)
    new = draft.replace("qos_policy", old, context, **plain(
        body, "name", "description", "shared", "is_default"
    ))
    user = in_use(draft, id)
    if old.shared and not new.shared and user is not None:
        raise conflict(
            "QosPolicyInUse",
            f"QoS policy {id} cannot be unshared: {user[0]} {draft.names(user[0], [user[1]])} "
            "has it.",
        )
    return new


def delete(draft: Draft, id: str, context: Context) -> None:
    """Its rules go with it; nothing may have it any more."""
    check_revision("qos_policy", draft.get("qos_policy", id), context)
    user = in_use(draft, id)
    if user is not None:
        raise conflict(
            "QosPolicyInUse",
            f"QoS Policy {id} is used by {user[0]} {draft.names(user[0], [user[1]])}.",
        )
    for rule in list(rules_of(draft.config, id)):
        draft.delete(f"{rule.type}_rule", rule.id)
    draft.delete("qos_policy", id)


def _first_default(draft: Draft, project_id: str) -> None:
    if default_policy(draft, project_id):
        raise conflict(
            "QoSPolicyDefaultAlreadyExists",
            f"A default QoS policy exists for project {project_id}.",
        )

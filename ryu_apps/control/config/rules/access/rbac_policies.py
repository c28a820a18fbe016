"""Rules of RBAC policies."""

from __future__ import annotations

from typing import Any

from ryu_apps.control.config.access import shared_with
from ryu_apps.control.config.model import RbacPolicy
from ryu_apps.control.config.resources.rbac_policy import EVERYONE, EXTERNAL, SHARED
from ryu_apps.control.config.rules.access import sharing, ways_out
from ryu_apps.control.config.rules.access.authority import refused
from ryu_apps.control.config.rules.draft import (
    Context,
    Draft,
    bad_request,
    check_revision,
    conflict,
    standard,
)

NOT_NARROWED = ("qos_policy",)
"""Kinds of which what everyone has goes to no single project while another one uses it, as Neutron
has it."""


def create(draft: Draft, body: dict[str, Any], context: Context) -> RbacPolicy:
    """Only who has the object shares it, and only administrators with everyone."""
    kind, id, action = body["object_type"], body["object_id"], body["action"]
    item = draft.get(kind, id)
    actions = (SHARED, EXTERNAL) if kind == "network" else (SHARED,)
    if action not in actions:
        raise bad_request(
            f"Invalid input for operation: '{action}' is no action on a {kind}; there is "
            f"{' and '.join(actions)}.", "InvalidInput",
        )
    if not draft.who.admin and item.project_id != draft.who.project_id:
        raise bad_request(
            "Invalid input for operation: Only admins can manipulate policies on objects they do "
            "not own.", "InvalidInput",
        )
    target = body["target_tenant"]
    _not_everyone(draft, "create", target)
    _scope_is_seen(draft, kind, item, target)
    _is_new(draft, kind, id, target, action)
    made = draft.put("rbac_policy", RbacPolicy(
        **standard(body, context), object_type=kind, object_id=id, target_tenant=target,
        action=action))
    if action == EXTERNAL:
        ways_out.opened(draft, item, context)
    elif target == EVERYONE:
        sharing.set_shared(draft, kind, id, context)
    return made


def update(draft: Draft, id: str, body: dict[str, Any], context: Context) -> RbacPolicy:
    """Another project takes the place of the one that had it."""
    old = draft.get("rbac_policy", id)
    target = body.get("target_tenant") or old.target_tenant
    if target == old.target_tenant:
        check_revision("rbac_policy", old, context)
        return old
    _not_everyone(draft, "update", target)
    item = draft.config.tables[old.object_type][old.object_id]
    _scope_is_seen(draft, old.object_type, item, target)
    _is_new(draft, old.object_type, old.object_id, target, old.action)
    if old.object_type in NOT_NARROWED and old.target_tenant == EVERYONE and any(
        user.project_id != item.project_id
        for user in sharing.USES[old.object_type](draft.config, item.id)
    ):
        raise _in_use(old)
    new = draft.replace("rbac_policy", old, context, target_tenant=target)
    if old.action == SHARED and EVERYONE in (target, old.target_tenant):
        sharing.set_shared(draft, old.object_type, old.object_id, context)
    _unused(draft, old, context)
    return new


def delete(draft: Draft, id: str, context: Context) -> None:
    old = draft.get("rbac_policy", id)
    check_revision("rbac_policy", old, context)
    draft.delete("rbac_policy", id)
    if old.action == SHARED and old.target_tenant == EVERYONE:
        sharing.set_shared(draft, old.object_type, old.object_id, context)
    _unused(draft, old, context)


def _not_everyone(draft: Draft, action: str, target: str) -> None:
    if target == EVERYONE and not draft.who.admin:
        raise refused(f"{action}_rbac_policy:target_tenant",
                      "only administrators share with everyone")


def _scope_is_seen(draft: Draft, kind: str, item: Any, target: str) -> None:
    """Raises RuleError 400 where who is to have a subnet pool does not have its address scope."""
    if kind != "subnetpool" or not item.address_scope_id:
        return
    scope = draft.config.address_scopes[item.address_scope_id]
    if scope.project_id != target and not shared_with(
        draft.config, target, "address_scope", scope
    ):
        raise bad_request(
            f"Invalid input for operation: the address scope {scope.id} of subnet pool {item.id} "
            f"is not shared with {target}: share that first.", "InvalidInput",
        )


def _is_new(draft: Draft, kind: str, id: str, target: str, action: str) -> None:
    config = draft.config
    if (id, target) in config.rbac_ways_out if action == EXTERNAL else (
        (kind, id, target) in config.rbac_grants
    ):
        raise conflict("DuplicateRbacPolicy", "An RBAC policy already exists with those values.")


def _unused(draft: Draft, gone: RbacPolicy, context: Context) -> None:
    """Raises RuleError 409 where somebody uses what it had by the policy alone that is gone now."""
    item = draft.config.tables[gone.object_type][gone.object_id]
    if gone.action == EXTERNAL:
        ways_out.closed(draft, item, gone, context)
    elif sharing.is_stranded(draft.config, gone.object_type, item):
        raise _in_use(gone)


def _in_use(gone: RbacPolicy) -> Exception:
    return conflict(
        "RbacPolicyInUse",
        f"RBAC policy on object {gone.object_id} cannot be removed because other objects "
        f"depend on it. Details: {gone.object_type.replace('_', ' ')} {gone.object_id} is in "
        f"use by {'other projects' if gone.target_tenant == EVERYONE else gone.target_tenant}.",
    )

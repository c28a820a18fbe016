"""Rules for default security group rules (Networking API v2.0, "Default security group rules")."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from ryu_apps.control.config.config import Config
from ryu_apps.control.config.model import (
    DefaultSecurityGroupRules,
    SecurityGroupRule,
    TemplateRule,
)
from ryu_apps.control.config.resources.security.default_security_group_rule import (
    BUILT_IN,
    ONLY,
    PARENT,
)
from ryu_apps.control.config.resources.security.security_group_rule import likeness
from ryu_apps.control.config.rules.draft import Context, Draft, RuleError, conflict
from ryu_apps.control.config.rules.security import rule_fields

KIND = "default_security_group_rule"
MAX_RULES = 100
"""Of all: each new group gets them."""


def template(config: Config) -> tuple[TemplateRule, ...]:
    """What new groups begin with."""
    found = config.default_security_group_rules.get(ONLY)
    return BUILT_IN if found is None else found.rules


def create(draft: Draft, body: dict[str, Any], context: Context) -> TemplateRule:
    """Groups that there are stay as they are."""
    parent = body.get("remote_group_id") == PARENT
    fields = rule_fields.parsed(draft, {**body, "remote_group_id": None} if parent else body)
    if parent:
        rule_fields.one_remote({**body, "remote_group_id": PARENT})
        fields["remote_group_id"] = PARENT
    made = TemplateRule(
        id=context.new_id(),
        description=body.get("description") or "",
        used_in_default_sg=body.get("used_in_default_sg") or False,
        used_in_non_default_sg=body.get("used_in_non_default_sg", True),
        **fields,
    )
    present = template(draft.config)
    if len(present) >= MAX_RULES:
        raise conflict("OverQuota", "Quota exceeded for resources: ['default_security_group_rule']"
                       f": there are at most {MAX_RULES}.")
    for other in present:
        both = (made.used_in_default_sg and other.used_in_default_sg) or (
            made.used_in_non_default_sg and other.used_in_non_default_sg)
        if both and _likeness(other) == _likeness(made):
            raise conflict(
                "DefaultSecurityGroupRuleExists",
                f"Default Security group rule already exists. Rule id is {other.id}.",
            )
    _put(draft, (*present, made), context)
    return made


def delete(draft: Draft, id: str, context: Context) -> None:
    """Raises RuleError 404."""
    present = template(draft.config)
    left = tuple(rule for rule in present if rule.id != id)
    if left == present:
        raise RuleError(
            404, "DefaultSecurityGroupRuleNotFound",
            f"Default Security Group rule {id} does not exist.",
        )
    _put(draft, left, context)


def naming(config: Config, address_group: str) -> list[str]:
    """Those with an address group as their remote."""
    return [
        rule.id for rule in template(config) if rule.remote_address_group_id == address_group
    ]


def group_deleted(draft: Draft, group: str, context: Context) -> None:
    """Those that name a security group as their remote go with it."""
    present = template(draft.config)
    left = tuple(rule for rule in present if rule.remote_group_id != group)
    if left != present:
        _put(draft, left, context)


def instantiate(
    draft: Draft, group_id: str, project_id: str, is_default: bool, context: Context
) -> None:
    """Give a new group its rules."""
    used: Callable[[TemplateRule], bool] = (
        (lambda rule: rule.used_in_default_sg) if is_default
        else (lambda rule: rule.used_in_non_default_sg)
    )
    for rule in filter(used, template(draft.config)):
        draft.put("security_group_rule", dataclasses.replace(
            _as_rule(rule),
            id=context.new_id(),
            security_group_id=group_id,
            remote_group_id=(
                group_id if rule.remote_group_id == PARENT else rule.remote_group_id
            ),
            project_id=project_id,
            revision_number=1,
            created_at=context.now,
            updated_at=context.now,
        ))


def _as_rule(rule: TemplateRule) -> SecurityGroupRule:
    return SecurityGroupRule(
        rule.id, "", rule.direction, rule.ethertype, rule.protocol, rule.port_range_min,
        rule.port_range_max, rule.remote_ip_prefix, rule.remote_group_id,
        rule.remote_address_group_id,
    )


def _likeness(rule: TemplateRule) -> tuple:
    return likeness(_as_rule(rule))


def _put(draft: Draft, rules: tuple[TemplateRule, ...], context: Context) -> None:
    old = draft.config.default_security_group_rules.get(ONLY)
    if old is None:
        old = DefaultSecurityGroupRules(ONLY, created_at=context.now)
    draft.put(KIND, dataclasses.replace(
        old, rules=rules, revision_number=old.revision_number + 1, updated_at=context.now
    ))

"""Rules for the rules of security groups (Networking API v2.0, "Security group rules")."""

from __future__ import annotations

from typing import Any

from ryu_apps.control.config.config import Config
from ryu_apps.control.config.model import SecurityGroupRule
from ryu_apps.control.config.resources.security.security_group_rule import likeness
from ryu_apps.control.config.rules.draft import (
    Context,
    Draft,
    check_revision,
    conflict,
    plain,
    standard,
)
from ryu_apps.control.config.rules.security import rule_fields
from ryu_apps.control.config.rules.security.rule_size import check_size


def create(draft: Draft, body: dict[str, Any], context: Context) -> SecurityGroupRule:
    group = draft.get("security_group", body["security_group_id"])
    said = rule_fields.parsed(draft, body)
    fields = standard(body, context)
    fields["project_id"] = fields["project_id"] or group.project_id
    rule = SecurityGroupRule(security_group_id=group.id, **said, **fields)
    _refuse_double(draft.config, rule)
    draft.touch("security_group", group.id, context)
    made = draft.put("security_group_rule", rule)
    if rule.remote_address_group_id:
        check_size(draft, (group.id,))
    return made


def update(draft: Draft, id: str, body: dict[str, Any], context: Context) -> SecurityGroupRule:
    """Only the description can change."""
    old = draft.get("security_group_rule", id)
    return draft.replace("security_group_rule", old, context, **plain(body, "description"))


def delete(draft: Draft, id: str, context: Context) -> None:
    old = draft.get("security_group_rule", id)
    check_revision("security_group_rule", old, context)
    draft.delete("security_group_rule", id)
    draft.touch("security_group", old.security_group_id, context)


def _refuse_double(config: Config, rule: SecurityGroupRule) -> None:
    for other_id in config.rules_alike.get(likeness(rule), ()):
        raise conflict(
            "SecurityGroupRuleExists",
            f"Security group rule already exists. Rule id is {other_id}.",
        )

"""Rules for the rules of QoS policies (Networking API v2.0, "QoS ... rules")."""

from __future__ import annotations

import dataclasses
from typing import Any

from ryu_apps.control.config.model import QosRule
from ryu_apps.control.config.qos import rules_of
from ryu_apps.control.config.resources.kind import Kind
from ryu_apps.control.config.resources.qos.qos_rules import ANY, direction_of
from ryu_apps.control.config.rules.draft import (
    Context,
    Draft,
    check_revision,
    conflict,
    plain,
    standard,
)
from ryu_apps.control.config.rules.qos.use import in_use, require_carried_out

_BOUNDS = (
    ("bandwidth_limit", "max_kbps", "minimum_bandwidth", "min_kbps"),
    ("packet_rate_limit", "max_kpps", "minimum_packet_rate", "min_kpps"),
)
"""A limit, and what must not be above it in its direction."""


class RulesOf:
    """What a request may do with the rules of one type."""

    def __init__(self, kind: Kind) -> None:
        self._kind = kind
        self._own = tuple(
            field.name for field in dataclasses.fields(kind.resource)
            if field.name not in {one.name for one in dataclasses.fields(QosRule)}
        )

    def create(self, draft: Draft, body: dict[str, Any], context: Context) -> QosRule:
        policy = draft.get("qos_policy", body["qos_policy_id"])
        fields = {**standard({}, context), "project_id": policy.project_id}
        own = {name: value for name, value in plain(body, *self._own).items() if value is not None}
        made = self._kind.resource(qos_policy_id=policy.id, **own, **fields)
        _fits(draft, made)
        user = in_use(draft, policy.id)
        if user is not None:
            require_carried_out(made, user[0], draft.names(user[0], [user[1]]))
        draft.touch("qos_policy", policy.id, context)
        return draft.put(self._kind.name, made)

    def update(self, draft: Draft, id: str, body: dict[str, Any], context: Context) -> QosRule:
        old = draft.get(self._kind.name, id)
        fields = {
            name: value for name, value in plain(body, *self._own).items() if value is not None
        }
        _fits(draft, dataclasses.replace(old, **fields))
        new = draft.replace(self._kind.name, old, context, **fields)
        if new is not old:
            draft.touch("qos_policy", old.qos_policy_id, context)
        return new

    def delete(self, draft: Draft, id: str, context: Context) -> None:
        old = draft.get(self._kind.name, id)
        check_revision(self._kind.name, old, context)
        draft.delete(self._kind.name, id)
        draft.touch("qos_policy", old.qos_policy_id, context)


def _fits(draft: Draft, rule: QosRule) -> None:
    """Raises RuleError 409 where a policy has another rule of this type and direction, or one that
    this one contradicts."""
    direction = direction_of(rule)
    for other in rules_of(draft.config, rule.qos_policy_id):
        its = direction_of(other)
        if other.id == rule.id:
            continue
        if other.type == rule.type:
            if its == direction:
                raise conflict(
                    "QoSRulesConflict",
                    f"Rule {rule.type} conflicts with rule {other.id} which already exists in QoS "
                    f"Policy {rule.qos_policy_id}.",
                )
            if ANY in (its, direction):
                raise _contradicted(rule, direction, other, its)
        elif its == direction:
            _bounded(rule, other)


def _bounded(rule: QosRule, other: QosRule) -> None:
    for limit, most, guarantee, least in _BOUNDS:
        for high, low in ((rule, other), (other, rule)):
            if (high.type, low.type) == (limit, guarantee):
                top, bottom = getattr(high, most), getattr(low, least)
                if 0 < top < bottom:
                    mine, its = (top, bottom) if high is rule else (bottom, top)
                    raise _contradicted(rule, mine, other, its)


def _contradicted(rule: QosRule, value: Any, other: QosRule, its: Any) -> Exception:
    return conflict(
        "QoSRuleParameterConflict",
        f"Unable to add the rule with value {value} to the policy {rule.qos_policy_id} as the "
        f"existing rule of type {other.type} restricts the value to {its}.",
    )

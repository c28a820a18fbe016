"""Who may have a QoS policy: ports and networks, and what comes to use policies as they do."""

from __future__ import annotations

from typing import Any

from ryu_apps.control.config.qos import rules_of
from ryu_apps.control.config.resources.qos.qos_rules import (
    QosMinimumBandwidthRule,
    QosMinimumPacketRateRule,
    QosRule,
)
from ryu_apps.control.config.rules.draft import Draft, RuleError, conflict

NOT_CARRIED_OUT = (QosMinimumBandwidthRule, QosMinimumPacketRateRule)
"""A switch guarantees nothing: Open vSwitch has no queues in its userspace datapath, and the queues
of the kernel's are those of an uplink, which packets reach in the headers of their tunnels."""


def chosen(draft: Draft, kind: str, name: str, body: dict[str, Any], old: str = "") -> str:
    """The policy that a request gives to a resource, "" for none; ``old``: the one that it has.
    ``kind`` and ``name``: of the resource, for errors.

    Raises RuleError: 404, 403 where the client does not see the policy that it would take away, 409
    where the policy has a rule that is not carried out.
    """
    policy_id = body.get("qos_policy_id") or ""
    if old and policy_id != old and not draft.sees("qos_policy", old):
        raise RuleError(
            403, "PolicyRemoveAuthorizationError",
            f"Failed to remove provided policy {old} because you are not authorized.",
        )
    if policy_id and policy_id != old:
        draft.get("qos_policy", policy_id)
        for rule in rules_of(draft.config, policy_id):
            require_carried_out(rule, kind, name)
    return policy_id


def default_policy(draft: Draft, project_id: str) -> str:
    """The default policy of a project, or ""."""
    return next(iter(draft.config.default_qos_policies.get(project_id, ())), "")


def require_carried_out(rule: QosRule, kind: str, name: str) -> None:
    """Raises RuleError 409 where nothing carries out a rule of what has its policy."""
    if isinstance(rule, NOT_CARRIED_OUT):
        raise conflict(
            "QosRuleNotSupportedByNetwork" if kind == "network" else "QosRuleNotSupported",
            f"Rule {rule.type} is not supported by {kind} {name}: the switches can limit what "
            "passes, but guarantee nothing.",
        )


def in_use(draft: Draft, policy_id: str) -> tuple[str, str] | None:
    """The kind and the id of something that has a policy, or None."""
    for kind, index in (
        ("network", draft.config.networks_by_qos_policy),
        ("port", draft.config.ports_by_qos_policy),
    ):
        for id in index.get(policy_id, ()):
            return kind, id
    return None

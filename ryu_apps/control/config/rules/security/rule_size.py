"""How much a security group costs a switch, and where it is too much.

A rule with a range of ports is a flow for each block of ports (:func:`blocks`), and an address
group that rules name is a flow for each of its addresses, in each direction.  Every hypervisor with
a port of the group holds them, and a switch belongs to all tenants.
"""

from __future__ import annotations

from collections.abc import Iterable

from ryu_apps.control.config.config import Config
from ryu_apps.control.config.model import SecurityGroupRule
from ryu_apps.control.config.protocols import protocol_number
from ryu_apps.control.config.rules.draft import Draft, conflict
from vrouter_ovs.numbers import PROTO_SCTP, PROTO_TCP, PROTO_UDP
from vrouter_ovs.pipeline.security.port_blocks import blocks

MATCHED = frozenset((PROTO_TCP, PROTO_UDP, PROTO_SCTP))
"""The protocols whose ports a switch can match (ovs-fields(7))."""
MAX_FLOWS = 32768
"""Flows that one group may need for rules with address groups: eight of the largest, less what
their ranges of ports take."""


def check_size(draft: Draft, groups: Iterable[str]) -> None:
    """Raises RuleError 409 where a group needs too many flows for its address groups."""
    config = draft.config
    for group in groups:
        flows = _flows(
            config,
            [config.security_group_rules[id] for id in config.rules_by_group.get(group, ())],
        )
        if flows > MAX_FLOWS:
            raise conflict(
                "SecurityGroupRuleLimit",
                f"Security group {group} would need {flows} flows on every hypervisor for its "
                f"rules with address groups, at most {MAX_FLOWS}: each address counts, and each "
                "block of a range of ports. Name larger prefixes, fewer ranges, or ranges that "
                "begin and end at multiples of a power of two.",
            )


def groups_naming(draft: Draft, address_group: str) -> dict[str, None]:
    """The groups with a rule that names an address group."""
    config = draft.config
    return {
        config.security_group_rules[rule_id].security_group_id: None
        for rule_id in config.rules_by_address_group.get(address_group, ())
    }


def _flows(config: Config, rules: Iterable[SecurityGroupRule]) -> int:
    """Of those with address groups: the others are few flows each."""
    asked: dict[tuple[str, str], int] = {}
    found = 0
    for rule in rules:
        group = config.address_groups.get(rule.remote_address_group_id)
        if group is None:
            continue
        asked[rule.direction, group.id] = len(group.addresses)
        version = 6 if rule.ethertype == "IPv6" else 4
        ports = protocol_number(rule.protocol, version) in MATCHED and rule.port_range_min >= 0
        found += len(blocks(rule.port_range_min, rule.port_range_max)) if ports else 1
    return found + sum(asked.values())

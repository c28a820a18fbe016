"""How much a security group costs a switch, and where it is too much.

A rule with a range of ports is a flow for each block of ports (:func:`blocks`), and one that names
an address group is that many for each of its addresses: the two multiply.  Every hypervisor with
a port of the group holds them, and a switch belongs to all tenants.
"""

from __future__ import annotations

from collections.abc import Iterable

from ryu_apps.control.config.config import Config
from ryu_apps.control.config.model import SecurityGroupRule
from ryu_apps.control.config.protocols import protocol_number
from ryu_apps.control.config.rules.draft import Draft, conflict
from vrouter_ovs.numbers import PROTO_SCTP, PROTO_TCP, PROTO_UDP
from vrouter_ovs.pipeline.port_blocks import blocks

MATCHED = frozenset((PROTO_TCP, PROTO_UDP, PROTO_SCTP))
"""The protocols whose ports a switch can match (ovs-fields(7))."""
MAX_FLOWS = 32768
"""Flows that one group may need for rules with address groups: eight ports, or one range of them,
with the largest address group."""


def check_size(draft: Draft, groups: Iterable[str]) -> None:
    """Raises RuleError 409 where a group needs too many flows for its address groups."""
    config = draft.config
    for group in groups:
        flows = sum(
            _flows(config, config.security_group_rules[rule_id])
            for rule_id in config.rules_by_group.get(group, ())
        )
        if flows > MAX_FLOWS:
            raise conflict(
                "SecurityGroupRuleLimit",
                f"Security group {group} would need {flows} flows on every hypervisor for its "
                f"rules with address groups, at most {MAX_FLOWS}: a range of ports counts for each "
                "address. Name larger prefixes, fewer ranges, or ranges that begin and end at "
                "multiples of a power of two.",
            )


def groups_naming(draft: Draft, address_group: str) -> dict[str, None]:
    """The groups with a rule that names an address group."""
    config = draft.config
    return {
        config.security_group_rules[rule_id].security_group_id: None
        for rule_id in config.rules_by_address_group.get(address_group, ())
    }


def _flows(config: Config, rule: SecurityGroupRule) -> int:
    """0 without an address group: such rules are few flows each."""
    group = config.address_groups.get(rule.remote_address_group_id)
    if group is None:
        return 0
    version = 6 if rule.ethertype == "IPv6" else 4
    addresses = sum((":" in one) == (version == 6) for one in group.addresses)
    if protocol_number(rule.protocol, version) not in MATCHED or rule.port_range_min < 0:
        return addresses
    return addresses * len(blocks(rule.port_range_min, rule.port_range_max))

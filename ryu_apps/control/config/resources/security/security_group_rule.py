"""Rules of security groups, and when two of them say the same."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from ryu_apps.control.config.protocols import protocol_number
from ryu_apps.control.config.resources.access import Access, Parent
from ryu_apps.control.config.resources.kind import Index, Kind, by_field
from ryu_apps.control.config.resources.resource import Resource


@dataclass(frozen=True, slots=True)
class SecurityGroupRule(Resource):
    """One thing that a group allows.

    ``direction``: "ingress" or "egress", seen from the port.  ``ethertype``: "IPv4" or "IPv6".
    ``protocol``: a name or a number as text, "" for any.  The port range is -1, -1 for any; for
    ICMP it is type and code.  At most one of the three remotes is set.
    """

    security_group_id: str
    direction: str
    ethertype: str = "IPv4"
    protocol: str = ""
    port_range_min: int = -1
    port_range_max: int = -1
    remote_ip_prefix: str = ""
    remote_group_id: str = ""
    remote_address_group_id: str = ""


def normalized(prefix: str) -> str:
    """A prefix with its host bits cleared; "" for none.  Raises ValueError."""
    return str(ipaddress.ip_network(prefix, strict=False)) if prefix else ""


def likeness(rule: SecurityGroupRule) -> tuple:
    """What a rule says, however it is written: rules alike allow the same.

    A protocol by name or number, a prefix with host bits or without, and all addresses as a prefix
    or left out.
    """
    prefix = rule.remote_ip_prefix
    if prefix:
        net = ipaddress.ip_network(prefix, strict=False)
        prefix = str(net) if net.prefixlen else ""
    return (
        rule.security_group_id, rule.direction, rule.ethertype,
        protocol_number(rule.protocol, 6 if rule.ethertype == "IPv6" else 4),
        rule.port_range_min, rule.port_range_max, rule.remote_group_id,
        rule.remote_address_group_id, prefix,
    )


_GROUP = Parent("security_group", "security_group_id")

SECURITY_GROUP_RULE = Kind(
    "security_group_rule",
    SecurityGroupRule,
    Access(
        read=(_GROUP.owner, _GROUP.shared), create=(_GROUP.owner,), update=(_GROUP.owner,),
        delete=(_GROUP.owner,),
    ),
    parent=_GROUP,
    indexes=(
        by_field("rules_by_group", "security_group_id"),
        by_field("rules_by_remote_group", "remote_group_id"),
        by_field("rules_by_address_group", "remote_address_group_id"),
        # likeness() of a rule -> rule ids; rules with the same meaning are found there.
        Index("rules_alike", lambda rule: (likeness(rule),)),
    ),
    quota=100,
)

"""``/v2.0/security-group-rules``."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, WithJsonSchema

from ryu_apps.control.config.config import Config
from ryu_apps.control.config.model import SecurityGroupRule, TemplateRule, normalized
from ryu_apps.control.config.protocols import PROTOCOLS
from ryu_apps.control.config.resources.security.security_group_rule import SECURITY_GROUP_RULE
from ryu_apps.control.config.rules.security import rule_fields, security_group_rules
from ryu_apps.control.config.rules.security.security_groups import DEFAULT
from ryu_apps.northbound.bodies.fields import (
    Body,
    Integer,
    Name,
    PortNumber,
    Prefix,
    Text,
    Uuid,
    UuidOrNone,
)
from ryu_apps.northbound.listing.attributes import (
    BOOLEAN,
    STRING,
    Attributes,
    as_integer,
    as_prefix,
    as_protocol,
    one_of,
    or_null,
)
from ryu_apps.northbound.resources import standard
from ryu_apps.northbound.resources.collection import Collection, View

Direction = Annotated[Name, WithJsonSchema({"enum": list(rule_fields.DIRECTIONS)})]
Ethertype = Annotated[
    Name, WithJsonSchema({"type": "string", "pattern": "^([Ii][Pp][Vv][46])?$"})]
Protocol = Annotated[
    Annotated[Integer | str, Field(union_mode="left_to_right")],
    WithJsonSchema({"anyOf": [
        {"type": "integer", "minimum": -1, "maximum": 255},
        {"type": "string", "pattern": "^(-1|[0-9]{0,3})$"},
        {"enum": ["any", *sorted(PROTOCOLS)]},
    ]}),
]


class SecurityGroupRuleUpdate(Body):
    description: Text = ""


class RuleBody(SecurityGroupRuleUpdate, standard.Owned):
    """Ports of TCP, UDP and SCTP; for ICMP ``port_range_min`` is the type, ``_max`` the code."""

    direction: Direction
    ethertype: Ethertype | None = None
    protocol: Protocol | None = None
    port_range_min: PortNumber = None
    port_range_max: PortNumber = None
    remote_ip_prefix: Prefix | None = None
    remote_group_id: Name | None = None
    remote_address_group_id: UuidOrNone = None


class SecurityGroupRuleCreate(RuleBody):
    security_group_id: Uuid


def said(item: SecurityGroupRule | TemplateRule) -> View:
    """What a rule says."""
    return {
        "direction": item.direction,
        "ethertype": item.ethertype,
        "protocol": item.protocol or None,
        "port_range_min": None if item.port_range_min < 0 else item.port_range_min,
        "port_range_max": None if item.port_range_max < 0 else item.port_range_max,
        "remote_ip_prefix": item.remote_ip_prefix or None,
        "remote_group_id": item.remote_group_id or None,
        "remote_address_group_id": item.remote_address_group_id or None,
    }


def view(item: SecurityGroupRule, in_default: bool) -> View:
    return {
        "id": item.id,
        "security_group_id": item.security_group_id,
        **said(item),
        "normalized_cidr": normalized(item.remote_ip_prefix) or None,
        "belongs_to_default_sg": in_default,
        **standard.standard(item),
    }


def _in_default_group(config: Config, item: SecurityGroupRule) -> bool:
    group = config.security_groups.get(item.security_group_id)
    return group is not None and group.name == DEFAULT


SAID: Attributes = {
    "direction": one_of("ingress", "egress"), "ethertype": one_of("IPv4", "IPv6"),
    "protocol": or_null("string", as_protocol), "port_range_min": or_null("integer", as_integer),
    "port_range_max": or_null("integer", as_integer),
    "remote_ip_prefix": or_null("string", as_prefix), "remote_group_id": or_null("string"),
    "remote_address_group_id": or_null("string"),
}
"""The types of what :func:`said` has."""

COLLECTION = Collection(
    kind=SECURITY_GROUP_RULE,
    path="security-group-rules",
    create_body=SecurityGroupRuleCreate,
    update_body=SecurityGroupRuleUpdate,
    rules=security_group_rules,
    view=view,
    extra=_in_default_group,
    attributes={
        **standard.ATTRIBUTES,
        **SAID, "security_group_id": STRING, "normalized_cidr": or_null("string", as_prefix),
        "belongs_to_default_sg": BOOLEAN,
    },
    extensions={
        "security-groups-normalized-cidr": (
            "normalized_cidr field for security group rules", "remote_ip_prefix without host bits"),
        "security-groups-remote-address-group": (
            "Remote address group id field for security group rules",
            "A rule can name an address group as its remote"),
        "security-groups-rules-belongs-to-default-sg": (
            "Security groups rules belongs to the default security group",
            "belongs_to_default_sg of a rule"),
    },
)

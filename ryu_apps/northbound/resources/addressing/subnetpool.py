"""``/v2.0/subnetpools``."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, Field

from ryu_apps.control.config.model import SubnetPool
from ryu_apps.control.config.resources.addressing.subnetpool import SUBNETPOOL, UNLIMITED
from ryu_apps.control.config.rules.addressing import onboarding, subnetpools
from ryu_apps.northbound.bodies.fields import (
    MAX_LIST,
    Body,
    Name,
    Prefix,
    Text,
    Uuid,
    UuidOrNone,
    integer,
)
from ryu_apps.northbound.bodies.schemas import STRING as STRING_SCHEMA
from ryu_apps.northbound.bodies.schemas import Schema, obj
from ryu_apps.northbound.listing.attributes import (
    BOOLEAN,
    INTEGER,
    STRING,
    as_integer,
    as_prefix,
    list_of,
    or_null,
)
from ryu_apps.northbound.resources import standard
from ryu_apps.northbound.resources.collection import Action, Collection, View


def _not_blank(value: str) -> str:
    if not value.strip():
        raise ValueError("a subnet pool must have a name that is not empty")
    return value


NotBlank = Annotated[Name, AfterValidator(_not_blank)]
Length = integer(128) | None
Quota = integer((1 << 31) - 1) | None
Prefixes = Annotated[list[Prefix], Field(max_length=MAX_LIST)]


class SubnetPoolUpdate(Body):
    name: NotBlank = ""
    description: Text = ""
    prefixes: Prefixes | None = None
    default_quota: Quota = None
    default_prefixlen: Length = None
    min_prefixlen: Length = None
    max_prefixlen: Length = None
    is_default: bool = False
    address_scope_id: UuidOrNone = None


class SubnetPoolCreate(SubnetPoolUpdate, standard.Owned):
    name: NotBlank
    prefixes: Prefixes
    shared: bool = False


class PrefixesBody(Body):
    """``add_prefixes`` and ``remove_prefixes``."""

    prefixes: Prefixes


class OnboardBody(Body):
    """``onboard_network_subnets``."""

    network_id: Uuid


def view(item: SubnetPool, _extra: Any) -> View:
    return {
        "id": item.id,
        "name": item.name,
        "ip_version": item.ip_version,
        "prefixes": list(item.prefixes),
        # Text, as Neutron has them; clients compare them with what they sent.
        "default_prefixlen": str(item.default_prefixlen),
        "min_prefixlen": str(item.min_prefixlen),
        "max_prefixlen": str(item.max_prefixlen),
        "default_quota": None if item.default_quota == UNLIMITED else item.default_quota,
        "address_scope_id": item.address_scope_id or None,
        "is_default": item.is_default,
        "shared": item.shared,
        **standard.standard(item),
    }


_ANSWER = Schema("PrefixesAnswer", obj(
    ("prefixes",), prefixes={"type": "array", "items": STRING_SCHEMA}
))
_ONBOARDED = Schema("OnboardedSubnets", {"type": "array", "items": obj(
    ("id", "cidr"), id=STRING_SCHEMA, cidr=STRING_SCHEMA)})

COLLECTION = Collection(
    kind=SUBNETPOOL,
    path="subnetpools",
    create_body=SubnetPoolCreate,
    update_body=SubnetPoolUpdate,
    rules=subnetpools,
    view=view,
    refusals=(501,),
    attributes={
        **standard.ATTRIBUTES,
        "name": STRING, "ip_version": INTEGER, "prefixes": list_of(as_prefix),
        "default_prefixlen": STRING, "min_prefixlen": STRING, "max_prefixlen": STRING,
        "default_quota": or_null("integer", as_integer), "address_scope_id": or_null("string"),
        "is_default": BOOLEAN, "shared": BOOLEAN,
    },
    actions=(
        Action("add_prefixes", subnetpools.add_prefixes, PrefixesBody, _ANSWER),
        Action("remove_prefixes", subnetpools.remove_prefixes, PrefixesBody, _ANSWER),
        Action("onboard_network_subnets", onboarding.onboard, OnboardBody, _ONBOARDED),
    ),
    extensions={
        "default-subnetpools": (
            "Default subnet pools", "One pool of each IP version is for subnets that name none"),
        "subnet_onboard": (
            "Subnet Onboard", "Subnets that a network has are taken into a subnet pool"),
        "subnet_allocation": ("Subnet allocation", "Subnets get prefixes of subnet pools"),
        "subnetpool-prefix-ops": (
            "Subnet pool prefix operations", "Prefixes are added to a pool and taken from it"),
    },
)

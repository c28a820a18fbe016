"""``/v2.0/subnets``."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema

from ryu_apps.control.config.config import Config
from ryu_apps.control.config.model import Subnet
from ryu_apps.control.config.resources.addressing.subnet import SUBNET
from ryu_apps.control.config.rules.addressing import ipv6_modes, subnets
from ryu_apps.northbound.bodies.fields import (
    MAX_LIST,
    Address,
    Body,
    IpVersion,
    Name,
    Names,
    Prefix,
    Text,
    Uuid,
    UuidOrNone,
    integer,
    only,
)
from ryu_apps.northbound.listing.attributes import (
    BOOLEAN,
    INTEGER,
    PREFIX,
    STRING,
    as_address,
    as_prefix,
    list_of,
    objects,
    or_null,
)
from ryu_apps.northbound.resources import standard
from ryu_apps.northbound.resources.collection import Collection, View

Mode = Annotated[Text, WithJsonSchema({"enum": [None, "", *ipv6_modes.MODES]})]


class PoolBody(Body):
    start: Address
    end: Address


class HostRouteBody(Body):
    destination: Prefix
    nexthop: Address


class SubnetUpdate(Body):
    name: Name = ""
    description: Text = ""
    gateway_ip: Address | None = None
    enable_dhcp: bool = True
    allocation_pools: Annotated[list[PoolBody], Field(max_length=MAX_LIST)] | None = None
    dns_nameservers: Names | None = None
    host_routes: Annotated[list[HostRouteBody], Field(max_length=256)] | None = None
    service_types: Names | None = None
    segment_id: UuidOrNone = None
    dns_publish_fixed_ip: only(False) = False


def _no_delegation(value: Any) -> Any:
    if value == PREFIX_DELEGATION:
        raise ValueError(
            "prefixes are not asked of another router (IPv6 prefix delegation) in this version; "
            "name a subnet pool or a cidr"
        )
    return value


PREFIX_DELEGATION = "prefix_delegation"
"""What stands for the pool of who delegates prefixes, in the Networking API."""
PoolId = Annotated[UuidOrNone, BeforeValidator(_no_delegation)]


class SubnetCreate(SubnetUpdate, standard.Owned):
    network_id: Uuid
    cidr: Prefix | None = None
    ip_version: IpVersion | None = None
    subnetpool_id: PoolId = None
    use_default_subnetpool: bool | None = None
    prefixlen: integer(128) | None = None
    ipv6_address_mode: Mode = ""
    ipv6_ra_mode: Mode = ""
    router_external: only(False) = Field(None, alias="router:external")


def _is_external(config: Config, item: Subnet) -> bool:
    network = config.networks.get(item.network_id)
    return network is not None and network.external


def view(item: Subnet, external: bool) -> View:
    return {
        "id": item.id,
        "name": item.name,
        "network_id": item.network_id,
        "ip_version": item.ip_version,
        "cidr": item.cidr,
        "gateway_ip": item.gateway_ip or None,
        "enable_dhcp": item.enable_dhcp,
        "allocation_pools": [
            {"start": pool.start, "end": pool.end} for pool in item.allocation_pools
        ],
        "dns_nameservers": list(item.dns_nameservers),
        "host_routes": [
            {"destination": route.destination, "nexthop": route.nexthop}
            for route in item.host_routes
        ],
        "ipv6_address_mode": item.ipv6_address_mode or None,
        "ipv6_ra_mode": item.ipv6_ra_mode or None,
        "subnetpool_id": item.subnetpool_id or None,
        "segment_id": item.segment_id or None,
        "service_types": list(item.service_types),
        "router:external": external,
        **standard.standard(item),
    }


COLLECTION = Collection(
    kind=SUBNET,
    path="subnets",
    create_body=SubnetCreate,
    update_body=SubnetUpdate,
    rules=subnets,
    view=view,
    extra=_is_external,
    attributes={
        **standard.ATTRIBUTES,
        "name": STRING, "network_id": STRING, "ip_version": INTEGER, "cidr": PREFIX,
        "gateway_ip": or_null("string", as_address), "enable_dhcp": BOOLEAN,
        "allocation_pools": objects(start=as_address, end=as_address),
        "dns_nameservers": list_of(as_address),
        "host_routes": objects(destination=as_prefix, nexthop=as_address),
        "ipv6_address_mode": or_null("string"), "ipv6_ra_mode": or_null("string"),
        "subnetpool_id": or_null("string"), "segment_id": or_null("string"),
        "service_types": list_of(), "shared": BOOLEAN, "router:external": BOOLEAN,
    },
    filter_only=frozenset({"shared"}),
    extensions={
        "subnet-external-network": (
            "Subnet belongs to an external network", "Subnets of external networks say so"),
        "subnet-service-types": (
            "Subnet service types", "Subnets that give addresses to some ports alone"),
    },
)

"""The stored form: the same bytes from every version, read by every version."""

from __future__ import annotations

import dataclasses
import json

import pytest

from ryu_apps.control.config import stored
from ryu_apps.control.config.config import Config
from ryu_apps.control.config.model import (
    KINDS,
    AddressPair,
    Binding,
    Change,
    DefaultSecurityGroupRules,
    DhcpOption,
    ExternalGateway,
    ExtraRoute,
    FixedIp,
    HostRoute,
    Pool,
    Port,
    Resource,
    Router,
    SecurityGroupRule,
    Subnet,
    TemplateRule,
)

HEAD = ("name", "project_id", "description")
TAIL = ("tags", "revision_number", "created_at", "updated_at")
KEYS = {
    "network": (
        "id", "vni", "rd_index", *HEAD, "admin_state_up", "shared", "mtu", "port_security_enabled",
        "import_targets", "export_targets", "dns_domain", "flood_unknown", "mdns",
        "availability_zone_hints", "segment_name", "segment_description", "segment_tags",
        "external", "network_type", "physical_network", "vlan_id", "vlan_transparent",
        "qos_policy_id", "igmp_snooping", *TAIL,
    ),
    "subnet": (
        "id", "network_id", "cidr", *HEAD, "gateway_ip", "enable_dhcp", "allocation_pools",
        "dns_nameservers", "host_routes", "ipv6_ra_mode", "ipv6_address_mode", "subnetpool_id",
        "service_types", "segment_id", *TAIL,
    ),
    "port": (
        "id", "network_id", "mac_address", *HEAD, "admin_state_up", "fixed_ips", "device_id",
        "device_owner", "requested_host", "binding_profile", "port_security_enabled",
        "allowed_address_pairs", "security_groups", "unfiltered", "dns_name", "dns_domain",
        "extra_dhcp_opts", "bindings", "qos_policy_id", *TAIL,
    ),
    "router": (
        "id", "vni", "rd_index", *HEAD, "admin_state_up", "import_targets", "export_targets",
        "availability_zone_hints", "flavor_id", "routes", "gateways", *TAIL,
    ),
    "security_group": ("id", *HEAD, "stateful", "shared", *TAIL),
    "security_group_rule": (
        "id", "security_group_id", "direction", "ethertype", "protocol", "port_range_min",
        "port_range_max", "remote_ip_prefix", "remote_group_id", "remote_address_group_id",
        "project_id", "description", *TAIL,
    ),
    "address_group": ("id", *HEAD, "addresses", "shared", *TAIL),
    "default_security_group_rule": (
        "id", "rules", "project_id", "description", *TAIL,
    ),
    "address_scope": ("id", "ip_version", *HEAD, "shared", *TAIL),
    "subnetpool": (
        "id", "ip_version", *HEAD, "prefixes", "default_prefixlen", "min_prefixlen",
        "max_prefixlen", "default_quota", "address_scope_id", "is_default", "shared", *TAIL,
    ),
}
PARTS = (
    Port("p", "n", "fa:16:3e:00:00:01", fixed_ips=(FixedIp("s", "10.0.0.1"),),
         allowed_address_pairs=(AddressPair("10.0.0.9", ""),),
         extra_dhcp_opts=(DhcpOption(4, "mtu", "1400"),),
         bindings=(Binding("hv2", '{"a": 1}', True),)),
    Subnet("s", "n", "10.0.0.0/24", allocation_pools=(Pool("10.0.0.2", "10.0.0.9"),),
           host_routes=(HostRoute("10.9.0.0/16", "10.0.0.1"),)),
    DefaultSecurityGroupRules("default", rules=(
        TemplateRule("a", "ingress", protocol="tcp", port_range_min=1, port_range_max=2),)),
    Router("r", 7, 7, routes=(ExtraRoute("10.9.0.0/16", "10.0.0.1"),),
           gateways=(ExternalGateway("p", False),)),
)


def least(kind: str) -> Resource:
    """A resource with nothing but what it must have."""
    cls = KINDS[kind].resource
    return cls(**{
        field.name: 7 if field.type == "int" else "x" for field in dataclasses.fields(cls)
        if field.default is dataclasses.MISSING
    })


@pytest.mark.parametrize("kind", KEYS)
def test_the_keys_stand_in_the_order_of_the_first_version(kind):
    data = json.loads(stored.encode(least(kind)))
    assert tuple(data) == ("schema", *KEYS[kind])
    assert data["schema"] == (2 if kind == "port" else 1)


@pytest.mark.parametrize("kind", KINDS)
def test_what_an_older_version_did_not_store_has_a_default(kind):
    item = least(kind)
    names = {field.name for field in dataclasses.fields(item)
             if field.default is dataclasses.MISSING}
    data = json.loads(stored.encode(item))
    old = {name: data[name] for name in ("schema", *names)}
    assert stored.decode(kind, json.dumps({**old, "later": 1}).encode()) == item


@pytest.mark.parametrize("item", PARTS, ids=lambda one: type(one).__name__)
def test_what_lists_have_in_them_comes_back_as_what_it_was(item):
    kind = next(name for name, kind in KINDS.items() if kind.resource is type(item))
    assert stored.decode(kind, stored.encode(item)) == item


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_declares_what_there_is(kind):
    """Fields that indexes and parents name; indexes hold a resource, and let it go."""
    declared, item, config = KINDS[kind], least(kind), Config()
    assert declared.name == kind and declared.title == type(item).__name__
    names = {field.name for field in dataclasses.fields(item)}
    if declared.parent is not None:
        assert declared.parent.kind in KINDS and declared.parent.field in names
    if isinstance(item, SecurityGroupRule):
        item = dataclasses.replace(item, protocol="tcp", direction="ingress")
    config.apply(Change(kind, item.id, item))
    assert getattr(config, declared.table) == {item.id: item} == config.tables[kind]
    for index in declared.indexes:
        assert not index.field or index.field in names
        found = getattr(config, index.name)
        value = (kind, item.id) if index.across else item.id
        keys = index.keys(item)
        if isinstance(keys, str):
            keys = [keys] if keys else []
        assert all(value in found[key] for key in keys)
    config.apply(Change(kind, item.id, None))
    assert not any(config.tables[kind]) and not any(
        getattr(config, index.name) for index in declared.indexes)

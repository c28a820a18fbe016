"""The resources of the Networking API that this version has, one declaration each."""

from __future__ import annotations

from ryu_apps.control.config.model import (
    AddressGroup,
    Network,
    Port,
    Router,
    SecurityGroup,
    SecurityGroupRule,
    Subnet,
)
from ryu_apps.control.config.rules import (
    address_groups,
    networks,
    ports,
    routers,
    security_group_rules,
    security_groups,
    subnets,
)
from ryu_apps.northbound.resources import bodies, defaults, views
from ryu_apps.northbound.resources.resource import Action, Declaration

NETWORK = Declaration(
    kind="network",
    collection="networks",
    create_body=bodies.NetworkCreate,
    update_body=bodies.NetworkUpdate,
    rules=networks,
    view=views.network,
    attributes=frozenset(views.network(Network("", 0, 0), [])),
    extra=views.subnets_of,
)
SUBNET = Declaration(
    kind="subnet",
    collection="subnets",
    create_body=bodies.SubnetCreate,
    update_body=bodies.SubnetUpdate,
    rules=subnets,
    view=views.subnet,
    attributes=frozenset(views.subnet(Subnet("", "", ""), False)) - {"shared"},
    filter_only=frozenset({"shared"}),
    extra=views.is_shared,
    indexes=(("network_id", "subnets_by_network"),),
)
PORT = Declaration(
    kind="port",
    collection="ports",
    create_body=bodies.PortCreate,
    update_body=bodies.PortUpdate,
    rules=ports,
    view=views.port,
    attributes=frozenset(views.port(Port("", "", ""), "")),
    extra=views.domain_of,
    indexes=(
        ("device_id", "ports_by_device"), ("network_id", "ports_by_network"),
        ("security_groups", "ports_by_group"),
    ),
    state_keys=views.STATE_KEYS,
)
ROUTER = Declaration(
    kind="router",
    collection="routers",
    create_body=bodies.RouterCreate,
    update_body=bodies.RouterUpdate,
    rules=routers,
    view=views.router,
    attributes=frozenset(views.router(Router("", 0, 0), None)),
    actions=(
        Action("add_router_interface", routers.add_interface, bodies.InterfaceBody),
        Action("remove_router_interface", routers.remove_interface, bodies.InterfaceBody),
    ),
)
SECURITY_GROUP = Declaration(
    kind="security_group",
    collection="security-groups",
    create_body=bodies.SecurityGroupCreate,
    update_body=bodies.SecurityGroupUpdate,
    rules=security_groups,
    view=views.security_group,
    attributes=frozenset(views.security_group(SecurityGroup(""), [])),
    extra=views.rules_of,
    before_list=defaults.ensure,
)
SECURITY_GROUP_RULE = Declaration(
    kind="security_group_rule",
    collection="security-group-rules",
    create_body=bodies.SecurityGroupRuleCreate,
    update_body=bodies.SecurityGroupRuleUpdate,
    rules=security_group_rules,
    view=views.security_group_rule,
    attributes=frozenset(views.security_group_rule(SecurityGroupRule("", "", ""), False)),
    extra=views.in_default_group,
    indexes=(
        ("security_group_id", "rules_by_group"), ("remote_group_id", "rules_by_remote_group"),
    ),
)
ADDRESS_GROUP = Declaration(
    kind="address_group",
    collection="address-groups",
    create_body=bodies.AddressGroupCreate,
    update_body=bodies.AddressGroupUpdate,
    rules=address_groups,
    view=views.address_group,
    attributes=frozenset(views.address_group(AddressGroup(""), None)),
    actions=(
        Action("add_addresses", address_groups.add, bodies.AddressesBody, True),
        Action("remove_addresses", address_groups.remove, bodies.AddressesBody, True),
    ),
)
ALL = (NETWORK, SUBNET, PORT, ROUTER, SECURITY_GROUP, SECURITY_GROUP_RULE, ADDRESS_GROUP)

"""The kinds of resources that the configuration has, and changes of them.

Resources are frozen values and carry the Networking API's names where it has one.  Every node has
all of them in a :class:`~ryu_apps.control.config.config.Config`;
:mod:`ryu_apps.control.config.stored` is how the store has them.

VPN identifiers are part of the resource, allocated once at creation: ``vni`` (L2 VNI of a network,
L3 VNI of a router, RFC 8365 section 5.1) and ``rd_index`` (the number in RD = VTEP:index, 1-65535).
"""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

from ryu_apps.control.config.resources.addressing.address_scope import ADDRESS_SCOPE, AddressScope
from ryu_apps.control.config.resources.addressing.subnet import SUBNET, HostRoute, Pool, Subnet
from ryu_apps.control.config.resources.addressing.subnetpool import SUBNETPOOL, SubnetPool
from ryu_apps.control.config.resources.kind import Kind
from ryu_apps.control.config.resources.mirrors.tap_flow import TAP_FLOW, TapFlow
from ryu_apps.control.config.resources.mirrors.tap_mirror import TAP_MIRROR, TapMirror
from ryu_apps.control.config.resources.mirrors.tap_service import TAP_SERVICE, TapService
from ryu_apps.control.config.resources.network import NETWORK, Network
from ryu_apps.control.config.resources.network_segment_range import (
    NETWORK_SEGMENT_RANGE,
    NetworkSegmentRange,
)
from ryu_apps.control.config.resources.ports.port import (
    FLOATING_IP,
    PORT,
    ROUTER_GATEWAY,
    ROUTER_INTERFACE,
    SYSTEM_OWNERS,
    AddressPair,
    Binding,
    DhcpOption,
    FixedIp,
    Port,
)
from ryu_apps.control.config.resources.ports.trunk import SUBPORT, TRUNK, SubPort, Trunk
from ryu_apps.control.config.resources.qos.qos_policy import QOS_POLICY, QosPolicy
from ryu_apps.control.config.resources.qos.qos_rules import RULE_KINDS, QosRule
from ryu_apps.control.config.resources.quota import QUOTA, Limit, Quota
from ryu_apps.control.config.resources.rbac_policy import RBAC_POLICY, RbacPolicy
from ryu_apps.control.config.resources.resource import Resource
from ryu_apps.control.config.resources.routing.floatingip import FLOATINGIP, FloatingIP
from ryu_apps.control.config.resources.routing.router import (
    ROUTER,
    ExternalGateway,
    ExtraRoute,
    Router,
)
from ryu_apps.control.config.resources.security.address_group import ADDRESS_GROUP, AddressGroup
from ryu_apps.control.config.resources.security.default_security_group_rule import (
    DEFAULT_SECURITY_GROUP_RULE,
    DefaultSecurityGroupRules,
    TemplateRule,
)
from ryu_apps.control.config.resources.security.security_group import SECURITY_GROUP, SecurityGroup
from ryu_apps.control.config.resources.security.security_group_rule import (
    SECURITY_GROUP_RULE,
    SecurityGroupRule,
    normalized,
)
from ryu_apps.control.config.resources.segment import SEGMENT, Segment
from ryu_apps.control.config.resources.sfc import (
    FLOW_CLASSIFIER,
    PORT_CHAIN,
    PORT_PAIR,
    PORT_PAIR_GROUP,
    FlowClassifier,
    PortChain,
    PortPair,
    PortPairGroup,
)

__all__ = [
    "ALL_KINDS", "FLOATING_IP", "KINDS", "ROUTER_GATEWAY", "ROUTER_INTERFACE", "SUBPORT",
    "SYSTEM_OWNERS", "AddressGroup", "AddressPair", "AddressScope", "Binding", "Change",
    "DefaultSecurityGroupRules", "DhcpOption", "ExternalGateway", "ExtraRoute", "FixedIp",
    "FloatingIP", "FlowClassifier", "HostRoute", "Kind", "Limit", "Network", "NetworkSegmentRange",
    "Pool", "Port", "PortChain", "PortPair", "PortPairGroup", "QosPolicy", "QosRule", "Quota",
    "RbacPolicy", "Resource", "Router", "SecurityGroup", "SecurityGroupRule", "Segment", "SubPort",
    "Subnet", "SubnetPool", "TapFlow", "TapMirror", "TapService",
    "TemplateRule", "Trunk", "means_the_same", "normalized",
]

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        NETWORK, SUBNET, PORT, ROUTER, SECURITY_GROUP, SECURITY_GROUP_RULE, ADDRESS_GROUP,
        ADDRESS_SCOPE, SUBNETPOOL, DEFAULT_SECURITY_GROUP_RULE, RBAC_POLICY, QUOTA,
        NETWORK_SEGMENT_RANGE, FLOATINGIP, QOS_POLICY, *RULE_KINDS,
        TRUNK, PORT_PAIR, PORT_PAIR_GROUP, FLOW_CLASSIFIER, PORT_CHAIN,
        TAP_MIRROR, TAP_SERVICE, TAP_FLOW,
    )
}
"""All kinds that are stored by name, in the order in which the API lists them."""

ALL_KINDS: dict[str, Kind] = {**KINDS, SEGMENT.name: SEGMENT}
"""With those that are parts of others."""

_SHOWN = (
    "name", "description", "tags", "revision_number", "created_at", "updated_at", "segment_name",
    "segment_description", "segment_tags",
)


def means_the_same(old: Resource | None, new: Resource | None) -> bool:
    """Whether the two differ at most in what is only shown to clients."""
    if old is None or new is None or type(old) is not type(new):
        return old is new
    return old == new or old == dataclasses.replace(
        new, **{name: getattr(old, name) for name in _SHOWN if hasattr(old, name)}
    )


class Change(NamedTuple):
    """One resource as it is from now on; ``resource`` None: deleted."""

    kind: str
    id: str
    resource: Resource | None

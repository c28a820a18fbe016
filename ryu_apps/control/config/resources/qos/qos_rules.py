"""The rules of QoS policies, one kind for each type (Networking API v2.0, "Quality of Service")."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ryu_apps.control.config.resources.access import ADMIN, Access, Parent
from ryu_apps.control.config.resources.kind import Kind, by_field
from ryu_apps.control.config.resources.resource import Resource

EGRESS, INGRESS, ANY = "egress", "ingress", "any"
"""What a port sends, what reaches it, both together."""
MARKS = (0, *range(8, 41, 2), 46, 48, 56)
"""The DSCP values that may be set: those with a meaning of their own (RFC 2474, 2597, 3246)."""


@dataclass(frozen=True, slots=True)
class QosRule(Resource):
    """Base of all rules.  ``type``: as the API names it.  A policy has at most one rule of a type
    and direction."""

    qos_policy_id: str

    type: ClassVar[str]


@dataclass(frozen=True, slots=True)
class QosBandwidthLimitRule(QosRule):
    """Kilobits (1,000 bits) a second, and kilobits at once; 0: no limit, and a burst that goes with
    the rate."""

    max_kbps: int
    max_burst_kbps: int = 0
    direction: str = EGRESS

    type: ClassVar[str] = "bandwidth_limit"


@dataclass(frozen=True, slots=True)
class QosPacketRateLimitRule(QosRule):
    """Thousands of packets a second, and at once; 0 as of a bandwidth limit."""

    max_kpps: int
    max_burst_kpps: int = 0
    direction: str = EGRESS

    type: ClassVar[str] = "packet_rate_limit"


@dataclass(frozen=True, slots=True)
class QosDscpMarkingRule(QosRule):
    """The DSCP of what a port sends."""

    dscp_mark: int

    type: ClassVar[str] = "dscp_marking"


@dataclass(frozen=True, slots=True)
class QosMinimumBandwidthRule(QosRule):
    min_kbps: int
    direction: str = EGRESS

    type: ClassVar[str] = "minimum_bandwidth"


@dataclass(frozen=True, slots=True)
class QosMinimumPacketRateRule(QosRule):
    min_kpps: int
    direction: str = EGRESS

    type: ClassVar[str] = "minimum_packet_rate"


def direction_of(rule: QosRule) -> str:
    """EGRESS, INGRESS or ANY; "" of a type without directions."""
    return getattr(rule, "direction", "")


_POLICY = Parent("qos_policy", "qos_policy_id")


def _kind(resource: type[QosRule]) -> Kind:
    name = f"{resource.type}_rule"
    return Kind(
        name,
        resource,
        Access(read=(_POLICY.owner, _POLICY.shared), create=ADMIN, update=ADMIN, delete=ADMIN),
        parent=_POLICY,
        indexes=(by_field(f"{name}s_by_policy", "qos_policy_id"),),
    )


RULE_KINDS: tuple[Kind, ...] = tuple(map(_kind, (
    QosBandwidthLimitRule, QosPacketRateLimitRule, QosDscpMarkingRule, QosMinimumBandwidthRule,
    QosMinimumPacketRateRule,
)))

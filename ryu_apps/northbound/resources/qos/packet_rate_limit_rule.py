"""``/v2.0/qos/policies/<id>/packet_rate_limit_rules``."""

from __future__ import annotations

from ryu_apps.northbound.bodies.fields import Body
from ryu_apps.northbound.listing.attributes import INTEGER
from ryu_apps.northbound.resources.qos.qos_policy import COLLECTION as POLICIES
from ryu_apps.northbound.resources.qos.qos_rules import DIRECTION, Amount, Direction, collection


class PacketRateLimitRuleUpdate(Body):
    max_kpps: Amount | None = None
    max_burst_kpps: Amount | None = None
    direction: Direction | None = None


class PacketRateLimitRuleCreate(PacketRateLimitRuleUpdate):
    max_kpps: Amount


COLLECTION = collection(
    "packet_rate_limit_rule", POLICIES, PacketRateLimitRuleCreate, PacketRateLimitRuleUpdate,
    {"max_kpps": INTEGER, "max_burst_kpps": INTEGER, "direction": DIRECTION},
    {
        "qos-pps": (
            "QoS Rule Type Packet per Second Extension", "Limits in packets a second"),
    },
)

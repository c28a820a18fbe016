"""``/v2.0/qos/policies/<id>/minimum_packet_rate_rules``."""

from __future__ import annotations

from typing import Literal

from ryu_apps.northbound.bodies.fields import Body
from ryu_apps.northbound.listing.attributes import INTEGER, one_of
from ryu_apps.northbound.resources.qos.qos_policy import COLLECTION as POLICIES
from ryu_apps.northbound.resources.qos.qos_rules import Amount, collection


class MinimumPacketRateRuleUpdate(Body):
    min_kpps: Amount | None = None
    direction: Literal["egress", "ingress", "any"] | None = None


class MinimumPacketRateRuleCreate(MinimumPacketRateRuleUpdate):
    min_kpps: Amount


COLLECTION = collection(
    "minimum_packet_rate_rule", POLICIES, MinimumPacketRateRuleCreate, MinimumPacketRateRuleUpdate,
    {"min_kpps": INTEGER, "direction": one_of("egress", "ingress", "any")},
    {
        "qos-pps-minimum": (
            "QoS minimum packet rate rule",
            "Policies can say it; ports and networks with such a rule are refused"),
        "qos-pps-minimum-rule-alias": (
            "QoS minimum packet rate rule alias", "Those rules by their ids alone"),
    },
)

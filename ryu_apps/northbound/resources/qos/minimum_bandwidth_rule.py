"""``/v2.0/qos/policies/<id>/minimum_bandwidth_rules``."""

from __future__ import annotations

from ryu_apps.northbound.bodies.fields import Body
from ryu_apps.northbound.listing.attributes import INTEGER
from ryu_apps.northbound.resources.qos.qos_policy import COLLECTION as POLICIES
from ryu_apps.northbound.resources.qos.qos_rules import DIRECTION, Amount, Direction, collection


class MinimumBandwidthRuleUpdate(Body):
    min_kbps: Amount | None = None
    direction: Direction | None = None


class MinimumBandwidthRuleCreate(MinimumBandwidthRuleUpdate):
    min_kbps: Amount


COLLECTION = collection(
    "minimum_bandwidth_rule", POLICIES, MinimumBandwidthRuleCreate, MinimumBandwidthRuleUpdate,
    {"min_kbps": INTEGER, "direction": DIRECTION},
    {
        "qos-bw-minimum-ingress": (
            "Ingress direction for QoS minimum bandwidth rule",
            "Policies can say it; ports and networks with such a rule are refused"),
    },
)

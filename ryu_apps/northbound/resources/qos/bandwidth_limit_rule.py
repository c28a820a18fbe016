"""``/v2.0/qos/policies/<id>/bandwidth_limit_rules``."""

from __future__ import annotations

from ryu_apps.northbound.bodies.fields import Body
from ryu_apps.northbound.listing.attributes import INTEGER
from ryu_apps.northbound.resources.qos.qos_policy import COLLECTION as POLICIES
from ryu_apps.northbound.resources.qos.qos_rules import DIRECTION, Amount, Direction, collection


class BandwidthLimitRuleUpdate(Body):
    max_kbps: Amount | None = None
    max_burst_kbps: Amount | None = None
    direction: Direction | None = None


class BandwidthLimitRuleCreate(BandwidthLimitRuleUpdate):
    max_kbps: Amount


COLLECTION = collection(
    "bandwidth_limit_rule", POLICIES, BandwidthLimitRuleCreate, BandwidthLimitRuleUpdate,
    {"max_kbps": INTEGER, "max_burst_kbps": INTEGER, "direction": DIRECTION},
    {
        "qos-bw-limit-direction": (
            "Direction for QoS bandwidth limit rule", "Limits of what a port sends and receives"),
        "qos-rules-alias": (
            "Quality of Service rules alias API", "Rules of QoS policies by their ids alone"),
    },
)

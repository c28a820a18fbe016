"""``/v2.0/availability_zones``."""

from __future__ import annotations

from ryu_apps.control.config.zones import ZONE
from ryu_apps.identity.defaults import AVAILABILITY_ZONE
from ryu_apps.northbound.environment import Environment
from ryu_apps.northbound.http.call import Call
from ryu_apps.northbound.listing.attributes import STRING, one_of
from ryu_apps.northbound.read_only.collection import ReadOnly, View


def _items(environment: Environment, call: Call, filters: dict[str, set[str]]) -> list[View]:
    if not call.authority.regardless(AVAILABILITY_ZONE):
        return []
    return [
        {"name": ZONE, "resource": resource, "state": "available"}
        for resource in ("network", "router")
    ]


AVAILABILITY_ZONES = ReadOnly(
    path="availability_zones",
    name="availability_zone",
    plural="availability_zones",
    title="AvailabilityZone",
    words="availability zones",
    items=_items,
    attributes={
        "name": STRING, "resource": one_of("network", "router"),
        "state": one_of("available", "unavailable"),
    },
    key="",
    extensions={
        "availability_zone": ("Availability Zone", "Where networks and routers can be"),
        "availability_zone_filter": (
            "Availability Zone Filter Extension", "Zones can be filtered by their attributes"),
        "network_availability_zone": (
            "Network Availability Zone", "Networks have availability_zone_hints"),
        "router_availability_zone": (
            "Router Availability Zone", "Routers have availability_zone_hints"),
    },
)

"""``/v2.0/network_segment_ranges``."""

from __future__ import annotations

from typing import Any, NamedTuple

from ryu_apps.control.config.config import Config
from ryu_apps.control.config.model import NetworkSegmentRange
from ryu_apps.control.config.resources.network_segment_range import (
    DEFAULT,
    NETWORK_SEGMENT_RANGE,
)
from ryu_apps.control.config.rules import segment_ranges
from ryu_apps.northbound.bodies.fields import Body, Integer, Name, Text
from ryu_apps.northbound.environment import Environment
from ryu_apps.northbound.listing.attributes import (
    BOOLEAN,
    INTEGER,
    OBJECT,
    STRING,
    Type,
    or_null,
)
from ryu_apps.northbound.resources import standard
from ryu_apps.northbound.resources.collection import Collection, Standing, View


class NetworkSegmentRangeUpdate(Body):
    name: Name = ""
    description: Text = ""
    minimum: Integer = segment_ranges.FIRST
    maximum: Integer = segment_ranges.LAST


class NetworkSegmentRangeCreate(NetworkSegmentRangeUpdate, standard.Owned):
    minimum: Integer
    maximum: Integer
    network_type: Text
    physical_network: Text = ""
    shared: bool = True


class Use(NamedTuple):
    """VNI or VLAN -> project; and some of those that are free."""

    used: dict[int, str]
    available: list[int]


def view(item: NetworkSegmentRange, use: Use) -> View:
    return {
        "id": item.id,
        "name": item.name,
        "default": item.id == DEFAULT,
        "shared": item.shared,
        "network_type": item.network_type,
        "physical_network": item.physical_network or None,
        "minimum": item.minimum,
        "maximum": item.maximum,
        "used": {str(vni): project for vni, project in use.used.items()},
        "available": use.available,
        **standard.standard(item),
    }


def _use(config: Config, item: NetworkSegmentRange) -> Use:
    return Use(segment_ranges.users(config, item), segment_ranges.available(config, item))


def _of_options(environment: Environment) -> dict[str, Any]:
    return {DEFAULT: segment_ranges.default(environment.vni_range)}


COLLECTION = Collection(
    kind=NETWORK_SEGMENT_RANGE,
    path="network_segment_ranges",
    create_body=NetworkSegmentRangeCreate,
    update_body=NetworkSegmentRangeUpdate,
    rules=segment_ranges,
    view=view,
    extra=_use,
    standing=Standing(_of_options, segment_ranges.read_only),
    attributes={
        **standard.ATTRIBUTES,
        "name": STRING, "default": BOOLEAN, "shared": BOOLEAN, "network_type": STRING,
        "physical_network": or_null("string"), "minimum": INTEGER, "maximum": INTEGER,
        "used": OBJECT,
        "available": Type({"type": "array", "items": {"type": "integer"}}, str),
    },
    extensions={
        "network-segment-range": (
            "Neutron Network Segment Range",
            "Which VNIs and VLANs the networks of which projects get"),
    },
)

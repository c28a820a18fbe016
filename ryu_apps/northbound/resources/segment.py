"""``/v2.0/segments``."""

from __future__ import annotations

from typing import Any

from ryu_apps.control.config.model import Segment
from ryu_apps.control.config.resources.segment import SEGMENT
from ryu_apps.control.config.rules import segments
from ryu_apps.northbound.bodies.fields import Body, Text, Uuid, Vni
from ryu_apps.northbound.listing.attributes import STRING, as_integer, or_null
from ryu_apps.northbound.resources import standard
from ryu_apps.northbound.resources.collection import Collection, View

_OF_PROJECTS = ("project_id", "tenant_id")
"""Segments have none: they are the system's."""


class SegmentUpdate(Body):
    name: Text = ""
    description: Text = ""


class SegmentCreate(SegmentUpdate, standard.Owned):
    network_id: Uuid
    network_type: Text
    physical_network: Text = ""
    segmentation_id: Vni = None


def view(item: Segment, _extra: Any) -> View:
    common = standard.standard(item)
    return {
        "id": item.id,
        "name": item.name or None,
        "network_id": item.network_id,
        "network_type": item.network_type,
        "physical_network": item.physical_network or None,
        "segmentation_id": item.segmentation_id,
        **{name: value for name, value in common.items() if name not in _OF_PROJECTS},
    }


COLLECTION = Collection(
    kind=SEGMENT,
    path="segments",
    create_body=SegmentCreate,
    update_body=SegmentUpdate,
    rules=segments,
    view=view,
    refusals=(501,),
    attributes={
        **{name: kind for name, kind in standard.ATTRIBUTES.items() if name not in _OF_PROJECTS},
        "name": or_null("string"), "network_id": STRING, "network_type": STRING,
        "physical_network": or_null("string"),
        "segmentation_id": or_null("integer", as_integer),
    },
    extensions={
        "segment": ("Segment", "The segment that each network has"),
        "standard-attr-segment": (
            "Standard Attribute Segment Extension",
            "Segments have a description, revisions and times"),
    },
)

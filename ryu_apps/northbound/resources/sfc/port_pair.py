"""``/v2.0/sfc/port_pairs``."""

from __future__ import annotations

from typing import Any

from ryu_apps.control.config.model import PortPair
from ryu_apps.control.config.resources.sfc.port_pair import PORT_PAIR
from ryu_apps.control.config.rules.sfc import port_pairs
from ryu_apps.northbound.bodies.fields import Body, Name, Text, Uuid, integer, only
from ryu_apps.northbound.listing.attributes import OBJECT, STRING
from ryu_apps.northbound.resources import standard
from ryu_apps.northbound.resources.collection import Collection, View

MAX_WEIGHT = 256


class ServiceFunctionParameters(Body):
    correlation: only() = None  # type: ignore[valid-type]
    weight: integer(MAX_WEIGHT) = 1  # type: ignore[valid-type]


class PortPairUpdate(Body):
    name: Name = ""
    description: Text = ""


class PortPairCreate(PortPairUpdate, standard.Owned):
    ingress: Uuid
    egress: Uuid
    service_function_parameters: ServiceFunctionParameters | None = None


def view(item: PortPair, _extra: Any) -> View:
    return {
        "id": item.id,
        "name": item.name,
        "ingress": item.ingress,
        "egress": item.egress,
        "service_function_parameters": {"correlation": None, "weight": item.weight},
        **standard.standard(item),
    }


COLLECTION = Collection(
    kind=PORT_PAIR,
    path="sfc/port_pairs",
    create_body=PortPairCreate,
    update_body=PortPairUpdate,
    rules=port_pairs,
    view=view,
    attributes={
        **standard.ATTRIBUTES,
        "name": STRING, "ingress": STRING, "egress": STRING, "service_function_parameters": OBJECT,
    },
    extensions={"sfc": (
        "Service Function Chaining", "Packets go through services on their way"
    )},
)

"""``/v2.0/sfc/flow_classifiers``."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, WithJsonSchema

from ryu_apps.control.config.model import FlowClassifier
from ryu_apps.control.config.resources.sfc.flow_classifier import FLOW_CLASSIFIER
from ryu_apps.control.config.rules.sfc import flow_classifiers
from ryu_apps.northbound.bodies.fields import Body, Name, Text, UuidOrNone, integer, only
from ryu_apps.northbound.listing.attributes import OBJECT, STRING, as_integer, or_null
from ryu_apps.northbound.resources import standard
from ryu_apps.northbound.resources.collection import Collection, View

_NAMES = {number: name for name, number in flow_classifiers.PROTOCOLS.items()} | {58: "icmp"}


def _or_none(value: Any) -> Any:
    return None if value in ("", None) else value


def _ethertype(value: Any) -> Any:
    spelled = {"ipv4": "IPv4", "ipv6": "IPv6"}
    if value is None:
        return "IPv4"
    return spelled.get(value.lower(), value) if type(value) is str else value


L4Port = Annotated[integer(65535) | None, BeforeValidator(_or_none)]
Ethertype = Annotated[
    Literal["IPv4", "IPv6"], BeforeValidator(_ethertype),
    WithJsonSchema({"enum": ["IPv4", "IPv6", None]}),
]


class FlowClassifierUpdate(Body):
    name: Name = ""
    description: Text = ""


class FlowClassifierCreate(FlowClassifierUpdate, standard.Owned):
    ethertype: Ethertype = "IPv4"
    protocol: Text = ""
    source_port_range_min: L4Port = None
    source_port_range_max: L4Port = None
    destination_port_range_min: L4Port = None
    destination_port_range_max: L4Port = None
    source_ip_prefix: Text = ""
    destination_ip_prefix: Text = ""
    logical_source_port: UuidOrNone = None
    logical_destination_port: UuidOrNone = None
    l7_parameters: only({}) = None  # type: ignore[valid-type]


def _number(value: int) -> int | None:
    return None if value < 0 else value


def view(item: FlowClassifier, _extra: Any) -> View:
    return {
        "id": item.id,
        "name": item.name,
        "ethertype": item.ethertype,
        "protocol": _NAMES.get(item.protocol),
        "source_port_range_min": _number(item.source_port_range_min),
        "source_port_range_max": _number(item.source_port_range_max),
        "destination_port_range_min": _number(item.destination_port_range_min),
        "destination_port_range_max": _number(item.destination_port_range_max),
        "source_ip_prefix": item.source_ip_prefix or None,
        "destination_ip_prefix": item.destination_ip_prefix or None,
        "logical_source_port": item.logical_source_port,
        "logical_destination_port": item.logical_destination_port or None,
        "l7_parameters": {},
        **standard.standard(item),
    }


_TEXT_OR_NULL, _NUMBER_OR_NULL = or_null("string"), or_null("integer", as_integer)

COLLECTION = Collection(
    kind=FLOW_CLASSIFIER,
    path="sfc/flow_classifiers",
    create_body=FlowClassifierCreate,
    update_body=FlowClassifierUpdate,
    rules=flow_classifiers,
    view=view,
    attributes={
        **standard.ATTRIBUTES,
        "name": STRING, "ethertype": STRING, "protocol": _TEXT_OR_NULL,
        "source_port_range_min": _NUMBER_OR_NULL, "source_port_range_max": _NUMBER_OR_NULL,
        "destination_port_range_min": _NUMBER_OR_NULL,
        "destination_port_range_max": _NUMBER_OR_NULL,
        "source_ip_prefix": _TEXT_OR_NULL, "destination_ip_prefix": _TEXT_OR_NULL,
        "logical_source_port": STRING, "logical_destination_port": _TEXT_OR_NULL,
        "l7_parameters": OBJECT,
    },
    extensions={"flow_classifier": ("Flow Classifier", "What goes into a service chain")},
)

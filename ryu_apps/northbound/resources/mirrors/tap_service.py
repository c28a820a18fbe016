"""``/v2.0/taas/tap_services``."""

from __future__ import annotations

from typing import Any

from ryu_apps.control.config.model import TapService
from ryu_apps.control.config.resources.mirrors.tap_service import TAP_SERVICE
from ryu_apps.control.config.rules.mirrors import tap_services
from ryu_apps.northbound.base import DOWN, NodeView
from ryu_apps.northbound.bodies.fields import Body, Name, Text, Uuid
from ryu_apps.northbound.listing.attributes import STATUS, STRING
from ryu_apps.northbound.resources import standard
from ryu_apps.northbound.resources.collection import Collection, State, View


class TapServiceUpdate(Body):
    name: Name = ""
    description: Text = ""


class TapServiceCreate(TapServiceUpdate, standard.Owned):
    port_id: Uuid


def view(item: TapService, _extra: Any) -> View:
    return {
        "id": item.id,
        "name": item.name,
        "port_id": item.port_id,
        "status": "DOWN",
        **standard.standard(item),
    }


def _add_states(node_view: NodeView, found: list[View], new: bool) -> None:
    """That of its port."""
    states = node_view.port_states([one["port_id"] for one in found])
    for one in found:
        one["status"] = states.get(one["port_id"], DOWN).status


COLLECTION = Collection(
    kind=TAP_SERVICE,
    path="taas/tap_services",
    create_body=TapServiceCreate,
    update_body=TapServiceUpdate,
    rules=tap_services,
    view=view,
    attributes={**standard.ATTRIBUTES, "name": STRING, "port_id": STRING, "status": STATUS},
    state=State(frozenset({"status"}), _add_states),
    extensions={
        "taas": ("Neutron Tap as a Service", "Ports get copies of what others send and receive"),
    },
)

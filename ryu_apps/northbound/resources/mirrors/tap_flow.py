"""``/v2.0/taas/tap_flows``."""

from __future__ import annotations

from typing import Any

from ryu_apps.control.config.model import TapFlow
from ryu_apps.control.config.resources.mirrors.tap_flow import TAP_FLOW
from ryu_apps.control.config.rules.mirrors import tap_flows
from ryu_apps.northbound.base import DOWN, NodeView
from ryu_apps.northbound.bodies.fields import Body, Name, Text, Uuid, only
from ryu_apps.northbound.listing.attributes import STATUS, STRING
from ryu_apps.northbound.resources import standard
from ryu_apps.northbound.resources.collection import Collection, State, View


class TapFlowUpdate(Body):
    name: Name = ""
    description: Text = ""


class TapFlowCreate(TapFlowUpdate, standard.Owned):
    source_port: Uuid
    tap_service_id: Uuid
    direction: Name
    vlan_filter: only() = None


def view(item: TapFlow, _extra: Any) -> View:
    return {
        "id": item.id,
        "name": item.name,
        "tap_service_id": item.tap_service_id,
        "source_port": item.source_port,
        "direction": item.direction,
        "status": "DOWN",
        **standard.standard(item),
    }


def _add_states(node_view: NodeView, found: list[View], new: bool) -> None:
    """That of the port that is copied."""
    states = node_view.port_states([one["source_port"] for one in found])
    for one in found:
        one["status"] = states.get(one["source_port"], DOWN).status


COLLECTION = Collection(
    kind=TAP_FLOW,
    path="taas/tap_flows",
    create_body=TapFlowCreate,
    update_body=TapFlowUpdate,
    rules=tap_flows,
    view=view,
    attributes={
        **standard.ATTRIBUTES, "name": STRING, "tap_service_id": STRING, "source_port": STRING,
        "direction": STRING, "status": STATUS,
    },
    state=State(frozenset({"status"}), _add_states),
)

"""``/v2.0/trunks``, and their subports."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from ryu_apps.control.config.model import Trunk
from ryu_apps.control.config.resources.ports.trunk import TRUNK, VLAN
from ryu_apps.control.config.rules.ports import trunks
from ryu_apps.northbound.base import DOWN, NodeView
from ryu_apps.northbound.bodies.fields import Body, IntegerOrNone, Uuid
from ryu_apps.northbound.bodies.schemas import STRING as STRING_SCHEMA
from ryu_apps.northbound.bodies.schemas import obj, ref
from ryu_apps.northbound.environment import Environment
from ryu_apps.northbound.http.call import Call, Reply, Route
from ryu_apps.northbound.listing.attributes import (
    BOOLEAN,
    STRING,
    as_integer,
    as_text,
    objects,
    one_of,
)
from ryu_apps.northbound.resources import standard
from ryu_apps.northbound.resources.collection import Action, Collection, State, View
from ryu_apps.northbound.resources.handlers import Handlers


class SubPortBody(Body):
    port_id: Uuid
    segmentation_type: Annotated[str, Field(max_length=32)] | None = None
    segmentation_id: IntegerOrNone = None


SubPorts = Annotated[list[SubPortBody], Field(max_length=trunks.MAX_SUBPORTS)]


class SubPortsBody(Body):
    """``add_subports`` and ``remove_subports``."""

    sub_ports: SubPorts


class TrunkUpdate(standard.Described):
    pass


class TrunkCreate(TrunkUpdate, standard.Owned):
    port_id: Uuid
    sub_ports: SubPorts = []


def sub_ports(item: Trunk) -> list[View]:
    """The subports as answers have them."""
    return [
        {
            "port_id": one.port_id,
            "segmentation_type": one.segmentation_type,
            "segmentation_id": one.segmentation_id,
        }
        for one in item.sub_ports
    ]


def view(item: Trunk, _extra: Any) -> View:
    return {
        "id": item.id,
        "name": item.name,
        "port_id": item.port_id,
        "status": "DOWN",
        "admin_state_up": item.admin_state_up,
        "sub_ports": sub_ports(item),
        **standard.standard(item),
    }


def _status(parent: str, subs: list[str]) -> str:
    """Of a trunk, from those of its ports: it is where its parent is.  One that has some of its
    subports is DEGRADED."""
    if parent == "ACTIVE" and subs:
        if all(one == "ACTIVE" for one in subs):
            return "ACTIVE"
        return "BUILD" if "BUILD" in subs else "DEGRADED"
    return parent


def _add_states(node_view: NodeView, found: list[View], new: bool) -> None:
    """No switch can have confirmed the ports of a trunk that was just created."""
    if new:
        return
    ports = {
        port_id for one in found
        for port_id in (one["port_id"], *(sub["port_id"] for sub in one["sub_ports"]))
    }
    states = node_view.port_states(list(ports))
    for one in found:
        subs = [states.get(sub["port_id"], DOWN).status for sub in one["sub_ports"]]
        one["status"] = _status(states.get(one["port_id"], DOWN).status, subs)


class SubPortsOf:
    """``get_subports``, below a trunk."""

    def __init__(self, handlers: Handlers, environment: Environment):
        self._handlers = handlers
        self._env = environment

    def routes(self) -> list[Route]:
        member, tag = f"{self._handlers.collection.root}/{{id}}", self._handlers.tag
        return [
            Route("GET", f"{member}/get_subports", self.index, "List the subports of a trunk", tag,
                  None, "SubPortList"),
        ]

    def index(self, call: Call, id: str) -> Reply:
        trunk = self._env.configuration.read(
            lambda config: self._handlers.visible(config, call, id, {})
        )
        return Reply(200, {"sub_ports": sub_ports(trunk)})


SCHEMAS: dict[str, Any] = {
    "SubPort": obj(
        ("port_id", "segmentation_type", "segmentation_id"), port_id=STRING_SCHEMA,
        segmentation_type={"type": "string", "enum": [VLAN]},
        segmentation_id={"type": "integer", "minimum": 1, "maximum": 4094},
    ),
    "SubPortList": obj(("sub_ports",), sub_ports={"type": "array", "items": ref("SubPort")}),
}

TRUNK_STATUS = one_of("ACTIVE", "BUILD", "DEGRADED", "DOWN", "ERROR")

COLLECTION = Collection(
    kind=TRUNK,
    path="trunks",
    create_body=TrunkCreate,
    update_body=TrunkUpdate,
    rules=trunks,
    view=view,
    attributes={
        **standard.ATTRIBUTES,
        "name": STRING, "port_id": STRING, "status": TRUNK_STATUS, "admin_state_up": BOOLEAN,
        "sub_ports": objects(
            port_id=as_text, segmentation_type=as_text, segmentation_id=as_integer
        ),
    },
    state=State(frozenset({"status"}), _add_states),
    actions=(
        Action("add_subports", trunks.add_subports, SubPortsBody, bare=True),
        Action("remove_subports", trunks.remove_subports, SubPortsBody, bare=True),
    ),
    below=(SubPortsOf,),
    extensions={
        "trunk": ("Trunk Extension", "A port carries further ports, each in a VLAN"),
        "trunk-details": ("Trunk port details", "Ports show what they carry"),
    },
)

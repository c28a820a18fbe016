"""``/v2.0/agents``: there are no agents; the nodes and hypervisors stand for them, to be read.

Clients ask for the list without looking at the extensions first.  It is for administrators; others
see none, as in Neutron.
"""

from __future__ import annotations

import uuid
from typing import Any

from ryu_apps.control.config.zones import ZONE
from ryu_apps.identity.defaults import AGENT
from ryu_apps.northbound.environment import Environment
from ryu_apps.northbound.http.call import Call
from ryu_apps.northbound.listing.attributes import BOOLEAN, OBJECT, STRING, as_boolean, or_null
from ryu_apps.northbound.read_only.collection import ReadOnly, View

_SPACE = uuid.UUID("8c1f0f6b-9d0e-4f36-9a5e-0a7a4f1a6d11")
NODE, HYPERVISOR = "Virtual network controller", "Open vSwitch"


def _view(kind: str, name: str, alive: bool, **more: Any) -> dict[str, Any]:
    return {
        # Of the same thing always the same.
        "id": str(uuid.uuid5(_SPACE, f"{kind} {name}")),
        "agent_type": kind,
        "binary": "vnc-node" if kind == NODE else "ovs-vswitchd",
        "topic": "",
        "host": more.get("hostname") or name,
        "admin_state_up": True,
        "alive": alive,
        "availability_zone": ZONE,
        "created_at": more.get("started_at"),
        "started_at": more.get("started_at"),
        "heartbeat_timestamp": None,
        "description": "",
        "resources_synced": None,
        "configurations": {key: more[key] for key in ("vtep", "owner", "url") if more.get(key)},
    }


def _items(environment: Environment, call: Call, filters: dict[str, set[str]]) -> list[View]:
    if not call.authority.regardless(AGENT):
        return []
    view = environment.node_view
    nodes = (
        _view(NODE, str(one["node"]), bool(one.get("alive")),
              **{key: one.get(key) for key in ("started_at", "url")})
        for one in view.nodes()
    )
    elements = (
        _view(HYPERVISOR, one["id"], bool(one.get("connected")),
              **{key: one.get(key) for key in ("hostname", "vtep", "owner")})
        for one in view.elements()
    )
    return [*nodes, *elements]


_TEXT = or_null("string")

AGENTS = ReadOnly(
    path="agents",
    name="agent",
    plural="agents",
    title="Agent",
    words="nodes and hypervisors",
    items=_items,
    attributes={
        "id": STRING, "agent_type": STRING, "binary": STRING, "topic": STRING, "host": STRING,
        "admin_state_up": BOOLEAN, "alive": BOOLEAN, "availability_zone": STRING,
        "created_at": _TEXT, "started_at": _TEXT, "heartbeat_timestamp": _TEXT,
        "description": STRING, "resources_synced": or_null("boolean", as_boolean),
        "configurations": OBJECT,
    },
)

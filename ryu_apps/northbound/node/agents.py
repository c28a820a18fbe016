"""``/v2.0/agents``: there are no agents; the nodes and hypervisors stand for them, to be read.

Clients ask for the list without looking at the extensions first.  It is for administrators; others
see none, as in Neutron.
"""

from __future__ import annotations

import uuid
from typing import Any

from ryu_apps.identity.defaults import AGENT
from ryu_apps.northbound.environment import Environment
from ryu_apps.northbound.http.call import Call, Reply, Route
from ryu_apps.northbound.http.errors import ApiError
from ryu_apps.northbound.listing import listing, matching
from ryu_apps.northbound.listing.attributes import BOOLEAN, OBJECT, STRING, TIME, Attributes

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
        "availability_zone": None,
        "created_at": more.get("started_at"),
        "started_at": more.get("started_at"),
        "heartbeat_timestamp": None,
        "description": "",
        "resources_synced": None,
        "configurations": {key: more[key] for key in ("vtep", "owner", "url") if more.get(key)},
    }


ATTRIBUTES: Attributes = {
    "id": STRING, "agent_type": STRING, "binary": STRING, "topic": STRING, "host": STRING,
    "admin_state_up": BOOLEAN, "alive": BOOLEAN, "availability_zone": STRING, "created_at": TIME,
    "started_at": STRING, "heartbeat_timestamp": STRING, "description": STRING,
    "resources_synced": BOOLEAN, "configurations": OBJECT,
}


class Agents:
    def __init__(self, environment: Environment):
        self._env = environment

    def routes(self) -> list[Route]:
        query = tuple((name, "") for name in sorted({*ATTRIBUTES, *listing.RESERVED}))
        return [
            Route("GET", "/v2.0/agents", self.index, "List nodes and hypervisors", "agents", None,
                  "Record", query=query),
            Route("GET", "/v2.0/agents/{id}", self.show, "Show a node or hypervisor", "agents",
                  None, "Record", query=(("fields", ""),)),
        ]

    def _all(self, call: Call) -> list[dict[str, Any]]:
        if not call.authority.regardless(AGENT):
            return []
        view = self._env.node_view
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

    def index(self, call: Call) -> Reply:
        asked = listing.parse(call.query, ATTRIBUTES, self._env.max_page)
        found = list(filter(matching.matcher(asked, ATTRIBUTES), self._all(call)))
        shown, cut = listing.page(found, asked)
        body: dict[str, Any] = {"agents": [listing.select(one, asked.fields) for one in shown]}
        if asked.paged or cut:
            url = f"{call.base_url()}/v2.0/agents"
            body["agents_links"] = listing.links(url, call.query, shown, asked)
        return Reply(200, body)

    def show(self, call: Call, id: str) -> Reply:
        for one in self._all(call):
            if one["id"] == id:
                fields = {part for text in call.query.getall("fields") for part in text.split(",")}
                return Reply(200, {"agent": listing.select(one, fields - {""})})
        raise ApiError(404, "AgentNotFound", f"Agent {id} could not be found.")

"""``/v1/topology``: servers, switches and routers, the links between them, and what runs over them.

Every node is asked for what it knows of its elements and peers, once; the picture is made here.
"""

from __future__ import annotations

from typing import Any

from ryu_apps.control.families import UNDERLAY_FAMILIES
from ryu_apps.control.topology.build import build
from ryu_apps.northbound.environment import Environment
from ryu_apps.northbound.http.call import Call, Reply, Route
from ryu_apps.northbound.node import merge
from ryu_apps.northbound.node.others import FORWARDED, Others

MAX_ROUTES = 1000
"""Prefixes of the underlay that one node tells of."""


class TopologyApi:
    def __init__(self, environment: Environment, others: Others):
        self._view = environment.node_view
        self._others = others

    def routes(self) -> list[Route]:
        return [
            Route("GET", "/v1/topology", self.topology,
                  "Devices, links, and the tunnels that run over them", "node", None, "Topology"),
        ]

    def topology(self, call: Call) -> Reply:
        ours = self._part()
        if call.header(FORWARDED):
            return Reply(200, ours)
        theirs = self._others.ask(call, "/v1/topology", _read, idle=True)
        nodes = self._view.nodes()
        own = next((one.get("node") or one.get("name") for one in nodes if one.get("self")), "")
        parts = {own: ours, **theirs.found}
        elements = merge.elements(
            ours["elements"], [part["elements"] for part in theirs.found.values()]
        )
        made = build(
            elements, nodes,
            {name: part["peers"] for name, part in parts.items()},
            {name: part["routes"] for name, part in parts.items()},
        )
        return Reply(200, {**made.shown(), "unanswered": theirs.missing})

    def _part(self) -> dict[str, Any]:
        """What this node knows."""
        families = {"family": frozenset(map(str, UNDERLAY_FAMILIES))}
        routes, _ = self._view.rib(families, 0, MAX_ROUTES)
        return {
            "elements": self._view.elements(), "peers": self._view.peers(),
            "routes": [
                {name: one.get(name) for name in ("prefix", "peer", "next_hop")} for one in routes
                if not one.get("stale")
            ],
        }


def _read(answer: Any) -> dict[str, Any]:
    """What another node said.  Raises KeyError, TypeError or ValueError."""
    part = {name: answer[name] for name in ("elements", "peers", "routes")}
    for records in part.values():
        if type(records) is not list or not all(type(one) is dict for one in records):
            raise ValueError("no list of records")
    if not all("id" in one for one in part["elements"]):
        raise ValueError("an element without id")
    return part

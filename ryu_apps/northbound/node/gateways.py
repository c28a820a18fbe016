"""``/v1``: by which hypervisors a router reaches the outside, and what those refused.

Counters live in the switches, so all nodes are asked for those of theirs, once.
"""

from __future__ import annotations

import itertools
from typing import Any

from ryu_apps.northbound.environment import Environment
from ryu_apps.northbound.http.call import Call, Reply, Route
from ryu_apps.northbound.http.errors import ApiError
from ryu_apps.northbound.node.others import FORWARDED, Others


class GatewaysApi:
    def __init__(self, environment: Environment, others: Others):
        self._env = environment
        self._view = environment.node_view
        self._others = others

    def routes(self) -> list[Route]:
        return [
            Route(
                "GET", "/v1/routers/{id}/gateways", self.gateways,
                "Gateways of a router, and what found no port left", "node", None, "Gateways",
            ),
        ]

    def gateways(self, call: Call, id: str) -> Reply:
        if self._env.configuration.read(lambda config: id not in config.routers):
            raise ApiError(404, "RouterNotFound", f"Router {id} could not be found.")
        way = self._view.way_out(id) or {"router": id, "order": []}
        found = self._view.gateways(id)
        unanswered: list[dict[str, Any]] = []
        if not call.header(FORWARDED):
            theirs = self._others.ask(call, f"/v1/routers/{id}/gateways", _gateways)
            found = [*found, *itertools.chain.from_iterable(theirs.found.values())]
            unanswered = theirs.missing
        place = {name: number for number, name in enumerate(way["order"])}
        found.sort(key=lambda one: place.get(one["element"], len(place)))
        return Reply(200, {
            **way, "gateways": found, "unanswered": unanswered,
            "refused": sum(one["refused"] for one in found if "error" not in one),
        })


def _gateways(body: Any) -> list[dict[str, Any]]:
    """Those of another node.  Raises KeyError, TypeError."""
    return [dict(one, element=str(one["element"])) for one in body["gateways"]]

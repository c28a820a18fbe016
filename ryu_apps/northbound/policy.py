"""``/v1``: why a connection is allowed or not, and how often the rules of security groups matched.

Counters live in the switches, so all nodes are asked for those of theirs, once.
"""

from __future__ import annotations

import contextlib
import itertools
from typing import Any

from ryu_apps.control.explain import ExplainError
from ryu_apps.northbound.environment import Environment
from ryu_apps.northbound.errors import ApiError
from ryu_apps.northbound.http import Call, Reply, Route
from ryu_apps.northbound.others import FORWARDED, Others
from ryu_apps.northbound.owner import ask_owner

NUMBERS = {"dport": 65535, "icmp_type": 255, "icmp_code": 255}
"""Query parameter -> its highest value."""


class PolicyApi:
    def __init__(self, environment: Environment, others: Others):
        self._env = environment
        self._view = environment.node_view
        self._others = others

    def routes(self) -> list[Route]:
        return [
            Route(
                "GET", "/v1/explain", self.explain, "Whether a connection is allowed, and why",
                "node", None, "Explanation",
                query=(
                    ("port", "id of the sending port"), ("to", "IP address, or id of a port"),
                    ("protocol", "name or number; icmp if absent"), ("dport", "destination port"),
                    ("icmp_type", ""), ("icmp_code", ""),
                    ("from", "address to send from; the port's own if absent"),
                ),
            ),
            Route(
                "GET", "/v1/security-group-rules/{id}/counters", self.counters,
                "Packets and bytes that a rule matched", "node", None, "Counters",
            ),
        ]

    def explain(self, call: Call) -> Reply:
        query = call.query
        for name in ("port", "to"):
            if not query.get(name):
                raise ApiError(400, "InvalidInput", f"The query needs '{name}'.")
        packet: dict[str, Any] = {
            name: _number(name, query[name], highest)
            for name, highest in NUMBERS.items() if query.get(name)
        }
        port_id = query["port"]
        remote = None if call.header(FORWARDED) else self._view.port_owner(port_id)
        if remote is not None:
            # It knows what the sender's switch has.
            with contextlib.suppress(ApiError):
                return ask_owner(self._others.http, call, remote, "GET", "/v1/explain")
        try:
            return Reply(200, self._view.explain(
                port_id, query["to"], protocol=query.get("protocol") or "icmp",
                source=query.get("from") or "", **packet,
            ))
        except ExplainError as error:
            raise ApiError(400, "InvalidInput", f"{error}.") from error
        except KeyError as error:
            raise ApiError(404, "PortNotFound", f"Port {port_id} could not be found.") from error

    def counters(self, call: Call, id: str) -> Reply:
        if self._env.configuration.read(lambda config: id not in config.security_group_rules):
            raise ApiError(
                404, "SecurityGroupRuleNotFound", f"SecurityGroupRule {id} could not be found."
            )
        found = self._view.rule_counters(id)
        unanswered: list[dict[str, Any]] = []
        if not call.header(FORWARDED):
            theirs = self._others.ask(f"/v1/security-group-rules/{id}/counters", _counters)
            found = [*found, *itertools.chain.from_iterable(theirs.found.values())]
            unanswered += theirs.missing
        counted = [one for one in found if "error" not in one]
        return Reply(200, {
            "rule": id,
            "packets": sum(one["packets"] for one in counted),
            "bytes": sum(one["bytes"] for one in counted),
            "vrouters": counted,
            "unanswered": unanswered + [one for one in found if "error" in one],
        })


def _counters(body: Any) -> list[dict[str, Any]]:
    """Those of another node.  Raises ValueError, KeyError, TypeError."""
    return [
        {"element": str(one["element"]), "host": str(one["host"]),
         "packets": int(one["packets"]), "bytes": int(one["bytes"])}
        for one in body["vrouters"]
    ] + [
        {"element": str(one["element"]), "host": str(one["host"]), "error": str(one["error"])}
        for one in body["unanswered"]
    ]


def _number(name: str, text: str, highest: int) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 6 or int(text) > highest:
        raise ApiError(400, "InvalidInput", f"{name} must be an integer of 0 to {highest}.")
    return int(text)

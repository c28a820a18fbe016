"""``/v1``: why a connection is allowed or not, and how often the rules of security groups matched.

Counters live in the switches, so all nodes are asked for those of theirs, once.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
from typing import Any

import requests

from ryu_apps.control.explain.explain import ExplainError
from ryu_apps.northbound.environment import Environment
from ryu_apps.northbound.http.call import Call, Parameter, Reply, Route
from ryu_apps.northbound.http.errors import ApiError
from ryu_apps.northbound.listing.attributes import TRUE
from ryu_apps.northbound.node.others import FORWARDED, TIMEOUT, Others, asking
from ryu_apps.northbound.node.owner import ask_owner

LOG = logging.getLogger(__name__)
NUMBERS = {"dport": 65535, "icmp_type": 255, "icmp_code": 255}
"""Query parameter -> its highest value."""
_NUMBER = {"type": "string", "pattern": "^[0-9]{0,5}$"}


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
                    Parameter("port", "id of the sending port", required=True),
                    Parameter("to", "IP address, or id of a port", required=True),
                    Parameter("protocol", "name or number; icmp if absent"),
                    Parameter("dport", "destination port", _NUMBER),
                    Parameter("icmp_type", "", _NUMBER), Parameter("icmp_code", "", _NUMBER),
                    Parameter("from", "address to send from; the port's own if absent"),
                    Parameter("one_way",
                              "true: the receiver's node is not asked for the way back"),
                ),
                refusals=(404,),
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
            explanation = self._view.explain(
                port_id, query["to"], protocol=query.get("protocol") or "icmp",
                source=query.get("from") or "", **packet,
            )
        except ExplainError as error:
            raise ApiError(400, "InvalidInput", f"{error}.") from error
        except KeyError as error:
            raise ApiError(404, "PortNotFound", f"Port {port_id} could not be found.") from error
        if query.get("one_way") not in TRUE and explanation["verdict"] == "allowed":
            self._add_reply_forwarding(call, explanation)
        return Reply(200, explanation)

    def _add_reply_forwarding(self, call: Call, explanation: dict[str, Any]) -> None:
        """Add what the switch of a receiver of another node has for the reply."""
        port_id = explanation["destination"]["port"]
        remote = self._view.port_owner(port_id) if port_id else None
        if remote is None:
            return
        stage = {
            "stage": "reply forwarding", "port": port_id, "rules": [], "nearest": [],
            "verdict": "unknown", "reason": f"node {remote.node} does not say what its switch has",
        }
        try:
            answer = self._others.http.get(
                f"{remote.url.rstrip('/')}/v1/explain", headers=asking(call),
                timeout=TIMEOUT, allow_redirects=False, params={
                    "port": port_id, "to": explanation["source"]["address"],
                    "from": explanation["destination"]["address"], "one_way": "true",
                },
            )
            theirs = [
                one for one in answer.json()["stages"] if one["stage"] in ("forwarding", "path")
            ]  # fmt: skip
            stage |= {name: str(theirs[-1][name]) for name in ("verdict", "reason")}
        except (requests.RequestException, ValueError, LookupError, TypeError) as error:
            LOG.warning("node %s was asked for a way back: %r", remote.node, error)
        explanation["stages"].append(stage)
        if stage["verdict"] != "pass":
            explanation["verdict"] = "unknown" if stage["verdict"] == "unknown" else "unreachable"
            explanation["reason"] = f"{stage['stage']}: {stage['reason']}"

    def counters(self, call: Call, id: str) -> Reply:
        if self._env.configuration.read(lambda config: id not in config.security_group_rules):
            raise ApiError(
                404, "SecurityGroupRuleNotFound", f"SecurityGroupRule {id} could not be found."
            )
        counters = self._view.rule_counters(id)
        unanswered: list[dict[str, Any]] = []
        if not call.header(FORWARDED):
            theirs = self._others.ask(
                call, f"/v1/security-group-rules/{id}/counters", _counters
            )
            counters = [*counters, *itertools.chain.from_iterable(theirs.found.values())]
            unanswered += theirs.missing
        counted = [one for one in counters if "error" not in one]
        return Reply(200, {
            "rule": id,
            "packets": sum(one["packets"] for one in counted),
            "bytes": sum(one["bytes"] for one in counted),
            "vrouters": counted,
            "unanswered": unanswered + [one for one in counters if "error" in one],
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

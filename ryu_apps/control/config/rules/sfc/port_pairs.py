"""Rules for port pairs (Networking API, service function chaining)."""

from __future__ import annotations

from typing import Any

from ryu_apps.control.config.model import PortPair
from ryu_apps.control.config.rules.draft import (
    Context,
    Draft,
    bad_request,
    check_revision,
    common,
    conflict,
    plain,
)


def create(draft: Draft, body: dict[str, Any], context: Context) -> PortPair:
    parameters = body.get("service_function_parameters") or {}
    for name in ("ingress", "egress"):
        port = draft.get("port", body[name])
        if port.is_router_interface:
            raise bad_request(
                f"Port {port.id} is an interface of a router: a service is behind a port of its "
                "own.", "PortPairPortIsRouterInterface",
            )
    for id in draft.config.pairs_by_port.get(body["ingress"], ()):
        other = draft.config.port_pairs[id]
        if (other.ingress, other.egress) == (body["ingress"], body["egress"]):
            raise bad_request(
                f"Port Pair with ingress port {other.ingress} and egress port {other.egress} is "
                f"already used by another Port Pair {draft.names('port_pair', (id,))}.",
                "PortPairIngressEgressInUse",
            )
    return draft.put("port_pair", PortPair(
        ingress=body["ingress"], egress=body["egress"], weight=parameters.get("weight", 1),
        **common(body, context),
    ))


def update(draft: Draft, id: str, body: dict[str, Any], context: Context) -> PortPair:
    old = draft.get("port_pair", id)
    return draft.replace("port_pair", old, context, **plain(body, "name", "description"))


def delete(draft: Draft, id: str, context: Context) -> None:
    old = draft.get("port_pair", id)
    check_revision("port_pair", old, context)
    groups = draft.config.groups_by_pair.get(id)
    if groups:
        raise conflict(
            "PortPairInUse",
            f"Port Pair {id} in use by port pair group {draft.names('port_pair_group', groups)}. "
            "Take it from the group first.",
        )
    draft.delete("port_pair", id)

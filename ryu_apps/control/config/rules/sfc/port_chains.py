"""Rules for port chains (Networking API, service function chaining).

Packets carry no tag: which service comes next is told by the port that a packet comes from, and by
its classifier.  So whatever is ambiguous by these two is refused.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ryu_apps.control.config.model import PortChain
from ryu_apps.control.config.rules.addresses import invalid
from ryu_apps.control.config.rules.draft import (
    Context,
    Draft,
    RuleError,
    bad_request,
    check_revision,
    common,
    conflict,
)
from ryu_apps.control.config.rules.sfc.numbers import lowest_free
from ryu_apps.control.config.service_chains.overlaps import ambiguous
from ryu_apps.control.config.service_chains.plan import (
    MAX_GROUPS,
    chains_from,
    ports_of,
    steering_of,
)

MAX_CHAIN_ID = 65535


def create(draft: Draft, body: dict[str, Any], context: Context) -> PortChain:
    parameters = body.get("chain_parameters") or {}
    made = PortChain(
        chain_id=_chain_id(draft, body.get("chain_id") or 0),
        port_pair_groups=_groups(draft, body["port_pair_groups"]),
        flow_classifiers=_classifiers(draft, "", body.get("flow_classifiers") or ()),
        symmetric=parameters.get("symmetric", False),
        **common(body, context),
    )
    draft.put("port_chain", made)
    check(draft, made)
    return made


def update(draft: Draft, id: str, body: dict[str, Any], context: Context) -> PortChain:
    old = draft.get("port_chain", id)
    fields = {name: body[name] for name in ("name", "description") if name in body}
    if "port_pair_groups" in body:
        fields["port_pair_groups"] = _groups(draft, body["port_pair_groups"])
    if "flow_classifiers" in body:
        fields["flow_classifiers"] = _classifiers(draft, id, body["flow_classifiers"] or ())
    made = draft.replace("port_chain", old, context, **fields)
    check(draft, made)
    return made


def delete(draft: Draft, id: str, context: Context) -> None:
    old = draft.get("port_chain", id)
    check_revision("port_chain", old, context)
    draft.delete("port_chain", id)


def check(draft: Draft, chain: PortChain) -> None:
    """What the chain takes from each port, and where it leads, can be told.  Raises RuleError."""
    config = draft.config
    if chain.symmetric:
        for id in chain.flow_classifiers:
            if not config.flow_classifiers[id].logical_destination_port:
                raise bad_request(
                    f"Flow Classifier {id} has no logical_destination_port: a symmetric chain "
                    "takes what that port answers.", "FlowClassifierLogicalDestinationPortRequired",
                )
    ends = {
        port for id in chain.flow_classifiers
        for port in (
            config.flow_classifiers[id].logical_source_port,
            config.flow_classifiers[id].logical_destination_port if chain.symmetric else "",
        )
    }
    for group in chain.port_pair_groups:
        for id in config.port_pair_groups[group].port_pairs:
            pair = config.port_pairs[id]
            looped = ends & {pair.ingress, pair.egress}
            if looped:
                raise bad_request(
                    f"Port {looped.pop()} sends into port chain {chain.id} and is a service of it, "
                    f"in port pair {id}: what it sends would never leave the chain.",
                    "PortChainLoop",
                )
    for port_id in sorted(ports_of(config, chain)):
        for one, other in ambiguous(steering_of(config, port_id)):
            chains = draft.names("port_chain", chains_from(config, port_id))
            raise RuleError(
                409, "PortChainFlowClassifierInConflict",
                f"What port {port_id} sends would be for two services, {one.service} and "
                f"{other.service} (port chains {chains}): packets carry no tag, so classifiers "
                "that meet at a port must not take the same packets. Use other port pairs, or "
                "narrower classifiers.",
            )


def _chain_id(draft: Draft, wanted: int) -> int:
    taken = {one.chain_id: one.id for one in draft.config.port_chains.values()}
    number = wanted or lowest_free(taken)
    if wanted in taken:
        raise bad_request(
            f"Chain id {wanted} conflicts with Chain id in port chain "
            f"{draft.names('port_chain', (taken[wanted],))}.", "PortChainChainIdInConflict",
        )
    if number > MAX_CHAIN_ID:
        raise conflict("PortChainUnavailableChainId", "No chain id is left.")
    return number


def _groups(draft: Draft, ids: Iterable[str]) -> tuple[str, ...]:
    found = tuple(ids)
    if not found:
        raise bad_request(
            "Port Pair Group is not specified in Port Chain.", "PortPairGroupNotSpecified"
        )
    for id in found:
        draft.get("port_pair_group", id)
        if found.count(id) > 1:
            raise bad_request(
                f"Port Pair Group {id} is in the chain twice: packets would go round in it.",
                "PortChainLoop",
            )
    if len(found) > MAX_GROUPS:
        raise invalid("port_pair_groups", f"a chain has at most {MAX_GROUPS} services")
    return found


def _classifiers(draft: Draft, chain: str, ids: Iterable[str]) -> tuple[str, ...]:
    found = tuple(ids)
    for id in found:
        draft.get("flow_classifier", id)
        if found.count(id) > 1:
            raise invalid("flow_classifiers", f"Duplicate items in the list: '{id}'")
        others = [one for one in draft.config.chains_by_classifier.get(id, ()) if one != chain]
        if others:
            raise conflict(
                "FlowClassifierInUse",
                f"Flow Classifier {id} in use by port chain {draft.names('port_chain', others)}.",
            )
    return found

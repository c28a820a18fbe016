"""Rules for port pair groups (Networking API, service function chaining)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ryu_apps.control.config.model import PortPairGroup
from ryu_apps.control.config.rules.addresses import invalid
from ryu_apps.control.config.rules.draft import (
    Context,
    Draft,
    bad_request,
    check_revision,
    common,
    conflict,
)
from ryu_apps.control.config.rules.sfc import port_chains
from ryu_apps.control.config.rules.sfc.numbers import lowest_free
from ryu_apps.control.config.service_chains.plan import MAX_INSTANCES


def create(draft: Draft, body: dict[str, Any], context: Context) -> PortPairGroup:
    groups = draft.config.port_pair_groups.values()
    return draft.put("port_pair_group", PortPairGroup(
        group_id=lowest_free(one.group_id for one in groups),
        port_pairs=_pairs(draft, "", body.get("port_pairs") or ()),
        **common(body, context),
    ))


def update(draft: Draft, id: str, body: dict[str, Any], context: Context) -> PortPairGroup:
    """The service may be scaled while it is in use: instances at the end of the list take over a
    part of the connections, what others have stays there."""
    old = draft.get("port_pair_group", id)
    fields = {name: body[name] for name in ("name", "description") if name in body}
    if "port_pairs" in body:
        fields["port_pairs"] = _pairs(draft, id, body["port_pairs"] or ())
    made = draft.replace("port_pair_group", old, context, **fields)
    for chain_id in draft.config.chains_by_group.get(id, ()):
        port_chains.check(draft, draft.config.port_chains[chain_id])
    return made


def delete(draft: Draft, id: str, context: Context) -> None:
    old = draft.get("port_pair_group", id)
    check_revision("port_pair_group", old, context)
    chains = draft.config.chains_by_group.get(id)
    if chains:
        raise conflict(
            "PortPairGroupInUse",
            f"Port Pair Group {id} in use by port chain {draft.names('port_chain', chains)}. Take "
            "it from the chain first.",
        )
    draft.delete("port_pair_group", id)


def _pairs(draft: Draft, group: str, ids: Iterable[str]) -> tuple[str, ...]:
    """Each pair once, and in one group.  Raises RuleError."""
    found = tuple(ids)
    for id in found:
        pair = draft.get("port_pair", id)
        if found.count(id) > 1:
            raise invalid("port_pairs", f"Duplicate items in the list: '{id}'")
        others = [one for one in draft.config.groups_by_pair.get(id, ()) if one != group]
        if others:
            raise conflict(
                "PortPairInUse",
                f"Port Pair {pair.id} in use by port pair group "
                f"{draft.names('port_pair_group', others)}: an instance is of one service.",
            )
    count = sum(draft.config.port_pairs[id].weight for id in found)
    if count > MAX_INSTANCES:
        raise bad_request(
            f"The weights of the port pairs of a group are {MAX_INSTANCES} together at most, not "
            f"{count}.", "InvalidInput",
        )
    return found

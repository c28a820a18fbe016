"""Rules for taking the subnets that a network has into a subnet pool (Networking API v2.0,
extension "subnet_onboard")."""

from __future__ import annotations

import dataclasses
from typing import Any

from ryu_apps.control.config import prefix_space
from ryu_apps.control.config.rules.access.authority import refused
from ryu_apps.control.config.rules.addressing import address_scopes, subnetpools
from ryu_apps.control.config.rules.draft import Context, Draft, bad_request, check_revision


def onboard(
    draft: Draft, id: str, body: dict[str, Any], context: Context
) -> list[dict[str, str]]:
    """All subnets of the network that have the pool's IP version become the pool's, and their
    prefixes are added to it; a pool that they were of keeps them as free ones.

    Raises RuleError: 403 for another project's network, 400 where a subnet of the pool has some of
    the addresses, 409 where another pool of its address scope has.
    """
    config = draft.config
    pool = draft.get("subnetpool", id)
    check_revision("subnetpool", pool, context)
    network = draft.get("network", body["network_id"])
    if not draft.who.admin and network.project_id != draft.who.project_id:
        raise refused("onboard_network_subnets", "the network is another project's")
    address_scopes.may_change(draft, pool)
    subnets = [config.subnets[one] for one in config.subnets_by_network.get(network.id, ())]
    subnets = sorted(
        (one for one in subnets if one.ip_version == pool.ip_version), key=lambda one: one.id
    )
    taken = prefix_space.of_texts(
        config.subnets[one].cidr for one in config.subnets_by_pool.get(id, ())
    )
    for subnet in subnets:
        if prefix_space.overlap(taken, prefix_space.of_texts([subnet.cidr])):
            raise bad_request(
                f"Illegal subnetpool update : Onboarding subnet {subnet.id}: {subnet.cidr} "
                f"conflicts with allocated prefixes in subnet pool {id}.",
                "IllegalSubnetPoolUpdate",
            )
    if subnets:
        made = subnetpools.extend(draft, pool, [one.cidr for one in subnets], context)
        of_system = dataclasses.replace(context, if_match=None)
        for subnet in subnets:
            draft.replace("subnet", subnet, of_system, subnetpool_id=id)
        draft.touch("network", network.id, context)
        address_scopes.moved(draft, made)
    return [{"id": one.id, "cidr": one.cidr} for one in subnets]

"""What follows where resources are shared: their policies, and who uses them.

``shared`` of a resource and its policy for EVERYONE are one thing said twice, as clients may use
either: each follows the other.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ryu_apps.control.config.access import shared_with
from ryu_apps.control.config.config import Config
from ryu_apps.control.config.model import ALL_KINDS, RbacPolicy
from ryu_apps.control.config.resources.rbac_policy import EVERYONE
from ryu_apps.control.config.rules.draft import Context, Draft, standard


def _of_network(config: Config, id: str) -> Iterator[Any]:
    for port in config.ports_by_network.get(id, ()):
        if config.ports[port].project_id:  # Gateways and floating IPs have ports of nobody.
            yield config.ports[port]
    for subnet in config.subnets_by_network.get(id, ()):
        yield config.subnets[subnet]


def _of_security_group(config: Config, id: str) -> Iterator[Any]:
    for port in config.ports_by_group.get(id, ()):
        yield config.ports[port]
    for rule in config.rules_by_remote_group.get(id, ()):
        yield config.security_group_rules[rule]


def _of_address_group(config: Config, id: str) -> Iterator[Any]:
    for rule in config.rules_by_address_group.get(id, ()):
        yield config.security_group_rules[rule]


def _of_address_scope(config: Config, id: str) -> Iterator[Any]:
    for pool in config.subnetpools_by_scope.get(id, ()):
        yield config.subnetpools[pool]


def _of_subnetpool(config: Config, id: str) -> Iterator[Any]:
    for subnet in config.subnets_by_pool.get(id, ()):
        yield config.subnets[subnet]


def _of_qos_policy(config: Config, id: str) -> Iterator[Any]:
    for port in config.ports_by_qos_policy.get(id, ()):
        yield config.ports[port]
    for network in config.networks_by_qos_policy.get(id, ()):
        yield config.networks[network]


USES: Mapping[str, Callable[[Config, str], Iterator[Any]]] = {
    "network": _of_network, "security_group": _of_security_group,
    "address_group": _of_address_group, "address_scope": _of_address_scope,
    "subnetpool": _of_subnetpool, "qos_policy": _of_qos_policy,
}
"""Kind that can be shared -> what uses one of them."""


def is_stranded(config: Config, kind: str, item: Any) -> bool:
    """Whether something of a project uses a resource that is neither its own nor shared with it."""
    return any(
        user.project_id != item.project_id
        and not shared_with(config, user.project_id, kind, item)
        for user in USES[kind](config, item.id)
    )


def follow(draft: Draft, kind: str, item: Any, context: Context) -> None:
    """A resource was made or changed: have a policy for EVERYONE if it is ``shared``, or none."""
    if not ALL_KINDS[kind].shareable:
        return
    policies = list(draft.config.rbac_grants.get((kind, item.id, EVERYONE), ()))
    if item.shared and not policies:
        fields = standard({"project_id": item.project_id}, context)
        draft.put("rbac_policy", RbacPolicy(
            **fields, object_type=kind, object_id=item.id, target_tenant=EVERYONE))
    elif not item.shared:
        for id in policies:
            draft.delete("rbac_policy", id)


def set_shared(draft: Draft, kind: str, id: str, context: Context) -> None:
    """The policy of a resource for EVERYONE came or went, and ``shared`` with it.  Policies for one
    project say nothing of that: what was shared before there were policies has none."""
    item = draft.config.tables[kind][id]
    shared = (kind, id, EVERYONE) in draft.config.rbac_grants
    if item.shared != shared:
        draft.put(kind, dataclasses.replace(
            item, shared=shared, revision_number=item.revision_number + 1, updated_at=context.now))


def forget(draft: Draft, kind: str, id: str) -> None:
    """A resource was deleted: its policies go."""
    for policy in list(draft.config.rbac_by_object.get((kind, id), ())):
        draft.delete("rbac_policy", policy)

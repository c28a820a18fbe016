"""Which external networks are a way out for whom: ``router:external`` of networks and the policies
of the action "access_as_external" (Networking API v2.0, "RBAC policies extension").

A network that is made external is so for all projects, until its policies say otherwise.
"""

from __future__ import annotations

import dataclasses

from ryu_apps.control.config import access
from ryu_apps.control.config.model import Network, RbacPolicy
from ryu_apps.control.config.resources.rbac_policy import EVERYONE, EXTERNAL
from ryu_apps.control.config.rules.draft import Context, Draft, conflict, standard


def open_to_all(draft: Draft, network: Network, context: Context) -> None:
    """A network has become external."""
    if not _policies(draft, network):
        fields = standard({"project_id": network.project_id}, context)
        draft.put("rbac_policy", RbacPolicy(
            **fields, object_type="network", object_id=network.id, target_tenant=EVERYONE,
            action=EXTERNAL))


def close(draft: Draft, network: Network) -> None:
    """A network is internal from now on.  Raises RuleError 409 while routers have gateways there,
    and with that perhaps floating IPs."""
    ports = draft.config.gateways_by_network.get(network.id)
    if ports:
        raise conflict(
            "ExternalNetworkInUse",
            f"External network {network.id} cannot be updated to be made non-external, since it "
            f"has existing gateway ports ({draft.names('port', ports)}).",
        )
    if draft.config.floatingips_by_network.get(network.id):
        raise conflict(
            "ExternalNetworkInUse",
            f"External network {network.id} cannot be updated to be made non-external, since it "
            "has floating IPs.",
        )
    for policy in _policies(draft, network):
        draft.delete("rbac_policy", policy)


def opened(draft: Draft, network: Network, context: Context) -> None:
    """A policy was made for a network: it is external by that."""
    if not network.external:
        draft.put("network", dataclasses.replace(
            network, external=True, revision_number=network.revision_number + 1,
            updated_at=context.now))


def closed(draft: Draft, network: Network, gone: RbacPolicy, context: Context) -> None:
    """A policy is gone, or for another project now: without any the network is internal.  Raises
    RuleError 409 where a router has its gateway by that policy alone."""
    config = draft.config
    for port_id in config.gateways_by_network.get(network.id, ()):
        router = config.routers.get(config.ports[port_id].device_id)
        if router is not None and router.project_id != network.project_id and (
            not access.is_way_out(config, router.project_id, network)
        ):
            raise conflict(
                "RbacPolicyInUse",
                f"RBAC policy on object {network.id} cannot be removed because other objects "
                "depend on it. Details: There are routers attached to this network that depend on "
                f"this policy for access ({gone.target_tenant}).",
            )
    if not _policies(draft, network) and not config.gateways_by_network.get(network.id) and (
        not config.floatingips_by_network.get(network.id)
    ):
        draft.put("network", dataclasses.replace(
            network, external=False, revision_number=network.revision_number + 1,
            updated_at=context.now))


def _policies(draft: Draft, network: Network) -> list[str]:
    """Ids of those that make it a way out."""
    config = draft.config
    return [
        id for id in config.rbac_by_object.get(("network", network.id), ())
        if config.rbac_policies[id].action == EXTERNAL
    ]

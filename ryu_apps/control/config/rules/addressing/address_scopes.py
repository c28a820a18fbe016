"""Rules for address scopes (Networking API v2.0, "Address scopes"), and what may be in one."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from ryu_apps.control.config import prefix_space
from ryu_apps.control.config.model import AddressScope, Subnet, SubnetPool
from ryu_apps.control.config.rules.addresses import invalid
from ryu_apps.control.config.rules.draft import (
    Context,
    Draft,
    RuleError,
    bad_request,
    check_revision,
    common,
    conflict,
    plain,
)
from ryu_apps.control.config.scopes import subnet_scope


def create(draft: Draft, body: dict[str, Any], context: Context) -> AddressScope:
    if body["ip_version"] not in (4, 6):
        raise invalid("ip_version", f"'{body['ip_version']}' is not in [4, 6]")
    return draft.put(
        "address_scope",
        AddressScope(
            ip_version=body["ip_version"], shared=body.get("shared") or False,
            **common(body, context),
        ),
    )


def update(draft: Draft, id: str, body: dict[str, Any], context: Context) -> AddressScope:
    old = draft.get("address_scope", id)
    if old.shared and body.get("shared") is False:
        raise bad_request(
            f"Unable to update address scope {id} : Shared address scope can't be unshared.",
            "AddressScopeUpdateError",
        )
    return draft.replace(
        "address_scope", old, context, **plain(body, "name", "description", "shared")
    )


def delete(draft: Draft, id: str, context: Context) -> None:
    old = draft.get("address_scope", id)
    check_revision("address_scope", old, context)
    pools = draft.config.subnetpools_by_scope.get(id)
    if pools:
        raise conflict(
            "AddressScopeInUse",
            f"Unable to complete operation on address scope {id}. There are one or more subnet "
            f"pools in use on the address scope: {draft.names('subnetpool', pools)}.",
        )
    draft.delete("address_scope", id)


# ---------------------------------------------------------------- what is in a scope


def associate(draft: Draft, pool: SubnetPool) -> None:
    """Refuse a pool that cannot be in its address scope.

    Raises RuleError: 404, 400 for the other IP version, 409 where prefixes of its are another
    pool's of the scope.
    """
    if not pool.address_scope_id:
        return
    scope = draft.get("address_scope", pool.address_scope_id)
    if scope.ip_version != pool.ip_version:
        raise bad_request(
            f"Illegal subnetpool association: subnetpool {pool.id} cannot associate with address "
            f"scope {scope.id} because subnetpool ip_version is not {scope.ip_version}.",
            "IllegalSubnetPoolIpVersionAssociationToAddressScope",
        )
    own = prefix_space.of_texts(pool.prefixes)
    for other_id in draft.config.subnetpools_by_scope.get(scope.id, ()):
        other = draft.config.subnetpools[other_id]
        if other_id != pool.id and prefix_space.overlap(
            own, prefix_space.of_texts(other.prefixes)
        ):
            raise conflict(
                "AddressScopePrefixConflict",
                "Failed to associate address scope: subnetpools within an address scope must have "
                f"unique prefixes, and {draft.names('subnetpool', [other_id])} has some of these.",
            )


def may_change(draft: Draft, pool: SubnetPool) -> None:
    """Refuse to change a pool in another project's scope, which is shared.  Raises RuleError
    400."""
    scope = draft.config.address_scopes.get(pool.address_scope_id)
    if scope is None or draft.who.admin or scope.project_id == draft.who.project_id:
        return
    raise bad_request(
        f"Illegal subnetpool update : subnetpool {pool.id} cannot be updated when associated with "
        f"shared address scope {scope.id}.",
        "IllegalSubnetPoolUpdate",
    )


def moved(draft: Draft, pool: SubnetPool) -> None:
    """Refuse that a pool, already changed in the draft, is in its scope where networks and routers
    would then have subnets of several.  Raises RuleError 400, 501."""
    config = draft.config
    own = config.subnets_by_pool.get(pool.id, {})
    networks = {config.subnets[id].network_id for id in own}
    for network_id in networks:
        for id in config.subnets_by_network.get(network_id, ()):
            if config.subnets[id].ip_version == pool.ip_version and id not in own:
                raise affinity()
    routers = {
        config.ports[port_id].device_id
        for id in own for port_id in config.interfaces_by_subnet.get(id, ())
    }
    for router_id in routers:
        within_router(draft, [
            config.subnets[fixed.subnet_id]
            for port_id in config.ports_by_device.get(router_id, ())
            if config.ports[port_id].is_router_interface
            for fixed in config.ports[port_id].fixed_ips
        ])


def affinity() -> RuleError:
    return bad_request(
        "Subnets of the same address family hosted on the same network must all participate in the "
        "same address scope.",
        "NetworkAddressScopeAffinityError",
    )


def within_router(draft: Draft, subnets: Collection[Subnet]) -> None:
    """Refuse a router between address scopes: nothing may pass from one to another, and this
    version has no such barrier.  Raises RuleError 501."""
    for version in (4, 6):
        scopes = {
            subnet_scope(draft.config, subnet) for subnet in subnets
            if subnet.ip_version == version
        }
        if len(scopes) > 1:
            raise RuleError(
                501, "NotImplemented",
                f"The router would have IPv{version} subnets of several address scopes. Nothing "
                "may be routed between these, and this version cannot keep them apart within a "
                "router: use one router for each scope.",
            )

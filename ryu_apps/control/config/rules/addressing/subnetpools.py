"""Rules for subnet pools (Networking API v2.0, "Subnet pools")."""

from __future__ import annotations

import dataclasses
import ipaddress
from collections.abc import Collection
from typing import Any

from ryu_apps.control.config import prefix_space
from ryu_apps.control.config.model import SubnetPool
from ryu_apps.control.config.resources.addressing.subnetpool import UNLIMITED
from ryu_apps.control.config.rules.addresses import invalid, not_a_host
from ryu_apps.control.config.rules.addressing import address_scopes
from ryu_apps.control.config.rules.draft import (
    Context,
    Draft,
    RuleError,
    bad_request,
    check_revision,
    common,
    plain,
)

MAX_PREFIXES = 1000
LENGTHS = ("min_prefixlen", "max_prefixlen", "default_prefixlen")
DEFAULT_MIN = {4: 8, 6: 64}
"""``min_prefixlen`` of a pool that says none, as Neutron has it."""


def create(draft: Draft, body: dict[str, Any], context: Context) -> SubnetPool:
    nets = _nets(body["prefixes"])
    if not nets:
        raise bad_request("Empty subnet pool prefix list.", "EmptySubnetPoolPrefixList")
    version = nets[0].version
    least = _given(body, "min_prefixlen", DEFAULT_MIN[version])
    pool = SubnetPool(
        ip_version=version,
        prefixes=_compact(nets, version),
        min_prefixlen=least,
        max_prefixlen=_given(body, "max_prefixlen", prefix_space.BITS[version]),
        default_prefixlen=_given(body, "default_prefixlen", least),
        default_quota=_given(body, "default_quota", UNLIMITED),
        address_scope_id=body.get("address_scope_id") or "",
        is_default=body.get("is_default") or False,
        shared=body.get("shared") or False,
        **common(body, context),
    )
    _check_bounds(pool)
    if pool.is_default:
        _only_default(draft, pool)
    address_scopes.associate(draft, pool)
    return draft.put("subnetpool", pool)


def update(draft: Draft, id: str, body: dict[str, Any], context: Context) -> SubnetPool:
    old = draft.get("subnetpool", id)
    address_scopes.may_change(draft, old)
    fields = plain(body, "name", "description", "is_default")
    for name in LENGTHS:
        fields[name] = _given(body, name, getattr(old, name))
    if "default_quota" in body:
        fields["default_quota"] = _given(body, "default_quota", UNLIMITED)
    if "address_scope_id" in body:
        fields["address_scope_id"] = body["address_scope_id"] or ""
    if body.get("prefixes") is not None:
        fields["prefixes"] = _extended(old, body["prefixes"])
    return _changed(draft, old, fields, context)


def _changed(
    draft: Draft, old: SubnetPool, fields: dict[str, Any], context: Context
) -> SubnetPool:
    new = dataclasses.replace(old, **fields)
    _check_bounds(new)
    if new.is_default and not old.is_default:
        _only_default(draft, new)
    if (new.address_scope_id, new.prefixes) != (old.address_scope_id, old.prefixes):
        address_scopes.associate(draft, new)
    made = draft.replace("subnetpool", old, context, **fields)
    if new.address_scope_id != old.address_scope_id:
        address_scopes.moved(draft, made)
    return made


def delete(draft: Draft, id: str, context: Context) -> None:
    """Raises RuleError 400 where subnets are of the pool, as Neutron does."""
    old = draft.get("subnetpool", id)
    check_revision("subnetpool", old, context)
    subnets = draft.config.subnets_by_pool.get(id)
    if subnets:
        raise bad_request(
            "Unable to delete subnet pool: Subnet pool has existing allocations: subnets "
            f"{draft.names('subnet', subnets)}. Delete them first.",
            "SubnetPoolDeleteError",
        )
    draft.delete("subnetpool", id)


def add_prefixes(
    draft: Draft, id: str, body: dict[str, Any], context: Context
) -> dict[str, list[str]]:
    old = draft.get("subnetpool", id)
    check_revision("subnetpool", old, context)
    if not body["prefixes"]:
        return {"prefixes": list(old.prefixes)}
    address_scopes.may_change(draft, old)
    return {"prefixes": list(extend(draft, old, body["prefixes"], context).prefixes)}


def extend(
    draft: Draft, old: SubnetPool, prefixes: Collection[str], context: Context
) -> SubnetPool:
    """Add prefixes to a pool.  Raises RuleError 400, and 409 where another pool of its address
    scope has some of these."""
    fields = {"prefixes": _extended(old, [*old.prefixes, *prefixes])}
    return _changed(draft, old, fields, context)


def remove_prefixes(
    draft: Draft, id: str, body: dict[str, Any], context: Context
) -> dict[str, list[str]]:
    """Take addresses out of a pool; those that it has not do not matter.  Raises RuleError 400
    where subnets have some of them."""
    old = draft.get("subnetpool", id)
    check_revision("subnetpool", old, context)
    nets = _nets(body["prefixes"])
    _of_version(nets, old.ip_version)
    whole, gone = prefix_space.of_texts(old.prefixes), prefix_space.space(nets)
    if not prefix_space.overlap(whole, gone):
        return {"prefixes": list(old.prefixes)}
    address_scopes.may_change(draft, old)
    used = [
        subnet_id for subnet_id in draft.config.subnets_by_pool.get(id, ())
        if prefix_space.overlap(gone, prefix_space.of_texts([draft.config.subnets[subnet_id].cidr]))
    ]
    if used:
        raise bad_request(
            "Illegal update to prefixes: One or more the prefixes to be removed is in use by a "
            f"subnet: {draft.names('subnet', used)}.",
            "IllegalSubnetPoolPrefixUpdate",
        )
    left = prefix_space.prefixes(prefix_space.without(whole, gone), old.ip_version)
    made = draft.replace("subnetpool", old, context, prefixes=left)
    return {"prefixes": list(made.prefixes)}


def _given(body: dict[str, Any], name: str, default: int) -> int:
    value: int | None = body.get(name)
    return default if value is None else value


def _nets(values: list[str]) -> list[prefix_space.Net]:
    """Host bits are cleared.  Raises RuleError 400."""
    found: list[prefix_space.Net] = []
    for value in values:
        try:
            net = ipaddress.ip_network(value, strict=False)
        except ValueError as error:
            raise invalid("prefixes", f"'{value}' is not a valid IP subnet: {error}") from error
        length = value.partition("/")[2]
        if not length.isdigit() or "%" in value:
            raise invalid(
                "prefixes", f"'{value}' isn't a recognized IP subnet cidr, '{net}' is recommended"
            )
        if why := not_a_host(net):
            raise invalid("prefixes", f"'{net}' cannot be a subnet: it is {why}")
        if found and net.version != found[0].version:
            raise bad_request(
                "Cannot mix IPv4 and IPv6 prefixes in a subnet pool.", "PrefixVersionMismatch"
            )
        found.append(net)
    return found


def _compact(nets: list[prefix_space.Net], version: int) -> tuple[str, ...]:
    found = prefix_space.prefixes(prefix_space.space(nets), version)
    if len(found) > MAX_PREFIXES:
        raise bad_request(f"a subnet pool has at most {MAX_PREFIXES} prefixes", "InvalidInput")
    return found


def _extended(old: SubnetPool, values: list[str]) -> tuple[str, ...]:
    """The prefixes that an update asks for: what there is must be in them.  Raises RuleError
    400."""
    nets = _nets(values)
    if not nets:
        raise bad_request("Empty subnet pool prefix list.", "EmptySubnetPoolPrefixList")
    _of_version(nets, old.ip_version)
    if prefix_space.without(prefix_space.of_texts(old.prefixes), prefix_space.space(nets)):
        raise bad_request(
            "Illegal update to prefixes: Existing prefixes must be a subset of the new prefixes. "
            "remove_prefixes takes away those that no subnet has.",
            "IllegalSubnetPoolPrefixUpdate",
        )
    return _compact(nets, old.ip_version)


def _of_version(nets: list[prefix_space.Net], version: int) -> None:
    if nets and nets[0].version != version:
        raise bad_request(
            "Cannot mix IPv4 and IPv6 prefixes in a subnet pool.", "PrefixVersionMismatch"
        )


def _check_bounds(pool: SubnetPool) -> None:
    """Raises RuleError 400 unless min <= default <= max <= what the IP version has."""
    bits = prefix_space.BITS[pool.ip_version]
    least, most, usual = pool.min_prefixlen, pool.max_prefixlen, pool.default_prefixlen
    for name, length, is_above, base, bound in (
        ("min_prefixlen", least, False, "max_prefixlen", most),
        ("max_prefixlen", most, False, "ip_version_max", bits),
        ("default_prefixlen", usual, True, "min_prefixlen", least),
        ("default_prefixlen", usual, False, "max_prefixlen", most),
    ):
        if length < bound if is_above else length > bound:
            raise bad_request(
                f"Illegal prefix bounds: {name}={length}, {base}={bound}.",
                "IllegalSubnetPoolPrefixBounds",
            )


def _only_default(draft: Draft, pool: SubnetPool) -> None:
    others = draft.config.default_subnetpools.get(pool.ip_version)
    if others:
        raise RuleError(
            400, "InvalidInput",
            "Invalid input for operation: A default subnetpool for this IP family has already been "
            f"set ({draft.names('subnetpool', others)}). Only one default may exist per IP family.",
        )

"""Rules for the prefix of a new subnet where it is of a subnet pool (Networking API v2.0,
"Subnets": ``subnetpool_id``, ``use_default_subnetpool``, ``prefixlen``).

What is given out is a function of the configuration alone: what the pool has and its subnets do not
use, so that nodes that write at once collide in the transaction and never give one prefix twice.
"""

from __future__ import annotations

import ipaddress
from typing import Any

from ryu_apps.control.config import prefix_space
from ryu_apps.control.config.config import Config
from ryu_apps.control.config.model import SubnetPool
from ryu_apps.control.config.prefix_space import Net, Space
from ryu_apps.control.config.rules.addresses import NOT_HOSTS, parse_cidr
from ryu_apps.control.config.rules.addressing import address_scopes
from ryu_apps.control.config.rules.draft import Draft, RuleError, bad_request, conflict
from ryu_apps.control.config.scopes import network_scope

QUOTA_UNIT = {4: 32, 6: 64}
"""The prefix length that ``default_quota`` counts in."""
_RESERVED = {
    version: prefix_space.space([
        *(net for net, _ in NOT_HOSTS if net.version == version),
        *([ipaddress.ip_network("fe80::/10")] if version == 6 else []),
    ])
    for version in (4, 6)
}
"""What is no subnet's, also where a pool has it: 0.0.0.0/0 is a pool like others."""


def choose(
    draft: Draft, network_id: str, body: dict[str, Any], project: str
) -> tuple[Net, SubnetPool | None]:
    """The prefix that a new subnet of ``project`` gets, and its pool, None for none.

    Raises RuleError 404, 409, and 400 also where there is no default pool, or neither a pool nor a
    ``cidr``.
    """
    cidr = parse_cidr(body["cidr"]) if body.get("cidr") else None
    if cidr is not None and body.get("ip_version") not in (None, cidr.version):
        raise bad_request(
            f"ip_version {body['ip_version']} does not match the cidr {cidr}", "InvalidInput"
        )
    if cidr is not None and body.get("prefixlen") is not None:
        raise _bad("cidr and prefixlen must not be supplied together")
    pool = _pool(draft, body, cidr)
    if pool is not None:
        net = _allocate(draft, pool, cidr, body, project)
    elif cidr is not None:
        net = cidr
    else:
        raise _bad("a subnetpool must be specified in the absence of a cidr")
    _check_network(draft, network_id, net.version, pool)
    return net, pool


def _pool(draft: Draft, body: dict[str, Any], cidr: Net | None) -> SubnetPool | None:
    id, use_default = body.get("subnetpool_id"), body.get("use_default_subnetpool")
    if id and use_default:
        raise _bad("subnetpool_id and use_default_subnetpool cannot both be specified")
    if id:
        return draft.get("subnetpool", id)
    if not use_default:
        return None
    version = cidr.version if cidr is not None else body.get("ip_version")
    if version is None:
        raise _bad("ip_version must be specified in the absence of cidr and subnetpool_id")
    pool = default_pool(draft, version)
    if pool is None:
        raise _bad(f"No default subnetpool found for IPv{version}")
    return pool


def default_pool(draft: Draft, version: int) -> SubnetPool | None:
    """The default pool of an IP version, if the client sees it."""
    found: list[SubnetPool] = [
        draft.config.subnetpools[id] for id in draft.config.default_subnetpools.get(version, ())
        if draft.sees("subnetpool", id)
    ]
    return min(found, key=lambda pool: pool.id, default=None)


def _allocate(
    draft: Draft, pool: SubnetPool, cidr: Net | None, body: dict[str, Any], project: str
) -> Net:
    """``cidr``, or a free prefix of the length that is asked for, by default the pool's.

    Raises RuleError: 400 for a length that the pool does not give out, 409 where the project's
    quota is used up, or nothing is free.
    """
    version = cidr.version if cidr is not None else body.get("ip_version")
    if version not in (None, pool.ip_version):
        raise _bad(f"Cannot allocate IPv{version} subnet from IPv{pool.ip_version} subnet pool")
    if cidr is None and body.get("allocation_pools") is not None:
        raise _bad("allocation_pools allowed only for specific subnet requests: give a cidr")
    length: int = pool.default_prefixlen
    if cidr is not None:
        length = cidr.prefixlen
    elif body.get("prefixlen") is not None:
        length = body["prefixlen"]
    _check_length(pool, length)
    _check_quota(draft.config, pool, length, project)
    free = free_space(draft.config, pool)
    if cidr is not None:
        if not prefix_space.holds(free, cidr):
            raise conflict(
                "SubnetAllocationError",
                f"Failed to allocate subnet: Cannot allocate requested subnet {cidr} from the "
                "available set of prefixes.",
            )
        return cidr
    found = prefix_space.best_fit(free, length, pool.ip_version)
    if found is None:
        raise conflict(
            "SubnetAllocationError",
            "Failed to allocate subnet: Insufficient prefix space to allocate subnet size "
            f"/{length}: delete subnets of the pool, or give it more prefixes.",
        )
    return found


def _check_length(pool: SubnetPool, length: int) -> None:
    for word, bound, is_beyond in (
        ("maximum", pool.max_prefixlen, length > pool.max_prefixlen),
        ("minimum", pool.min_prefixlen, length < pool.min_prefixlen),
    ):
        if is_beyond:
            raise bad_request(
                f"Unable to allocate subnet with prefix length {length}, {word} allowed prefix is "
                f"{bound}.",
                f"{word[:3].capitalize()}PrefixSubnetAllocationError",
            )


def free_space(config: Config, pool: SubnetPool) -> Space:
    """What a pool has left to give."""
    used = prefix_space.of_texts(
        config.subnets[id].cidr for id in config.subnets_by_pool.get(pool.id, ())
    )
    whole = prefix_space.of_texts(pool.prefixes)
    return prefix_space.without(
        prefix_space.without(whole, used), _RESERVED[pool.ip_version]
    )


def _check_quota(config: Config, pool: SubnetPool, length: int, project: str) -> None:
    if pool.default_quota <= 0:
        return
    bits = prefix_space.BITS[pool.ip_version]
    used = sum(
        1 << (bits - int(config.subnets[id].cidr.rpartition("/")[2]))
        for id in config.subnets_by_pool.get(pool.id, ())
        if config.subnets[id].project_id == project
    )
    limit = pool.default_quota << (bits - QUOTA_UNIT[pool.ip_version])
    if used + (1 << (bits - length)) > limit:
        raise conflict(
            "SubnetPoolQuotaExceeded",
            f"Per-project subnet pool prefix quota exceeded: it is {pool.default_quota} "
            f"{'addresses' if pool.ip_version == 4 else 'prefixes of /64'}.",
        )


def _check_network(
    draft: Draft, network_id: str, version: int, pool: SubnetPool | None
) -> None:
    """Refuse a new subnet whose pool does not go with the network's others of its IP version: all
    of one address scope, or else all of one pool, or of none.  Raises RuleError 400."""
    config = draft.config
    scope = network_scope(config, network_id, version)
    if scope and pool is not None:
        if pool.address_scope_id != scope:
            raise address_scopes.affinity()
        return
    wanted = pool.id if pool is not None else ""
    for id in config.subnets_by_network.get(network_id, ()):
        other = config.subnets[id]
        if other.ip_version == version and other.subnetpool_id != wanted:
            raise bad_request(
                "Subnets hosted on the same network must be allocated from the same subnet pool.",
                "NetworkSubnetPoolAffinityError",
            )


def _bad(reason: str) -> RuleError:
    return bad_request(f"Bad subnets request: {reason}.")

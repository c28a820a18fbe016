"""Subnet pools."""

from __future__ import annotations

from dataclasses import dataclass

from ryu_apps.control.config.resources.access import SET_BY_ADMIN, Access, owner, shared
from ryu_apps.control.config.resources.kind import Index, Kind, by_field
from ryu_apps.control.config.resources.resource import Resource

UNLIMITED = -1
"""A ``default_quota`` that is not set."""


@dataclass(frozen=True, slots=True)
class SubnetPool(Resource):
    """Prefixes that subnets are given out of.

    ``prefixes``: in order, none next to or within another.  The three prefix lengths are those of
    subnets: without a wish, and the least and the most that one may ask for.  ``default_quota``:
    what all subnets of one project may have together, in addresses of IPv4 and /64 of IPv6; 0 and
    UNLIMITED are no limit.  ``is_default``: the one of its IP version where a subnet names none.
    """

    ip_version: int
    name: str = ""
    prefixes: tuple[str, ...] = ()
    default_prefixlen: int = 0
    min_prefixlen: int = 0
    max_prefixlen: int = 0
    default_quota: int = UNLIMITED
    address_scope_id: str = ""
    is_default: bool = False
    shared: bool = False


SUBNETPOOL = Kind(
    "subnetpool",
    SubnetPool,
    Access(
        read=(owner, shared),
        attributes={"shared": SET_BY_ADMIN, "is_default": SET_BY_ADMIN},
    ),
    indexes=(
        by_field("subnetpools_by_scope", "address_scope_id"),
        # IP version -> its default pool; one, if every writer validated.
        Index("default_subnetpools", lambda pool: (pool.ip_version,) if pool.is_default else ()),
    ),
    quota=50,
    shareable=True,
)

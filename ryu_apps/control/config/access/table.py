"""What each action and attribute of the Networking API needs (Neutron's default policies).

One of the relations that are named must hold; none named means administrators alone, who may do
everything.  Attributes are named as in the API; ``fixed_ips:ip_address`` is the key ``ip_address``
of an item of ``fixed_ips``; ``vpn:*`` is all that begin so.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ryu_apps.control.config.access.principal import Principal
from ryu_apps.control.config.access.relations import (
    Relation,
    anyone,
    group_owner,
    network_owner,
    network_shared,
    owner,
    shared,
)
from ryu_apps.control.config.config import Config

Needs = tuple[Relation, ...]
ADMIN: Needs = ()


class Wanted(NamedTuple):
    """Of a resource that is to be created, what relations look at."""

    project_id: str
    network_id: str = ""
    security_group_id: str = ""


@dataclass(frozen=True)
class Attribute:
    """Who may read an attribute, set it in a new resource, and change it."""

    read: Needs = (anyone,)
    create: Needs = (anyone,)
    update: Needs = (anyone,)


@dataclass(frozen=True)
class Access:
    """Who may do what with the resources of one kind.  An attribute that is not named is anybody's
    who may do the action."""

    read: Needs
    create: Needs = (owner,)
    update: Needs = (owner,)
    delete: Needs = (owner,)
    attributes: dict[str, Attribute] = field(default_factory=dict)


_SYSTEM = Attribute(ADMIN, ADMIN, ADMIN)
"""What only administrators see and set."""
_SET_BY_ADMIN = Attribute(create=ADMIN, update=ADMIN)
_OF_NETWORK_OWNER = Attribute(create=(network_owner,), update=(network_owner,))
"""What would harm others on a network that is shared: its owner's, and administrators'."""

TABLE: dict[str, Access] = {
    "network": Access(
        read=(owner, shared),
        attributes={
            "shared": _SET_BY_ADMIN, "router:external": _SET_BY_ADMIN,
            "is_default": _SET_BY_ADMIN, "segments": _SYSTEM, "provider:*": _SYSTEM,
            "vpn:*": _SYSTEM,
        },
    ),
    "subnet": Access(
        read=(owner, network_owner, network_shared),
        create=(network_owner,),
        update=(owner, network_owner),
        delete=(owner, network_owner),
        attributes={"segment_id": _SYSTEM, "service_types": _SET_BY_ADMIN},
    ),
    "port": Access(
        read=(owner, network_owner),
        create=(network_owner, network_shared),
        delete=(owner, network_owner),
        attributes={
            "mac_address": _OF_NETWORK_OWNER,
            "fixed_ips": Attribute(
                create=(network_owner, network_shared), update=(network_owner,)
            ),
            "fixed_ips:ip_address": _OF_NETWORK_OWNER,
            "port_security_enabled": _OF_NETWORK_OWNER,
            "allowed_address_pairs": _OF_NETWORK_OWNER,
            "binding:vnic_type": Attribute(),
            "binding:*": _SYSTEM,
            "hints": _SYSTEM, "trusted": _SYSTEM, "data_plane_status": _SET_BY_ADMIN,
        },
    ),
    "router": Access(
        read=(owner,),
        attributes={
            "distributed": _SYSTEM, "ha": _SYSTEM, "vpn:*": _SYSTEM,
            "enable_default_route_bfd": _SET_BY_ADMIN, "enable_default_route_ecmp": _SET_BY_ADMIN,
        },
    ),
    "security_group": Access(read=(owner, shared)),
    "security_group_rule": Access(
        read=(group_owner,), create=(group_owner,), update=(group_owner,), delete=(group_owner,),
    ),
    "address_group": Access(read=(owner, shared)),
}


def visible(config: Config, who: Principal, kind: str, item: Any) -> bool:
    """Whether a client sees a resource at all."""
    return _holds(config, who, TABLE[kind].read, item)


def allowed(config: Config, who: Principal, kind: str, action: str, item: Any) -> bool:
    """Whether a client may "create", "update" or "delete" it; its attributes are another matter."""
    return _holds(config, who, getattr(TABLE[kind], action), item)


def attribute_refused(
    config: Config, who: Principal, kind: str, action: str, item: Any, names: Iterable[str]
) -> str:
    """The first of the attributes ``names`` that a client may not set by this action, or ""."""
    if who.admin:
        return ""
    for name in names:
        if not _holds(config, who, getattr(_attribute(kind, name), action), item):
            return name
    return ""


def hidden(who: Principal, kind: str, names: Iterable[str]) -> frozenset[str]:
    """Those of the attributes ``names`` that a client does not see of any resource."""
    if who.admin:
        return frozenset()
    return frozenset(name for name in names if not _attribute(kind, name).read)


def _holds(config: Config, who: Principal, needs: Needs, item: Any) -> bool:
    return who.admin or any(relation(config, who.project_id, item) for relation in needs)


@functools.cache
def _attribute(kind: str, name: str) -> Attribute:
    attributes = TABLE[kind].attributes
    prefix, colon, _ = name.partition(":")
    return attributes.get(name) or attributes.get(f"{prefix}{colon}*") or Attribute()

"""RBAC policies: what is shared with whom (Networking API v2.0, "RBAC policies extension")."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ryu_apps.control.config.resources.access import Access, owner
from ryu_apps.control.config.resources.kind import Index, Kind
from ryu_apps.control.config.resources.resource import Resource

EVERYONE = "*"
SHARED = "access_as_shared"
EXTERNAL = "access_as_external"
"""Of networks that lead outside: a project's routers may have a gateway there."""


@dataclass(frozen=True, slots=True)
class RbacPolicy(Resource):
    """The project ``target_tenant``, or EVERYONE, sees and uses the resource ``object_id`` of the
    kind ``object_type``; where the ``action`` is EXTERNAL, as a way out alone."""

    object_type: str
    object_id: str
    target_tenant: str
    action: str = SHARED


def _grant(policy: Any) -> tuple[tuple[str, str, str], ...]:
    if policy.action != SHARED:
        return ()
    return ((policy.object_type, policy.object_id, policy.target_tenant),)


def _way_out(policy: Any) -> tuple[tuple[str, str], ...]:
    return ((policy.object_id, policy.target_tenant),) if policy.action == EXTERNAL else ()


RBAC_POLICY = Kind(
    "rbac_policy",
    RbacPolicy,
    Access(read=(owner,)),
    indexes=(
        # (kind, id) -> policies of a resource.
        Index("rbac_by_object", lambda one: ((one.object_type, one.object_id),)),
        # (kind, id, project or EVERYONE) -> policies, one if every writer validated.
        Index("rbac_grants", _grant),
        # (network id, project or EVERYONE) -> policies that make the network a way out for it.
        Index("rbac_ways_out", _way_out),
    ),
    plural="rbac_policies",
    quota=10,
)

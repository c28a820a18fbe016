"""RBAC policies: what is shared with whom (Networking API v2.0, "RBAC policies extension")."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ryu_apps.control.config.resources.access import Access, owner
from ryu_apps.control.config.resources.kind import Index, Kind
from ryu_apps.control.config.resources.resource import Resource

EVERYONE = "*"
SHARED = "access_as_shared"


@dataclass(frozen=True, slots=True)
class RbacPolicy(Resource):
    """The project ``target_tenant``, or EVERYONE, sees and uses the resource ``object_id`` of the
    kind ``object_type``."""

    object_type: str
    object_id: str
    target_tenant: str
    action: str = SHARED


def _grant(policy: Any) -> tuple[tuple[str, str, str], ...]:
    return ((policy.object_type, policy.object_id, policy.target_tenant),)


RBAC_POLICY = Kind(
    "rbac_policy",
    RbacPolicy,
    Access(read=(owner,)),
    indexes=(
        # (kind, id) -> policies of a resource.
        Index("rbac_by_object", lambda one: ((one.object_type, one.object_id),)),
        # (kind, id, project or EVERYONE) -> policies, one if every writer validated.
        Index("rbac_grants", _grant),
    ),
    plural="rbac_policies",
    quota=10,
)

"""``/v2.0/rbac-policies``."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from ryu_apps.control.config.model import KINDS, RbacPolicy
from ryu_apps.control.config.resources.rbac_policy import RBAC_POLICY
from ryu_apps.control.config.rules.access import rbac_policies
from ryu_apps.northbound.bodies.fields import Body, Text, Uuid
from ryu_apps.northbound.listing.attributes import STRING
from ryu_apps.northbound.resources.collection import Collection, View

Shareable = Literal[tuple(sorted(name for name, kind in KINDS.items() if kind.shareable))]
Target = Annotated[str, Field(min_length=1, max_length=255)]


class RbacPolicyUpdate(Body):
    target_tenant: Target | None = None


class RbacPolicyCreate(Body):
    object_type: Shareable  # type: ignore[valid-type]
    object_id: Uuid
    target_tenant: Target
    action: Annotated[str, Field(max_length=255)]
    project_id: Text = ""
    tenant_id: Text = ""


def view(item: RbacPolicy, _extra: Any) -> View:
    return {
        "id": item.id,
        "object_type": item.object_type,
        "object_id": item.object_id,
        "target_tenant": item.target_tenant,
        "action": item.action,
        "project_id": item.project_id,
        "tenant_id": item.project_id,
    }


COLLECTION = Collection(
    kind=RBAC_POLICY,
    path="rbac-policies",
    create_body=RbacPolicyCreate,
    update_body=RbacPolicyUpdate,
    rules=rbac_policies,
    view=view,
    attributes={
        "id": STRING, "object_type": STRING, "object_id": STRING, "target_tenant": STRING,
        "action": STRING, "project_id": STRING, "tenant_id": STRING,
    },
    extensions={
        "rbac-policies": ("RBAC Policies", "Networks shared with single projects"),
        "rbac-security-groups": ("RBAC of security groups", "Security groups shared by policies"),
        "rbac-address-group": ("RBAC of address groups", "Address groups shared by policies"),
        "rbac-address-scope": ("RBAC of address scopes", "Address scopes shared by policies"),
        "rbac-subnetpool": ("RBAC of subnet pools", "Subnet pools shared by policies"),
        "security-groups-shared-filtering": (
            "Security groups filtered by shared", "Security groups are filtered by shared"),
    },
)

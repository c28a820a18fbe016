"""QoS policies (Networking API v2.0, "Quality of Service")."""

from __future__ import annotations

from dataclasses import dataclass

from ryu_apps.control.config.resources.access import ADMIN, Access, owner, shared
from ryu_apps.control.config.resources.kind import Index, Kind
from ryu_apps.control.config.resources.resource import Resource


@dataclass(frozen=True, slots=True)
class QosPolicy(Resource):
    """A set of rules for ports and networks.  ``is_default``: new networks of its project have it;
    a project has one such policy."""

    name: str = ""
    shared: bool = False
    is_default: bool = False


QOS_POLICY = Kind(
    "qos_policy",
    QosPolicy,
    # As Neutron has it: whoever is limited by a policy does not make it.
    Access(read=(owner, shared), create=ADMIN, update=ADMIN, delete=ADMIN),
    indexes=(
        # Project -> its default policy; one, if every writer validated.
        Index("default_qos_policies", lambda one: (one.project_id,) if one.is_default else ()),
    ),
    plural="qos_policies",
    shareable=True,
)

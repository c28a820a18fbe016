"""Security groups."""

from __future__ import annotations

from dataclasses import dataclass

from ryu_apps.control.config.resources.access import Access, owner, shared
from ryu_apps.control.config.resources.kind import Index, Kind
from ryu_apps.control.config.resources.resource import Resource


@dataclass(frozen=True, slots=True)
class SecurityGroup(Resource):
    """What the ports that carry it may send and receive.  ``stateful``: connections are tracked."""

    name: str = ""
    stateful: bool = True
    shared: bool = False


SECURITY_GROUP = Kind(
    "security_group",
    SecurityGroup,
    Access(read=(owner, shared)),
    indexes=(
        # (project id, name) -> security group ids; finds the default group.
        Index("groups_by_name", lambda group: ((group.project_id, group.name),)),
    ),
    quota=10,
    shareable=True,
)

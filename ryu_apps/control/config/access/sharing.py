"""With whom a resource is shared.

``shared`` of a resource says that all projects have it; a policy for EVERYONE goes with that.  A
policy for one project is looked up here.
"""

from __future__ import annotations

from typing import Any

from ryu_apps.control.config.config import Config
from ryu_apps.control.config.model import ALL_KINDS
from ryu_apps.control.config.resources.rbac_policy import EVERYONE


def shared_with(config: Config, project_id: str, kind: str, item: Any) -> bool:
    """Whether a project has a resource that is another's, by ``shared`` or by a policy for it."""
    if getattr(item, "shared", False):
        return True
    return bool(config.rbac_policies) and (kind, item.id, project_id) in config.rbac_grants


def is_way_out(config: Config, project_id: str, item: Any) -> bool:
    """Whether a resource is an external network that routers of a project may have a gateway on."""
    if not getattr(item, "external", False):
        return False
    ways_out = config.rbac_ways_out
    return (item.id, EVERYONE) in ways_out or (item.id, project_id) in ways_out


def seems_shared(config: Config, project_id: str, kind: str, item: Any) -> bool:
    """What a project is told of ``shared``: of what belongs to something, a subnet, that is said of
    its network."""
    parent = ALL_KINDS[kind].parent
    if hasattr(item, "shared") or parent is None:
        return shared_with(config, project_id, kind, item)
    found = config.tables[parent.kind].get(getattr(item, parent.field))
    return found is not None and shared_with(config, project_id, parent.kind, found)

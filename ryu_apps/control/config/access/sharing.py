"""With whom a resource is shared.

``shared`` of a resource says that all projects have it; a policy for EVERYONE goes with that.  A
policy for one project is looked up here.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from ryu_apps.control.config.config import Config
from ryu_apps.control.config.model import KINDS


def shared_with(config: Config, project_id: str, kind: str, item: Any) -> bool:
    """Whether a project has a resource that is another's, by ``shared`` or by a policy for it."""
    if getattr(item, "shared", False):
        return True
    return bool(config.rbac_policies) and (kind, item.id, project_id) in config.rbac_grants


def as_seen(config: Config, project_id: str, kind: str, item: Any) -> Any:
    """The resource as a project is shown it: ``shared`` if it is with that."""
    if KINDS[kind].shareable and shared_with(config, project_id, kind, item) != item.shared:
        return dataclasses.replace(item, shared=True)
    return item

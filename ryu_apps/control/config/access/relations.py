"""What a project has to do with a resource.

Each is a function of the configuration, the project and the resource, or what is wanted of one that
does not exist yet (:class:`~ryu_apps.control.config.access.table.Wanted`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ryu_apps.control.config.config import Config

Relation = Callable[[Config, str, Any], bool]


def anyone(config: Config, project: str, item: Any) -> bool:
    return True


def owner(config: Config, project: str, item: Any) -> bool:
    return item.project_id == project


def shared(config: Config, project: str, item: Any) -> bool:
    """The resource itself is shared with all projects."""
    return item.shared


def network_owner(config: Config, project: str, item: Any) -> bool:
    """The project has the network of a subnet or a port."""
    network = config.networks.get(item.network_id)
    return network is not None and network.project_id == project


def network_shared(config: Config, project: str, item: Any) -> bool:
    """The network of a subnet or a port is shared with all projects."""
    network = config.networks.get(item.network_id)
    return network is not None and network.shared


def group_owner(config: Config, project: str, item: Any) -> bool:
    """The project has the security group of a rule."""
    group = config.security_groups.get(item.security_group_id)
    return group is not None and group.project_id == project

"""What the node wants of one hypervisor.  Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ryu_apps.control.messages import ElementInfo
from ryu_apps.southbound.ovsdb.settings import OvsdbSettings
from vrouter_ovs.schema.tables import TABLE_NAMES
from vrouter_ovs.state import Endpoint

MAX_BACKOFF = 1000
INACTIVITY_PROBE = 5000
"""Milliseconds; of the hypervisor's connections to the node, OVSDB and OpenFlow alike."""


@dataclass
class Wanted:
    """What the controller thread asked for one element; outlives its sessions.

    ``tunnels``: None until it was told.  ``marks``: interface name -> installed.
    """

    tunnels: frozenset[Endpoint] | None = None
    marks: dict[str, bool] = field(default_factory=dict)


@dataclass(frozen=True)
class Wish:
    """What the node wants of one hypervisor.

    ``vtep``: its own; ``tunnels``: the endpoints, or None while not known, and then tunnel
    ports are left as they are.  ``controller``: OpenFlow target of the bridge.  ``local``: (scheme
    "tcp" or "ssl", address, port) that the hypervisor connected to.  ``table_names``: OpenFlow
    table -> name.  ``bfd_interval``: milliseconds.  ``datapath_id``: what the bridge was last
    configured with, 0 where that is not known: when it is lost, it is put back, because what
    ovs-vswitchd reports by then may be its own choice already.  ``connections_per_port``: how many
    may be tracked; 0 leaves what is there.
    """

    element: str
    vtep: str
    tunnels: frozenset[Endpoint] | None
    controller: str
    local: tuple[str, str, int]
    table_names: Mapping[int, str]
    bfd_interval: int
    owner: str = ""
    datapath_id: int = 0
    connections_per_port: int = 0


def wish_for(
    settings: OvsdbSettings,
    info: ElementInfo,
    local: tuple[str, str, int],
    tunnels: frozenset[Endpoint] | None,
    datapath_id: int,
) -> Wish:
    """The wish for the hypervisor ``info``, which is connected to the node's end ``local``."""
    scheme, address, _ = local
    host = f"[{address}]" if ":" in address else address
    return Wish(
        element=info.element,
        vtep=info.vtep,
        tunnels=tunnels,
        controller=settings.controller_target or f"{scheme}:{host}:{settings.openflow_port}",
        local=local,
        table_names=TABLE_NAMES,
        bfd_interval=settings.bfd_interval,
        owner=settings.node_name,
        datapath_id=datapath_id,
        connections_per_port=settings.connections_per_port,
    )

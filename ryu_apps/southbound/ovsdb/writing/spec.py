"""What the node keeps of one hypervisor's database whatever its vrouter does: the integration
bridge, its controller, managers.  Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ryu_apps.control.messages import ElementInfo
from ryu_apps.southbound.ovsdb.protocol.replica import Row
from ryu_apps.southbound.ovsdb.settings import OvsdbSettings
from vrouter_ovs.schema.tables import TABLE_NAMES

MAX_BACKOFF = 1000
INACTIVITY_PROBE = 5000
"""Milliseconds; of the hypervisor's connections to the node, OVSDB and OpenFlow alike."""


@dataclass(frozen=True)
class HypervisorSpec:
    """How the database of one hypervisor is to be.

    ``vtep``: its own.  ``controller``: OpenFlow target of the bridge.  ``local``: (scheme
    "tcp" or "ssl", address, port) that the hypervisor connected to.  ``table_names``: OpenFlow
    table -> name.  ``bfd_interval``: milliseconds; ``bfd_multiplier``: lost packets after which a
    path is down.  ``datapath_id``: what the bridge was last
    configured with, 0 where that is not known: when it is lost, it is put back, because what
    ovs-vswitchd reports by then may be its own choice already.  ``connections_per_port``: how many
    may be tracked; 0 leaves what is there.  ``epoch``: see
    :class:`~ryu_apps.control.messages.AcceptElement`.
    """

    element: str
    vtep: str
    controller: str
    local: tuple[str, str, int]
    table_names: Mapping[int, str]
    bfd_interval: int
    bfd_multiplier: int
    owner: str = ""
    datapath_id: int = 0
    connections_per_port: int = 0
    epoch: int = 0


def spec_for(
    settings: OvsdbSettings,
    info: ElementInfo,
    local: tuple[str, str, int],
    datapath_id: int,
    epoch: int = 0,
) -> HypervisorSpec:
    """For the hypervisor ``info``, which is connected to the node's end ``local``."""
    return HypervisorSpec(
        element=info.element,
        vtep=info.vtep,
        controller=controller_target(settings, local),
        local=local,
        table_names=TABLE_NAMES,
        bfd_interval=settings.bfd_interval,
        bfd_multiplier=settings.bfd_multiplier,
        owner=settings.node_name,
        datapath_id=datapath_id,
        connections_per_port=settings.connections_per_port,
        epoch=epoch,
    )


def controller_target(settings: OvsdbSettings, local: tuple[str, str, int]) -> str:
    """Where a switch finds this node whose database is connected to the node's end ``local``."""
    scheme, address, _ = local
    host = f"[{address}]" if ":" in address else address
    return settings.controller_target or f"{scheme}:{host}:{settings.openflow_port}"


def controller_row(target: str) -> Row:
    """A row of the table Controller."""
    return {
        "target": target,
        "max_backoff": MAX_BACKOFF,
        "inactivity_probe": INACTIVITY_PROBE,
        "connection_mode": "out-of-band",
    }

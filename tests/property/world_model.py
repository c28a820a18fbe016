"""What the property tests of the World share: a small universe of configuration, hypervisors and
peers, a harness around one World, and the same final inputs fed to a fresh one.

The parts: :mod:`.world_universe` (names and numbers), :mod:`.world_node` (the harness),
:mod:`.world_fresh` (from scratch), :mod:`.world_driver` with :mod:`.world_configuration` and
:mod:`.world_peers` (random operations).
"""

from .world_configuration import MODES, TARGETS
from .world_driver import Driver
from .world_fresh import assert_equal, check_collisions, flow_keys, of_switch, rebuild, same
from .world_node import Hypervisor, Inputs, Node, element_info, local_paths, used_endpoints
from .world_universe import (
    ASN,
    CIDRS,
    DEEPER,
    ELEMENTS,
    FOREIGN_VTEPS,
    INTERFACES,
    NETWORKS,
    NODE,
    PEERS,
    PORTS,
    ROUTERS,
    STALE_TIME,
    SUBNETS,
    host,
    mac,
    target,
    vteps,
)

__all__ = [
    "ASN",
    "CIDRS",
    "DEEPER",
    "ELEMENTS",
    "FOREIGN_VTEPS",
    "INTERFACES",
    "MODES",
    "NETWORKS",
    "NODE",
    "PEERS",
    "PORTS",
    "ROUTERS",
    "STALE_TIME",
    "SUBNETS",
    "TARGETS",
    "Driver",
    "Hypervisor",
    "Inputs",
    "Node",
    "assert_equal",
    "check_collisions",
    "element_info",
    "flow_keys",
    "host",
    "local_paths",
    "mac",
    "of_switch",
    "rebuild",
    "same",
    "target",
    "used_endpoints",
    "vteps",
]  # fmt: skip

"""What the node wants of one hypervisor.  Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

MAX_BACKOFF = 1000
INACTIVITY_PROBE = 5000
"""Milliseconds; of the hypervisor's connections to the node, OVSDB and OpenFlow alike."""


@dataclass(frozen=True)
class Wish:
    """What the node wants of one hypervisor.

    ``vtep``: its own; ``tunnels``: the remote VTEPs, or None while not known, and then tunnel
    ports are left as they are.  ``controller``: OpenFlow target of the bridge.  ``local``: (scheme
    "tcp" or "ssl", address, port) that the hypervisor connected to.  ``table_names``: OpenFlow
    table -> name.  ``bfd_interval``: milliseconds.  ``datapath_id``: what the bridge was last
    configured with, 0 where that is not known: when it is lost, it is put back, because what
    ovs-vswitchd reports by then may be its own choice already.
    """

    element: str
    vtep: str
    tunnels: frozenset[str] | None
    controller: str
    local: tuple[str, str, int]
    table_names: Mapping[int, str]
    bfd_interval: int
    owner: str = ""
    datapath_id: int = 0

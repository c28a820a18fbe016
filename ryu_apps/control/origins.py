"""Whose a route is: a node's of this system, or a router's.

Nodes know each other's claims, and may move ports.  A router knows nothing of ports: its route says
what it has learned, and takes nothing from a port that is plugged in.
"""

from __future__ import annotations

from ryu_apps.control.elements import Elements
from ryu_apps.control.routes import Path


class Origins:
    """A node's route leads to a hypervisor of this system, as the store's records have it."""

    def __init__(self, elements: Elements) -> None:
        self._elements = elements

    def is_node(self, path: Path) -> bool:
        """Whether a path is a node's, of this one or another."""
        return path.attrs.next_hop in self._elements.by_vtep

    def is_ours(self, path: Path) -> bool:
        """Whether a path leads to a hypervisor of this very node."""
        return self._elements.by_vtep.get(path.attrs.next_hop) in self._elements.accepted

"""Whose a route is: a node's of this system, or a router's.

Nodes know each other's claims, and may move ports.  A router knows nothing of ports: its route says
what it has learned, and takes nothing from a port that is plugged in.
"""

from __future__ import annotations

from collections.abc import Callable

from ryu_apps.control.elements.elements import Elements
from ryu_apps.control.routes import Path
from ryu_apps.control.vpn.rib import LOCAL, Rib


class Origins:
    """A node's route leads to a hypervisor of this system, as the store's records have it, and a
    node or a reflector announces it.  ``is_router``: whether a peer is neither."""

    def __init__(
        self,
        elements: Elements,
        rib: Rib,
        is_router: Callable[[str], bool] = lambda peer: False,
    ) -> None:
        self._elements = elements
        self._rib = rib
        self.is_router = is_router
        self.expired_peers: set[str] = set()
        """Peers that are away for so long that their routes keep no port any more."""

    def is_node(self, path: Path) -> bool:
        """Whether a path is a node's, of this one or another."""
        if path.attrs.next_hop not in self._elements.by_vtep:
            return False
        sources = self._rib.sources_of(path)
        return not sources or any(
            source == LOCAL or not self.is_router(source) for source in sources
        )

    def stands(self, path: Path) -> bool:
        """Whether a path is a node's that is there, or that may be back soon: while a node is away
        its hypervisors forward on, and no router takes their ports meanwhile."""
        if not self.is_node(path):
            return False
        expired = self.expired_peers
        return not (expired and expired.issuperset(self._rib.sources_of(path) or (LOCAL,)))

    def is_ours(self, path: Path) -> bool:
        """Whether a path leads to a hypervisor of this very node."""
        return self._elements.by_vtep.get(path.attrs.next_hop) in self._elements.accepted

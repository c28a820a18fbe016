"""Which connection is which element's: datapath ids, who holds them, and where from.  No I/O but to
close connections.

A datapath id has one holder: the first that was accepted with it keeps it until it is forgotten or
has another bridge, and then the next gets it.  A switch is its holder's only where it connects from
the address of the holder's OVSDB server, and over TLS with a certificate of the holder, so nobody
else can take its place.
"""

from __future__ import annotations

import logging
from typing import Any, NamedTuple

from ryu_apps.connections.peer_address import plain_address

LOG = logging.getLogger("vnc.openflow")


UNUSED = 30.0
"""Seconds that a connection is kept which comes from another address than its element."""


class ConnectionChange(NamedTuple):
    """The element has this connection from now on, or no longer."""

    element: str
    datapath: Any
    connected: bool


class _Peer(NamedTuple):
    """Who can replace a connection by a newer one: who has the same address and certificate."""

    address: str
    certified: frozenset[str] | None

    def is_of(self, element: str) -> bool:
        """Whether its certificate, where it needs one, is the element's."""
        return self.certified is None or element in self.certified


class _Bridge(NamedTuple):
    """What an element was accepted with."""

    datapath_id: int
    address: str


class Switches:
    """``any_address``: an element's switch may connect from anywhere.  ``unclaimed``: seconds that
    a connection is kept which is no element's; 0: for ever.  ``now``: seconds, by the monotonic
    clock.  Connections are os-ken's Datapath as :mod:`ryu_apps.runtime` repairs it."""

    def __init__(self, any_address: bool, unclaimed: float) -> None:
        self._any_address = any_address
        self._unclaimed = unclaimed
        self._bridges: dict[str, _Bridge] = {}
        self._holders: dict[int, str] = {}
        self._connections: dict[int, dict[_Peer, Any]] = {}
        """Datapath id -> peer -> its newest connection, the newest of all last."""
        self._used: dict[str, Any] = {}

    def sources(self) -> frozenset[str]:
        """Where the elements' switches connect from."""
        return frozenset(bridge.address for bridge in self._bridges.values())

    # ------------------------------------------------------------ elements

    def accept(
        self, element: str, datapath_id: int, address: str, now: float
    ) -> list[ConnectionChange]:
        """The element's bridge has this id, and its OVSDB server is at ``address``; "": its switch
        may connect from anywhere."""
        old = self._bridges.get(element)
        self._bridges[element] = _Bridge(datapath_id, address)
        changes: list[ConnectionChange] = []
        if old is not None and old.datapath_id != datapath_id:
            changes += self._leave(element, old.datapath_id, now)
        holder = self._holders.setdefault(datapath_id, element)
        if holder != element:
            LOG.error("element %s has the datapath id %016x of element %s, and gets no connection "
                      "of it", element, datapath_id, holder)
        return changes + self._settle(datapath_id, now)

    def forget(self, element: str, now: float) -> list[ConnectionChange]:
        """The element is no longer there."""
        bridge = self._bridges.pop(element, None)
        return self._leave(element, bridge.datapath_id, now) if bridge is not None else []

    def _leave(self, element: str, datapath_id: int, now: float) -> list[ConnectionChange]:
        """The element holds the id no longer; the next one that has it does."""
        if self._holders.get(datapath_id) != element:
            return []
        del self._holders[datapath_id]
        changes = []
        used = self._used.pop(element, None)
        if used is not None:
            changes.append(ConnectionChange(element, used, False))
            self._drop(used)
            used.disconnect("the element was removed, or has another bridge now")
        for other, bridge in self._bridges.items():
            if bridge.datapath_id == datapath_id and other != element:
                self._holders[datapath_id] = other
                break
        return changes + self._settle(datapath_id, now)

    # ------------------------------------------------------------ connections

    def connected(self, datapath: Any, now: float) -> list[ConnectionChange]:
        """A switch finished its handshake."""
        connections = self._connections.setdefault(datapath.id, {})
        peer = _peer_of(datapath)
        older = connections.pop(peer, None)
        connections[peer] = datapath
        changes = self._settle(datapath.id, now)
        if older is not None and older is not datapath:
            older.disconnect("replaced by a newer connection of the same switch")
        return changes

    def disconnected(self, datapath: Any) -> list[ConnectionChange]:
        """A connection ended."""
        self._drop(datapath)
        holder = self._holders.get(datapath.id, "")
        if self._used.get(holder) is not datapath:
            return []
        del self._used[holder]
        return [ConnectionChange(holder, datapath, False)]

    def _drop(self, datapath: Any) -> None:
        connections = self._connections.get(datapath.id)
        peer = _peer_of(datapath)
        if connections is not None and connections.get(peer) is datapath:
            del connections[peer]
            if not connections:
                del self._connections[datapath.id]

    def _settle(self, datapath_id: int, now: float) -> list[ConnectionChange]:
        """Give the holder of the id the connection that it may have, and close all others."""
        connections = self._connections.get(datapath_id, {})
        holder = self._holders.get(datapath_id)
        if holder is None:
            for datapath in connections.values():
                if datapath.expires is None and self._unclaimed:
                    datapath.expires = now + self._unclaimed
            return []
        address = self._bridges[holder].address
        if self._any_address:
            address = ""
        own = [
            datapath for peer, datapath in connections.items()
            if peer.is_of(holder) and address in ("", peer.address)
        ]
        chosen = own[-1] if own else None
        for datapath in own[:-1]:
            self._drop(datapath)
            datapath.disconnect("replaced by a newer connection of the same switch")
        for peer, datapath in connections.items():
            if datapath not in own and datapath.expires is None:
                # Closed at once it would come back at once.
                datapath.expires = now + UNUSED
                LOG.warning("a connection of switch %016x from %s is not used: element %s, whose "
                            "switch it says to be, %s", datapath_id, peer.address, holder,
                            f"is at {address}" if peer.is_of(holder) else "has another certificate")
        used = self._used.get(holder)
        if chosen is used:
            return []
        if chosen is None:
            del self._used[holder]
            return [ConnectionChange(holder, used, False)]
        chosen.expires = None
        self._used[holder] = chosen
        return [ConnectionChange(holder, chosen, True)]


def _peer_of(datapath: Any) -> _Peer:
    """Where a connection comes from, "" for a Unix socket, and whose it is."""
    address = plain_address(datapath.address[0]) if isinstance(datapath.address, tuple) else ""
    return _Peer(address, datapath.certified)

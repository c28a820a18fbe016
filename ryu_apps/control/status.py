"""What the store's records below ``/status/`` say of nodes, their elements and their ports."""

from __future__ import annotations

from typing import Any

from ryu_apps.control import messages as msg
from ryu_apps.control.edge.advertised import RECORDS as ADVERTISED
from ryu_apps.control.edge.advertised import Advertised
from ryu_apps.control.elements.elements import RECORDS, Elements
from ryu_apps.control.membership.assignment import Assignment
from ryu_apps.control.membership.convergence import Convergence
from ryu_apps.control.membership.membership import Membership
from ryu_apps.control.ownership.records import NODES, OWNERS, REACH
from ryu_apps.control.peers import Peers
from ryu_apps.control.ports.claim_records import CLAIMS, ClaimRecords


class StatusRecords:
    """Tells each part what the records say that concern it.  Marks and emits nothing itself."""

    def __init__(
        self,
        elements: Elements,
        membership: Membership,
        assignment: Assignment,
        convergence: Convergence,
        peers: Peers,
        conflicts: ClaimRecords,
        advertised: Advertised,
    ) -> None:
        self._elements = elements
        self._membership = membership
        self._assignment = assignment
        self._convergence = convergence
        self._peers = peers
        self._conflicts = conflicts
        self._advertised = advertised
        self.claims: dict[tuple[str, str], dict[str, Any]] = {}
        """(port, element) -> claims that wait, as their nodes recorded them."""

    def changed(self, event: msg.StatusChanged, now: float) -> None:
        """Records of the store, of this node or another, have changed."""
        own_reach = f"{REACH}{self._elements.node}/"
        # Who is there and who is in charge of what is known before what they say.
        for key, value in event.changes:
            if key.startswith(NODES):
                self._node_recorded(key[len(NODES):], value, now)
            elif key.startswith(own_reach):
                continue  # An echo of what was written, or of what a former run wrote.
            elif self._elements.ownership.changed(key, value):
                if key.startswith(OWNERS):
                    self._membership.owner_changed(key[len(OWNERS):], now)
                elif key.startswith(REACH):
                    element = key[len(REACH):].partition("/")[2]
                    self._assignment.reach_changed(element, now)
                self._assignment.look_again()
        for key, value in event.changes:
            if key.startswith(RECORDS):
                self._membership.recorded(key[len(RECORDS):], value, now)
            elif key.startswith(CLAIMS):
                port_id, _, element = key[len(CLAIMS):].partition("/")
                if value is None:
                    self.claims.pop((port_id, element), None)
                else:
                    self.claims[port_id, element] = value
                    if value.get("node") == self._elements.node and not self._convergence.loaded:
                        self._conflicts.recall(port_id, element, value)
            elif key.startswith(ADVERTISED):
                node, _, network_id = key[len(ADVERTISED):].partition("/")
                advertised = self._advertised
                if node != self._elements.node:
                    advertised.elsewhere(node, network_id, value)
                elif not self._convergence.loaded:
                    advertised.recall(network_id, value)
        if event.whole:
            self._assignment.read(now)

    def _node_recorded(self, name: str, value: dict[str, Any] | None, now: float) -> None:
        before = self._elements.nodes.get(name)
        self._peers.recorded(name, value)
        if value is None or before is None or {**before, "load": None} != {**value, "load": None}:
            self._membership.refusals.look_again()
            self._assignment.nodes_changed(now)

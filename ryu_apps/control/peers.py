"""The BGP peers: who they are, whether they are up, and whose tables a node that starts waits for.

A peer is a *node* of this system, a *router* of somebody else, or a *reflector*: a router that
carries the nodes' routes.  What the configuration does not say is seen from the peer's OPEN: its
BGP identifier and AS are those of a node's record in the store, or it is a router.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ryu_apps.control import messages as msg
from ryu_apps.control.dependents import Dependents
from ryu_apps.control.families import UNDERLAY_FAMILIES, Family
from ryu_apps.control.graceful_restart import Negotiated, promises_end_of_rib
from ryu_apps.control.graph.graph import Marks
from ryu_apps.control.initial_tables import InitialTables
from ryu_apps.control.routes import Path, by_next_hop
from ryu_apps.control.stale_routes import StaleRoutes
from ryu_apps.control.tables import Tables

AUTO, NODE, ROUTER, REFLECTOR = "auto", "node", "router", "reflector"
KINDS = (AUTO, NODE, ROUTER, REFLECTOR)
UNSEEN = 10.0
"""Seconds that a node that starts waits for a router that does not come up at all."""
QUIET = 2.0
"""Of a peer that promises no End-of-RIB the table is taken to be complete when it has sent no route
for so many seconds."""


class PeerOptions(NamedTuple):
    """``kinds``: peer -> one of KINDS; who is not in it is a node.  ``expected``: the configured
    peers.  Seconds: ``stale_time`` and ``stalepath_time``, see :class:`StaleRoutes`;
    ``restart_time``, how long routes of a peer that is away keep ports from claims here."""

    kinds: Mapping[str, str]
    expected: tuple[str, ...]
    stale_time: float
    restart_time: float
    stalepath_time: float


class Peers:
    """Reads: the records of nodes and hypervisors, the RIB.
    Marks: VTEPs whose routes count otherwise; by the RIB what depends on routes.
    Emits: Notice and ProbeNode, appended to ``effects``.
    """

    def __init__(
        self,
        options: PeerOptions,
        tables: Tables,
        marks: Marks,
        dependents: Dependents,
        effects: list,
    ) -> None:
        self._kinds = options.kinds
        self._expected = options.expected
        self._restart_time = options.restart_time
        self._rib = tables.rib
        self._stale_routes = StaleRoutes(
            options.stale_time, options.stalepath_time, tables.rib, dependents, self.of_node,
            self._notice,
        )
        self._elements = tables.elements
        self._marks = marks
        self._dependents = dependents
        self._expired = tables.origins.expired_peers
        self._effects = effects
        self.nodes = tables.elements.nodes
        self.tables = InitialTables()
        self.up: dict[str, dict[str, Any]] = {}
        """Peers with a session -> what is known of it."""
        self._identities: dict[str, tuple[str, int]] = {}
        """Peer -> (BGP identifier, AS) of its last OPEN."""
        self._node_of: dict[str, str] = {}
        """Peer -> the node that it is by its OPEN; a node's record goes when the node dies, and its
        routes are a node's all the same."""
        self._negotiated: dict[str, Mapping[Family, Negotiated]] = {}
        """Peers with a session -> its families, and what the OPEN says of graceful restart."""
        self._last_families: dict[str, tuple[Family, ...]] = {}
        """Peer -> the families of its last session."""
        self._down_since: dict[str, float] = {}
        self._likely_reflectors: set[str] = set()
        """Peers that seem to be reflectors, of which there was a notice."""
        self._last_heard: dict[str, float] = {}
        """When a peer last came up or sent routes."""
        self._ended: set[tuple[str, Family]] = set()
        """(peer, family) of each End-of-RIB that came since this node started."""
        self._incomplete: dict[str, set[Family]] = {}
        """Peers with a session -> its families of which no End-of-RIB came in it."""

    # ------------------------------------------------------------ who they are

    def kind(self, peer: str) -> str:
        """NODE, ROUTER or REFLECTOR."""
        kind = self._kinds.get(peer, NODE)
        if kind != AUTO:
            return kind
        return NODE if peer in self._node_of else ROUTER

    def is_router(self, peer: str) -> bool:
        """Whether what it says is its own, and no node's."""
        return self.kind(peer) == ROUTER

    def _turned_out(self, peer: str) -> None:
        """It is another kind of peer than it was: choose again between its routes and others."""
        self._marks.vteps.mark_all(self._elements.by_vtep)
        self._dependents.apply_best_changes(self._rib.choose_again(peer))

    def negotiated(self, peer: str) -> Mapping[Family, Negotiated]:
        """The families of the peer's session, and what its OPEN said of graceful restart for each;
        while it is away, none."""
        return self._negotiated.get(peer, {})

    def of_node(self, peer: str, path: Path) -> bool:
        """Whether a path from this peer is one of a node of this system."""
        kind = self.kind(peer)
        if kind == REFLECTOR:
            return path.attrs.next_hop in self._elements.by_vtep
        return kind == NODE

    def recorded(self, name: str, record: dict[str, Any] | None) -> None:
        """The store's record of a node is ``record`` now; None: it is not alive."""
        self._elements.set_node(name, record)
        if record is None:
            return
        for peer in self._identities:
            self._identify(peer)

    def _identify(self, peer: str) -> None:
        """Look up in the records who a peer is."""
        router_id, asn = self._identities[peer]
        kind = self.kind(peer)
        for name, record in self.nodes.items():
            if (
                name != self._elements.node
                and record.get("router_id") == router_id
                and record.get("local_as") == asn
            ):
                self._node_of[peer] = name
        if self.kind(peer) != kind:
            self._turned_out(peer)

    # ------------------------------------------------------------ sessions and routes

    def paths_received(self, event: msg.PathsReceived, now: float) -> None:
        """Routes came and went."""
        self._last_heard[event.peer] = now
        if self._kinds.get(event.peer) == AUTO and event.peer not in self._likely_reflectors:
            self._look_for_hypervisors(event)
        self._dependents.apply_best_changes(
            self._rib.update(event.peer, map(self._named, event.announced), event.withdrawn)
        )
        if event.withdrawn and self.kind(event.peer) == NODE:
            self._dependents.apply_best_changes(self._rib.drop_superseded(event.withdrawn))
        self._dependents.peer_paths_changed(path.nlri for path in event.announced)
        self._dependents.peer_paths_changed(event.withdrawn)

    def _named(self, path: Path) -> Path:
        """A hypervisor may be announced by any of its addresses, and is known by one."""
        if path.nlri.family in UNDERLAY_FAMILIES:
            return path
        return by_next_hop(path, self._elements.name_of(path.attrs.next_hop))

    def _look_for_hypervisors(self, event: msg.PathsReceived) -> None:
        """What a reflector carries of nodes counts as a router's until the configuration says what
        it is: anybody can name a hypervisor as next hop."""
        if self.kind(event.peer) == NODE:
            return
        for path in event.announced:
            if (
                path.attrs.next_hop in self._elements.by_vtep
                and path.nlri.family not in UNDERLAY_FAMILIES
            ):
                self._likely_reflectors.add(event.peer)
                self._notice(
                    "warning", event.peer,
                    f"it announces routes to the hypervisor {path.attrs.next_hop}; they count as a "
                    'router\'s. If it is a reflector, say "kind reflector" on its line',
                )  # fmt: skip
                return

    def came_up(self, event: msg.PeerUp, now: float) -> None:
        """A session is up: stale routes of the one before wait for End-of-RIB, or go.  It is sent
        this node's table when the store was read."""
        peer, info = event.peer, event.info
        self.tables.session_up(peer, event.session)
        self._incomplete[peer] = set(event.families)
        self.up[peer] = info
        self._last_heard[peer] = now
        if peer in self._expired:
            self._expired.discard(peer)
            self._dependents.peer_back()
        self._down_since.pop(peer, None)
        identity = (info.get("router_id", ""), info.get("remote_as", 0))
        if self._identities.get(peer) != identity:
            self._identities[peer] = identity
            kind = self.kind(peer)
            self._node_of.pop(peer, None)
            if self.kind(peer) != kind:
                self._turned_out(peer)
        self._identify(peer)
        self._negotiated[peer] = event.families
        self._last_families[peer] = tuple(event.families)
        self._stale_routes.session_up(peer, event.families, now)
        self._notice("info", peer, f"established ({self.kind(peer)})")

    def went_down(self, event: msg.PeerDown, now: float) -> None:
        """A session is over: its routes turn stale for as long as they are retained."""
        peer = event.peer
        negotiated = self._negotiated.pop(peer, {})
        self.tables.session_down(peer)
        self._incomplete.pop(peer, None)
        self.up.pop(peer, None)
        self._down_since[peer] = now
        self._stale_routes.session_down(peer, negotiated, event.end, now)
        count = self._rib.stale_count(peer)
        fate = f"{count} routes are stale, in use" if count else "none of its routes is kept"
        self._notice("warning", peer, f"down ({event.reason}); {fate}")
        node = self._node_of.get(peer, "")
        if node in self.nodes:
            self._effects.append(msg.ProbeNode(node, self.nodes[node]))

    def end_of_rib(self, event: msg.EndOfRib) -> None:
        """The peer's table of a family is complete."""
        self._ended.add((event.peer, event.family))
        self._incomplete.get(event.peer, set()).discard(event.family)
        self._last_families.setdefault(event.peer, (event.family,))
        self._stale_routes.end_of_rib(event.peer, event.family)

    def hear(self) -> bool:
        """Whether a peer has this node's table."""
        return bool(self.tables.out)

    def serves(self, element: str) -> bool:
        """Whether the owner of an element says that its switch has confirmed everything."""
        record = self._elements.records.get(element, {})
        return bool(record.get("serving")) and record["owner"] == self._elements.owner_of(element)

    def has_told_of(self, element: str) -> bool:
        """Whether it does, and is a peer whose whole table came in its session."""
        owner = self._elements.owner_of(element)
        return self.serves(element) and any(
            self._node_of.get(peer) == owner for peer, left in self._incomplete.items() if not left
        )

    def tick(self, now: float) -> None:
        """Let go what has been stale for too long, and ports that a peer had which is away."""
        for peer, since in self._down_since.items():
            if now - since >= self._restart_time and peer not in self._expired:
                self._expired.add(peer)
                self._dependents.peer_expired()
        self._stale_routes.tick(now)

    # ------------------------------------------------------------ a node's start

    def awaited(self, now: float, started: float) -> list[str]:
        """The peers whose tables a node waits for that was ``started`` then: the table of each
        family of a session that vrouters forward by."""
        away = self._nodes_away()
        return [peer for peer in self._expected if self._awaits(peer, now, started, away)]

    def _awaits(self, peer: str, now: float, started: float, away: bool) -> bool:
        families = self._last_families.get(peer, ())
        left = [
            family for family in families
            if (peer, family) not in self._ended and family not in UNDERLAY_FAMILIES
        ]  # fmt: skip
        if families and not left:
            return False
        kind = self.kind(peer)
        perhaps_node = kind == NODE or (away and self._kinds.get(peer, NODE) == AUTO)
        negotiated = self._negotiated.get(peer)
        if negotiated is None:
            return perhaps_node or kind == REFLECTOR or now - started < UNSEEN
        if any(promises_end_of_rib(perhaps_node, negotiated[family]) for family in left):
            return True
        return now - self._last_heard[peer] < QUIET

    def _nodes_away(self) -> bool:
        """Whether a node that owns hypervisors is none of the peers that are known to be nodes: one
        of the others may be it."""
        owners = {record["owner"] for record in self._elements.records.values()}
        return bool(owners - set(self._node_of.values()) - {self._elements.node})

    def _notice(self, level: str, peer: str, text: str) -> None:
        self._effects.append(msg.Notice(level, f"peer {peer}", text))

"""What depends on a route: the instances that import it, claims it decides, addresses that move."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from ryu_apps.control.addresses.learned import Learned
from ryu_apps.control.addresses.macs import LearnedMacs
from ryu_apps.control.graph.graph import Marks
from ryu_apps.control.ports.bindings import Bindings
from ryu_apps.control.routes import MacIp, Nlri
from ryu_apps.control.tables import Tables
from ryu_apps.control.vpn.moves import MoveNotifier
from ryu_apps.control.vpn.publish import Publisher
from ryu_apps.control.vpn.rib import BestChange


class Dependents:
    """Marks what must be looked at again when routes change, or what a route means.

    Reads: the configuration, claims, bound ports, what the instances import.
    Marks: claims that a route decides, routes of ports, and by the instances their lookups.
    """

    def __init__(
        self,
        tables: Tables,
        marks: Marks,
        learned: Learned,
        macs: LearnedMacs,
        bindings: Bindings,
        moves: MoveNotifier,
        publisher: Publisher,
    ) -> None:
        self._config = tables.config
        self._rib = tables.rib
        self._instances = tables.instances
        self._underlay = tables.underlay
        self._elements = tables.elements
        self._bound = tables.bound
        self._active = tables.active
        self._refused = tables.refused
        self._marks = marks
        self._learned = learned
        self._macs = macs
        self._bindings = bindings
        self._moves = moves
        self._origins = tables.origins
        self._publisher = publisher

    def apply_best_changes(self, changes: list[BestChange]) -> None:
        """Bring the instances and the underlay table in line with the RIB; look again at claims
        that a route decides."""
        if not changes:
            return
        self._instances.apply_best_changes(changes)
        self._underlay.apply_best_changes(changes)
        addresses: dict[tuple[int, str], list[BestChange]] = {}
        for change in changes:
            if type(change.nlri) is not MacIp:
                continue
            before = change.old.attrs.rts if change.old is not None else ()
            after = change.new.attrs.rts if change.new is not None else ()
            targets = after if before == after else before + after
            for vni in self._instances.importing(targets):
                instance = self._instances.by_vni[vni]
                if instance.spec.kind != "evi":
                    continue
                ip = change.nlri.ip
                self._macs.changed(vni, change.nlri.mac)
                if self._learned.holders:
                    self._learned.changed(vni, ip, change.nlri.mac)
                key = vni, ip
                if ip and (
                    change.old is not None or key in addresses or self._moves.may_be_move(key)
                ):
                    addresses.setdefault(key, []).append(change)
                self._contest(vni, instance.spec.id, change)
                claimed = self._claims_of(instance.spec.id, change.nlri.mac)
                if (
                    claimed and change.old is not None
                    and vni not in self._instances.importing(after)
                ):
                    self._bindings.remember_mobility(instance.spec.id, change.old, self._active)
        for key, found in addresses.items():
            self._moves.apply_best_changes(key, found)

    def judge_again(self, vteps: Collection[str]) -> None:
        """VTEPs became a hypervisor's of this system or of this node, or ceased to be: a route
        through one competes with a claim, or not, and comes before a router's, or not."""
        for vtep in vteps:
            self.apply_best_changes(self._rib.rename(vtep, self._elements.name_of(vtep)))
        self._instances.judge_again(vteps)
        for port_id in self._elements.claims:
            port = self._config.ports.get(port_id)
            network = self._config.networks.get(port.network_id) if port is not None else None
            instance = self._instances.by_vni.get(network.vni) if network is not None else None
            paths = instance.macs.get(port.mac_address, ()) if instance is not None else ()
            if any(path.attrs.next_hop in vteps for path in paths):
                self._marks.claims.mark(port_id)
                self._again(port_id)

    def peer_expired(self) -> None:
        """The routes of a peer that is away keep no port any longer."""
        self._marks.claims.mark_all(self._refused)
        self._instances.choose_again()

    def peer_back(self) -> None:
        """A peer that had expired is back."""
        self._instances.choose_again()

    def peer_paths_changed(self, nlris: Iterable[Nlri]) -> None:
        """A peer announced or withdrew these.  Its path of a route of ours is never the best, and
        the RIB shows no change."""
        for nlri in nlris:
            owner = self._publisher.owner(nlri)
            if owner is not None and owner[0] == "port":
                self._again(owner[1])

    def _again(self, port_id: str) -> None:
        """Look again at the sequence number with which a port is announced."""
        if port_id in self._bound:
            self._marks.port_routes.mark(port_id)

    def _contest(self, vni: int, network_id: str, change: BestChange) -> None:
        """A route of somebody else's may stand against how a port is announced here."""
        old, new, is_ours = change.old, change.new, self._origins.is_ours
        if (old is None or is_ours(old)) and (new is None or is_ours(new)):
            return
        for port_id in self._config.ports_by_mac.get((network_id, change.nlri.mac), ()):
            self._again(port_id)
        for port_id in self._learned.owners((vni, change.nlri.ip)):
            self._again(port_id)

    def _claims_of(self, network_id: str, mac: str) -> bool:
        """Look again at the claims of the ports with a MAC; returns whether there are such ports,
        claimed or not."""
        port_ids = self._config.ports_by_mac.get((network_id, mac), ())
        if not port_ids:
            return False
        for port_id in port_ids:
            if port_id in self._elements.claims:
                self._marks.claims.mark(port_id)
        return True

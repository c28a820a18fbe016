"""What depends on a route: the instances that import it, claims it decides, addresses that move."""

from __future__ import annotations

from ryu_apps.control.bindings import Bindings
from ryu_apps.control.config import Config
from ryu_apps.control.elements import Elements
from ryu_apps.control.instances import Instances
from ryu_apps.control.learned import Learned
from ryu_apps.control.moves import Moves
from ryu_apps.control.ports import Ports
from ryu_apps.control.rib import BestChange, Rib
from ryu_apps.control.routes import MacIp


class Dependents:
    """Marks what must be looked at again when routes change, or what a route means."""

    def __init__(
        self,
        config: Config,
        rib: Rib,
        instances: Instances,
        elements: Elements,
        learned: Learned,
        bindings: Bindings,
        ports: Ports,
        moves: Moves,
    ) -> None:
        self._config = config
        self._rib = rib
        self._instances = instances
        self._elements = elements
        self._learned = learned
        self._bindings = bindings
        self._ports = ports
        self._moves = moves

    def follow(self, changes: list[BestChange]) -> None:
        """Let the instances follow the RIB, and look again at claims that a route decides."""
        if not changes:
            return
        self._instances.follow(changes)
        addresses: dict[tuple[int, str], list[BestChange]] = {}
        for change in changes:
            if type(change.nlri) is not MacIp:
                continue
            before = change.old.attrs.rts if change.old is not None else ()
            after = change.new.attrs.rts if change.new is not None else ()
            for vni in self._instances.importing(before + after):
                instance = self._instances.by_vni[vni]
                if instance.spec.kind != "evi":
                    continue
                ip = change.nlri.ip
                if self._learned.held:
                    self._learned.changed(vni, ip, change.nlri.mac)
                key = vni, ip
                if ip and (
                    change.old is not None or key in addresses or self._moves.may_be_one(key)
                ):
                    addresses.setdefault(key, []).append(change)
                known = self._claims_of(instance.spec.id, change.nlri.mac)
                if known and change.old is not None and instance.spec.imports.isdisjoint(after):
                    self._bindings.saw(instance.spec.id, change.old, self._ports.active)
        for key, found in addresses.items():
            self._moves.follow(key, found)

    def vtep_passed(self, vtep: str) -> None:
        """A VTEP became ours, or ceased to be: a route through it is a rival of a claim, or not."""
        for nlri, path in self._rib.best.items():
            if path.attrs.next_hop == vtep and type(nlri) is MacIp:
                for vni in self._instances.importing(path.attrs.rts):
                    spec = self._instances.by_vni[vni].spec
                    if spec.kind == "evi":
                        self._claims_of(spec.id, nlri.mac)

    def _claims_of(self, network_id: str, mac: str) -> bool:
        """Look again at the claims of the ports with a MAC; returns whether there are such ports,
        claimed or not."""
        port_ids = self._config.ports_by_mac.get((network_id, mac), ())
        if not port_ids:
            return False
        claims = self._elements.claims
        self._ports.dirty.update((port, None) for port in port_ids if port in claims)
        return True

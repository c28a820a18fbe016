"""Which EVIs and VRFs are present on which vrouter, and what each vrouter has of them as a whole.

An EVI is present where a port of its network is bound; a VRF where an EVI is that its router is
attached to.  What single entries of them resolve to is the :class:`Resolver`'s business.
"""

from __future__ import annotations

from ryu_apps.control.config.attachments import connected, router_networks
from ryu_apps.control.config.config import Config
from ryu_apps.control.config.model import Router
from ryu_apps.control.desired import Desired, Scope
from ryu_apps.control.elements.elements import Elements
from ryu_apps.control.forwarding.gateways import Gateways
from ryu_apps.control.forwarding.services import Services
from ryu_apps.control.ports.ports import Ports
from ryu_apps.control.vpn.instance import Entry
from vrouter_ovs.state import Evi, Gateway, Key, Vrf


def _discard(present: dict[int, dict[str, None]], vni: int, element: str) -> None:
    del present[vni][element]
    if not present[vni]:
        del present[vni]


class Presence:
    def __init__(
        self,
        config: Config,
        elements: Elements,
        ports: Ports,
        desired: Desired,
        services: Services,
        gateways: Gateways,
    ) -> None:
        self._config = config
        self._elements = elements
        self._ports = ports
        self._desired = desired
        self._services = services
        self._gateways = gateways
        self.routers: dict[str, None] = {}
        """Routers whose presence, gateways and connected prefixes must be computed again."""
        self.republish_vrfs: dict[tuple[str, int], None] = {}
        """(element, L3 VNI) whose paths must be computed again, until the consumer has."""
        self.evis: dict[int, dict[str, None]] = {}
        """L2 VNI -> elements where the EVI is present."""
        self.vrfs: dict[int, dict[str, None]] = {}
        """L3 VNI -> elements where the VRF is present."""
        self.connected: dict[int, dict[str, None]] = {}
        """L3 VNI -> prefixes of the subnets that its router is attached to."""

    def resolve(self, entries: dict[Entry, None]) -> list[tuple[str, Scope]]:
        """Bring presence in line with what became dirty.

        ``entries`` gets the entries that must be computed again wherever they are present.  Returns
        the EVIs and VRFs that came to an element, which needs all of their entries.
        """
        arrived: list[tuple[str, Scope]] = []
        self._resolve_evis(entries, arrived)
        # First all that routers give up, then what they take: a gateway may go from one router to
        # another at once.
        plans = [self._plan_router(router_id, entries) for router_id in self.routers]
        self.routers.clear()
        for plan in plans:
            if plan is not None:
                self._resolve_router(*plan, entries, arrived)
        self._services.resolve(self.evis, entries)
        return arrived

    def remove_element(self, element: str) -> None:
        """The element is forgotten; its desired state goes as a whole."""
        for vni in [vni for vni, places in self.evis.items() if element in places]:
            _discard(self.evis, vni, element)
        for vni in [vni for vni, places in self.vrfs.items() if element in places]:
            _discard(self.vrfs, vni, element)
            self.republish_vrfs[element, vni] = None

    # ------------------------------------------------------------ EVIs

    def _resolve_evis(self, entries: dict[Entry, None], arrived: list[tuple[str, Scope]]) -> None:
        for element, vni in self._ports.presence:
            wanted = element in self._ports.present.get(vni, ())
            held = element in self.evis.get(vni, ())
            entries["imet", vni, ""] = None
            if wanted == held:
                continue
            if wanted:
                self._enter_evi(element, vni)
                arrived.append((element, ("evi", vni)))
            else:
                self._leave_evi(element, vni)
            network_id = self._network_of(vni)
            if network_id is not None:
                for port_id in self._config.interfaces_by_network.get(network_id, ()):
                    self.routers[self._config.ports[port_id].device_id] = None
        self._ports.presence.clear()

    def _enter_evi(self, element: str, vni: int) -> None:
        self.evis.setdefault(vni, {})[element] = None
        scope = ("evi", vni)
        self._desired.put(element, scope, self._evi(vni))
        for server in self._services.resolvers(vni):
            self._desired.put(element, scope, server)

    def _leave_evi(self, element: str, vni: int) -> None:
        _discard(self.evis, vni, element)
        self._desired.drop_scope(element, ("evi", vni))

    def _network_of(self, vni: int) -> str | None:
        for kind, id in self._config.by_vni.get(vni, ()):
            if kind == "network":
                return id
        return None

    def _evi(self, vni: int) -> Evi:
        network = self._config.networks.get(self._network_of(vni) or "")
        if network is None:
            return Evi(vni)
        return Evi(vni, network.flood_unknown, network.mdns)

    def refresh_evi(self, vni: int) -> None:
        """The network of this VNI has changed."""
        for element in self.evis.get(vni, ()):
            self._desired.put(element, ("evi", vni), self._evi(vni))

    # ------------------------------------------------------------ VRFs

    def _plan_router(self, router_id: str, entries: dict[Entry, None]) -> tuple | None:
        """Where a router must be present and with which gateways; gives up what it has beyond."""
        router = self._config.routers.get(router_id)
        if router is None:
            return None
        wanted: dict[str, None] = {}
        gateways: dict[Key, Gateway] = {}
        if router.admin_state_up:
            for network_id in router_networks(self._config, router_id):
                network = self._config.networks.get(network_id)
                if network is not None:
                    wanted.update(self.evis.get(network.vni, {}))
            gateways = self._gateways.wanted(router)
        for element in [one for one in self.vrfs.get(router.vni, ()) if one not in wanted]:
            self._leave_vrf(element, router.vni)
            self.republish_vrfs[element, router.vni] = None
        self._gateways.drop(router.vni, gateways, self.vrfs.get(router.vni, ()), entries)
        return router, wanted, gateways

    def _resolve_router(
        self,
        router: Router,
        wanted: dict[str, None],
        gateways: dict[Key, Gateway],
        entries: dict[Entry, None],
        arrived: list[tuple[str, Scope]],
    ) -> None:
        vni = router.vni
        prefixes = connected(self._config, router.id) if router.admin_state_up else {}
        old_prefixes = self.connected.get(vni, {})
        if prefixes != old_prefixes:
            for prefix in prefixes.keys() ^ old_prefixes.keys():
                entries["prefix", vni, prefix] = None
            if prefixes:
                self.connected[vni] = prefixes
            else:
                self.connected.pop(vni, None)
        self._gateways.add(vni, gateways, self.vrfs.get(vni, ()), entries)
        for element in wanted:
            self.republish_vrfs[element, vni] = None
        for element in [one for one in wanted if one not in self.vrfs.get(vni, ())]:
            self._enter_vrf(element, vni)
            arrived.append((element, ("vrf", vni)))

    def remove_router(self, vni: int) -> None:
        """The router is gone from the configuration."""
        self._gateways.drop(vni, {}, self.vrfs.get(vni, ()), self._ports.touched)
        for element in list(self.vrfs.get(vni, ())):
            self._leave_vrf(element, vni)
            self.republish_vrfs[element, vni] = None
        self.connected.pop(vni, None)

    def _enter_vrf(self, element: str, vni: int) -> None:
        self.vrfs.setdefault(vni, {})[element] = None
        scope = ("vrf", vni)
        self._desired.put(element, scope, Vrf(vni, self._elements.accepted[element].router_mac))
        for gateway in self._gateways.of(vni):
            self._desired.put(element, scope, gateway)

    def _leave_vrf(self, element: str, vni: int) -> None:
        _discard(self.vrfs, vni, element)
        self._desired.drop_scope(element, ("vrf", vni))

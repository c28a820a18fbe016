"""Which EVIs and VRFs are present on which vrouter, and what each vrouter has of them as a whole.

An EVI is present where a port of its network is bound, or may come, and at the gateways of a router
that has its way out there; a VRF where an EVI is that its router is attached to, and at its
gateways.  What single lookups of them resolve to is the :class:`Resolver`'s business.
"""

from __future__ import annotations

from collections.abc import Iterable

from ryu_apps.control import ids
from ryu_apps.control.config.attachments import connected, router_networks, static_routes
from ryu_apps.control.config.model import Router
from ryu_apps.control.forwarding.gateways import Gateways
from ryu_apps.control.forwarding.services import Services
from ryu_apps.control.graph.graph import Marks
from ryu_apps.control.outside.ways_out import WaysOut
from ryu_apps.control.tables import Tables
from ryu_apps.control.vpn.instance import Lookup
from vrouter_ovs.encapsulation import carries_vni
from vrouter_ovs.state import Evi, FloatingErrors, Vrf

FLOATING = ("floating",)
"""The scope of what all floating IPs of a vrouter share."""


def _discard(present: dict[int, dict[str, None]], vni: int, element: str) -> None:
    del present[vni][element]
    if not present[vni]:
        del present[vni]


class Presence:
    """Reads: the configuration, where ports are bound.
    Marks: instances that come to a vrouter, lookups that are other ones everywhere, routers of an
    EVI that comes or goes, routes of VRFs.
    Emits nothing: EVIs and VRFs are desired state."""

    def __init__(
        self, tables: Tables, marks: Marks, services: Services, gateways: Gateways,
        ways_out: WaysOut,
    ) -> None:
        self._config = tables.config
        self._elements = tables.elements
        self._desired = tables.desired
        self._present = tables.present
        self._expected = tables.expected
        self._floating = tables.floating
        self._marks = marks
        self._services = services
        self._gateways = gateways
        self._ways_out = ways_out
        self._needed = tables.needed
        self.outside: dict[int, dict[str, None]] = {}
        """L2 VNI -> elements that have floating IPs of the external network."""
        self.evis = tables.evis
        self.vrfs = tables.vrfs
        self.connected: dict[int, dict[str, None]] = {}
        """L3 VNI -> prefixes of the subnets that its router is attached to."""
        self.static: dict[int, dict[str, tuple[str, ...]]] = {}
        """L3 VNI -> destination -> next hops, of its router's extra routes."""
        self._behind: dict[int, dict[Lookup, list[Lookup]]] = {}
        """L3 VNI -> lookup of a next hop -> the destinations behind it."""
        self._vni_of: dict[str, int] = {}
        """Router id -> the L3 VNI of its VRF, as it was computed last."""

    def remove_element(self, element: str) -> None:
        """The element is forgotten; its desired state goes as a whole."""
        self._ways_out.remove_element(element)
        for vni in [vni for vni, elements in self.evis.items() if element in elements]:
            _discard(self.evis, vni, element)
        for vni in [vni for vni, elements in self.outside.items() if element in elements]:
            _discard(self.outside, vni, element)
        for vni in [vni for vni, elements in self.vrfs.items() if element in elements]:
            _discard(self.vrfs, vni, element)
            self._marks.vrf_routes.mark((element, vni))

    # ------------------------------------------------------------ EVIs

    def resolve_evi(self, key: tuple[str, int]) -> None:
        """Bring the EVI ``(element, VNI)`` in line with the ports that are bound there, or may come
        there."""
        element, vni = key
        is_needed = element in self._present.get(vni, ()) or (
            element in self._expected.get(vni, ()) or element in self._needed.get(vni, ())
        ) or element in self._floating.get(vni, ())
        self._marks.lookups.mark(("imet", vni, ""))
        self._resolve_outside(element, vni)
        if is_needed == (element in self.evis.get(vni, ())):
            return
        if is_needed:
            self._enter_evi(element, vni)
            self._marks.instances.mark((element, ("evi", vni)))
        else:
            self._leave_evi(element, vni)
        self._marks.segments.mark((element, vni))
        network_id = self._network_of(vni)
        if network_id is not None:
            for port_id in self._config.interfaces_by_network.get(network_id, ()):
                self._marks.routers.mark(self._config.ports[port_id].device_id)

    def _resolve_outside(self, element: str, vni: int) -> None:
        """An EVI has floating IPs on a vrouter, or none any more: what they lead to follows."""
        leads = element in self._floating.get(vni, ())
        if leads == (element in self.outside.get(vni, ())):
            return
        if leads:
            self.outside.setdefault(vni, {})[element] = None
            self._desired.put(element, FLOATING, FloatingErrors())
            self._marks.instances.mark((element, ("evi", vni)))
        else:
            _discard(self.outside, vni, element)
            self._desired.drop_scope(element, ("outside", vni))
            if all(element not in elements for elements in self.outside.values()):
                self._desired.drop_scope(element, FLOATING)

    def describe_evi(self, vni: int) -> None:
        """Have an EVI be what its network says wherever it is."""
        for element in self.evis.get(vni, ()):
            self._desired.put(element, ("evi", vni), self._evi(element, vni))
            self._marks.segments.mark((element, vni))

    def describe_vrf(self, key: tuple[str, int]) -> None:
        """Have the VRF ``(element, VNI)`` be what its vrouter takes, where it is present."""
        element, vni = key
        if element in self.vrfs.get(vni, ()):
            self._desired.put(element, ("vrf", vni), self._vrf(element, vni))

    def _enter_evi(self, element: str, vni: int) -> None:
        self.evis.setdefault(vni, {})[element] = None
        scope = ("evi", vni)
        self._desired.put(element, scope, self._evi(element, vni))
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

    def _evi(self, element: str, vni: int) -> Evi:
        network = self._config.networks.get(self._network_of(vni) or "")
        if network is None:
            return Evi(vni)
        label = ids.evi_label(network.rd_index) if self._takes_mpls(element) else 0
        # Nobody knows who is on a physical segment, or behind a port that may have any MAC.
        unsecured = network.id in self._config.open_ports_by_network
        floods = network.flood_unknown or bool(network.physical_network) or unsecured
        return Evi(vni, floods, network.mdns, label, network.vlan_transparent, unsecured)

    def _vrf(self, element: str, vni: int) -> Vrf:
        labels: tuple[int, ...] = ()
        for kind, id in self._config.by_vni.get(vni, ()) if self._takes_mpls(element) else ():
            if kind == "router":
                index = self._config.routers[id].rd_index
                labels = ids.vrf_label(index, 4), ids.vrf_label(index, 6)
        return Vrf(vni, self._elements.accepted[element].router_mac, labels if all(labels) else ())

    def _takes_mpls(self, element: str) -> bool:
        return not all(map(carries_vni, self._elements.accepted[element].encapsulations))

    # ------------------------------------------------------------ VRFs

    def leave_vrouters(self, router_id: str) -> None:
        """Leave the vrouters where a router is no more, and delete gateways that it no longer has.
        All routers do so before any enters a vrouter: a gateway may go from one to another at
        once."""
        router = self._config.routers.get(router_id)
        old_vni = self._vni_of.get(router_id)
        if old_vni is not None and (router is None or router.vni != old_vni):
            self._remove(old_vni)
            del self._vni_of[router_id]
            # The router that has that VNI now enters again what was removed.
            self._marks.routers.mark_all(
                id for kind, id in self._config.by_vni.get(old_vni, ()) if kind == "router"
            )
        if router is None:
            return
        elements = self._elements_of(router)
        gateways = self._gateways.gateways_of(router) if router.admin_state_up else {}
        for element in [name for name in self.vrfs.get(router.vni, ()) if name not in elements]:
            self._leave_vrf(element, router.vni)
        self._gateways.drop(router.vni, gateways)
        self._marks.gateways.mark(router_id)

    def _elements_of(self, router: Router) -> dict[str, None]:
        """The elements that need a router: those with an EVI that it is attached to, and its
        gateways."""
        found: dict[str, None] = {}
        for network_id in router_networks(self._config, router.id) if router.admin_state_up else ():
            network = self._config.networks.get(network_id)
            if network is not None:
                found.update(self.evis.get(network.vni, {}))
        if found or router.gateways:
            accepted = self._elements.accepted
            gateways = self._ways_out.gateways_of(router.id)
            found.update((name, None) for name in gateways if name in accepted)
        return found

    def enter_vrouters(self, router_id: str) -> None:
        """Enter the vrouters where a router is needed, with its gateways and connected prefixes."""
        router = self._config.routers.get(router_id)
        if router is None:
            return
        vni = self._vni_of[router_id] = router.vni
        elements = self._elements_of(router)
        prefixes = connected(self._config, router.id) if router.admin_state_up else {}
        old_prefixes = self.connected.get(vni, {})
        if prefixes != old_prefixes:
            self._marks.lookups.mark_all(
                ("prefix", vni, prefix) for prefix in prefixes.keys() ^ old_prefixes.keys()
            )
            if prefixes:
                self.connected[vni] = prefixes
            else:
                self.connected.pop(vni, None)
        self._enter_routes(
            vni, static_routes(self._config, router.id) if router.admin_state_up else {}
        )
        self._gateways.add(vni, self._gateways.gateways_of(router) if router.admin_state_up else {})
        self._marks.vrf_routes.mark_all((element, vni) for element in elements)
        for element in [name for name in elements if name not in self.vrfs.get(vni, ())]:
            self._enter_vrf(element, vni)
            self._marks.instances.mark((element, ("vrf", vni)))

    def _enter_routes(self, vni: int, new: dict[str, tuple[str, ...]]) -> None:
        """A router has these extra routes."""
        old = self.static.get(vni, {})
        if new == old:
            return
        self._marks.lookups.mark_all(
            ("prefix", vni, prefix) for prefix in {**old, **new}
            if old.get(prefix) != new.get(prefix)
        )
        self._forget_routes(vni)
        if new:
            self.static[vni] = new
            behind = self._behind[vni] = {}
            for prefix, addresses in new.items():
                for address in addresses:
                    gateway = "prefix", vni, ids.host_prefix(address)
                    behind.setdefault(gateway, []).append(("prefix", vni, prefix))

    def _forget_routes(self, vni: int) -> None:
        self.static.pop(vni, None)
        self._behind.pop(vni, None)

    def behind(self, lookup: Lookup) -> Iterable[Lookup]:
        """The destinations of extra routes whose next hop is that of a host's lookup."""
        return self._behind.get(lookup[1], {}).get(lookup, ())

    def _remove(self, vni: int) -> None:
        """A VRF is gone from the configuration."""
        self._gateways.drop(vni, {})
        for element in list(self.vrfs.get(vni, ())):
            self._leave_vrf(element, vni)
        self.connected.pop(vni, None)
        self._forget_routes(vni)

    def _enter_vrf(self, element: str, vni: int) -> None:
        self.vrfs.setdefault(vni, {})[element] = None
        scope = ("vrf", vni)
        self._desired.put(element, scope, self._vrf(element, vni))
        for gateway in self._gateways.of(vni):
            self._desired.put(element, scope, gateway)

    def _leave_vrf(self, element: str, vni: int) -> None:
        _discard(self.vrfs, vni, element)
        self._marks.vrf_routes.mark((element, vni))
        self._desired.drop_scope(element, ("vrf", vni))

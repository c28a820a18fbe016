"""What follows when a hypervisor sends and takes other encapsulations, or prefers another."""

from __future__ import annotations

from ryu_apps.control.graph.graph import Marks
from ryu_apps.control.tables import Tables


class Offers:
    """Reads: bound ports, where EVIs and VRFs are.
    Marks: all routes of an element and its instances, which say what it takes; its lookups, which
    say what it sends by; its tunnel ports.
    """

    def __init__(self, tables: Tables, marks: Marks) -> None:
        self._elements = tables.elements
        self._bound = tables.bound
        self._evis = tables.evis
        self._vrfs = tables.vrfs
        self._marks = marks

    def changed(self, name: str) -> None:
        """Have the routes and the forwarding of an element follow its encapsulations."""
        if name not in self._elements.accepted:
            return
        self._marks.port_routes.mark_all(
            port_id for port_id, bound in self._bound.items() if bound.element == name
        )
        evis = [vni for vni, elements in self._evis.items() if name in elements]
        vrfs = [vni for vni, elements in self._vrfs.items() if name in elements]
        self._marks.evi_routes.mark_all((name, vni) for vni in evis)
        self._marks.vrf_routes.mark_all((name, vni) for vni in vrfs)
        self._marks.evi_settings.mark_all(evis)
        self._marks.vrf_settings.mark_all((name, vni) for vni in vrfs)
        self._marks.instances.mark_all((name, ("evi", vni)) for vni in evis)
        self._marks.instances.mark_all((name, ("vrf", vni)) for vni in vrfs)
        self._marks.tunnel_ports.mark(name)

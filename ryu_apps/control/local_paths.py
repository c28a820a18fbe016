"""Which paths the ports, EVIs and VRFs of our own vrouters have, published when they change."""

from __future__ import annotations

from collections.abc import Callable

from ryu_apps.control.elements.elements import Claim
from ryu_apps.control.graph.graph import Marks
from ryu_apps.control.outside.ways_out import WaysOut
from ryu_apps.control.ports.ports import Ports
from ryu_apps.control.routes import Path
from ryu_apps.control.tables import Tables
from ryu_apps.control.vpn.publish import Owner
from ryu_apps.control.vpn.released import Released
from ryu_apps.control.vpn.rib import BestChange
from ryu_apps.control.vpn.translate import (
    egresses,
    evi_paths,
    gateway_port_paths,
    port_paths,
    vrf_paths,
)
from vrouter_ovs.encapsulation import NATIVE


class LocalPaths:
    """``apply``: told of what changed in the RIB, after each owner: what it marks may decide the
    paths of the next one.

    Reads: bound and active ports, where EVIs and VRFs are present.
    Marks: the flood route of a port's network; by the RIB what depends on routes.
    Emits nothing: the publisher does.
    """

    def __init__(
        self,
        tables: Tables,
        marks: Marks,
        local_as: int,
        ports: Ports,
        released: Released,
        ways_out: WaysOut,
        apply: Callable[[list[BestChange]], None],
    ) -> None:
        self._tables = tables
        self._config = tables.config
        self._elements = tables.elements
        self._marks = marks
        self._asn = local_as
        self._ports = ports
        self._publisher = released.publisher
        self._released = released
        self._ways_out = ways_out
        self._apply = apply

    def release(self, element: str, now: float) -> None:
        """Another node is in charge of a vrouter: its paths go on until that announces them.  To be
        called while they still are ours."""
        owners = [owner for owner in self._publisher.owners() if self._element_of(owner) == element]
        self._apply(self._released.keep(element, owners, now))

    def _element_of(self, owner: Owner) -> str:
        """The element whose vrouter has what the owner announces; "" for a port that is about to
        leave it."""
        if owner[0] != "port":
            return owner[1]
        port_id = owner[1]
        bound = self._tables.bound.get(port_id)
        if bound is None or port_id not in self._config.ports:
            return ""
        claims = self._elements.claims.get(port_id, ())
        return bound.element if Claim(bound.element, bound.interface) in claims else ""

    def end_release(self, element: str) -> None:
        """What goes on of a vrouter that another node was given ends."""
        self._apply(self._released.end(element))

    def follow_sessions(self) -> None:
        """See :meth:`Released.follow_sessions`."""
        self._released.follow_sessions()

    def tick(self, now: float) -> None:
        """Time passed."""
        self._apply(self._released.tick(now))

    def _put(self, owner: Owner, paths: tuple[Path, ...]) -> None:
        self._apply(self._publisher.put(owner, paths))

    def publish_port(self, port_id: str) -> None:
        """The MAC/IP routes of a port: those of one that is active, as its switch has it."""
        bound = self._tables.bound.get(port_id)
        if bound is not None:
            self._marks.evi_routes.mark((bound.element, bound.evi))
            for one in bound.floating:
                self._marks.evi_routes.mark((bound.element, one.evi))
        paths: tuple[Path, ...] = ()
        if bound is not None and port_id in self._ports.moving:
            return  # Until the switch has it, what is sent to where it was finds a vrouter.
        if bound is not None and port_id in self._tables.active:
            if self._ports.is_pending(port_id):
                return  # The switch confirms the change first; then this is called again.
            here = self._elements.accepted[bound.element]
            sequence = self._ports.sequence(port_id, here.vtep)
            paths = tuple(
                path for egress in egresses(here.vtep, self._taken(bound.element, bound.evi))
                for path in port_paths(self._config, self._asn, bound, egress, sequence)
            )
        self._put(("port", port_id), paths)

    def _taken(self, element: str, vni: int) -> tuple[str, ...]:
        """How a vrouter takes frames of an EVI."""
        tunnels = self._elements.accepted[element].encapsulations
        return (*tunnels, NATIVE) if element in self._tables.taking.get(vni, ()) else tunnels

    def _is_active(self, element: str, vni: int) -> bool:
        ports = (
            *self._tables.present.get(vni, {}).get(element, ()),
            *(id for id, may_come in self._tables.floating.get(vni, {}).get(element, ())
              if not may_come),
        )
        return any(port_id in self._tables.active for port_id in ports)

    def publish_evi(self, key: tuple[str, int]) -> None:
        """The flood route of the EVI ``(element, VNI)``: as long as one of its ports is active."""
        element, vni = key
        instance = self._tables.instances.by_vni.get(vni)
        paths: tuple[Path, ...] = ()
        if instance is not None and self._is_active(element, vni):
            here = self._elements.accepted[element]
            paths = tuple(
                path for egress in egresses(here.vtep, self._taken(element, vni))
                for path in evi_paths(instance.spec, egress)
            )
        self._put(("evi", element, vni), paths)

    def publish_vrf(self, key: tuple[str, int]) -> None:
        """The prefixes of the VRF ``(element, VNI)`` where it is present.  Of its gateway port too,
        where that vrouter takes its frames."""
        element, vni = key
        instance = self._tables.instances.by_vni.get(vni)
        paths: tuple[Path, ...] = ()
        if instance is not None and element in self._tables.vrfs.get(vni, ()):
            further = self._ways_out.prefixes(element, vni)
            outside = self._ways_out.takes(element, vni)
            here = self._elements.accepted[element]
            paths = tuple(
                path for egress in egresses(here.vtep, here.encapsulations)
                for path in vrf_paths(self._config, instance.spec, egress, further)
            )
            if outside is not None and outside.evi in self._tables.instances.by_vni:
                evi = self._tables.instances.by_vni[outside.evi].spec
                paths += tuple(
                    path for egress in egresses(here.vtep, here.encapsulations)
                    for path in gateway_port_paths(
                        evi, outside.mac, outside.addresses, egress, outside.mobility)
                )
        self._put(("vrf", element, vni), paths)

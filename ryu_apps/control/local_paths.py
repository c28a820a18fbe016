"""Which paths the ports, EVIs and VRFs of our own vrouters have, published when they change."""

from __future__ import annotations

from collections.abc import Callable

from ryu_apps.control.config.config import Config
from ryu_apps.control.elements.elements import Elements
from ryu_apps.control.forwarding.presence import Presence
from ryu_apps.control.ports.bindings import Bindings
from ryu_apps.control.ports.ports import Ports
from ryu_apps.control.routes import Path
from ryu_apps.control.vpn.instances import Instances
from ryu_apps.control.vpn.publish import Owner, Publisher
from ryu_apps.control.vpn.released import Released
from ryu_apps.control.vpn.rib import BestChange
from ryu_apps.control.vpn.translate import evi_path, port_paths, vrf_paths


class LocalPaths:
    """``follow``: told of what changed in the RIB, after each owner: what it does may decide the
    paths of the next one."""

    def __init__(
        self,
        config: Config,
        local_as: int,
        elements: Elements,
        instances: Instances,
        bindings: Bindings,
        ports: Ports,
        presence: Presence,
        publisher: Publisher,
        released: Released,
        follow: Callable[[list[BestChange]], None],
    ) -> None:
        self._config = config
        self._asn = local_as
        self._elements = elements
        self._instances = instances
        self._bindings = bindings
        self._ports = ports
        self._presence = presence
        self._publisher = publisher
        self._released = released
        self._follow = follow
        self._evis: dict[tuple[str, int], None] = {}

    def settle(self) -> None:
        """Publish what the ports, EVIs and VRFs of our vrouters are now."""
        while self._ports.republish:
            port_id, _ = self._ports.republish.popitem()
            self._port(port_id)
        self._evis.update(self._ports.activity)
        self._ports.activity.clear()
        while self._evis:
            (element, vni), _ = self._evis.popitem()
            self._evi(element, vni)
        while self._presence.republish_vrfs:
            (element, vni), _ = self._presence.republish_vrfs.popitem()
            self._vrf(element, vni)

    def withdraw(self, element: str) -> None:
        """Nothing is present any more on a vrouter of ours; its ports have left it before."""
        owners = [owner for owner in self._publisher.owners() if owner[0] != "port"]
        for owner in owners:
            if owner[1] == element:
                self._put(owner, ())
        self.settle()

    def release(self, element: str, now: float) -> None:
        """Another node is in charge of a vrouter: its paths go on until that announces them.  To be
        called while they still are ours."""
        self._ports.resolve()
        self.settle()
        owners = [owner for owner in self._publisher.owners() if self._place(owner) == element]
        self._follow(self._released.keep(element, owners, now))

    def _place(self, owner: Owner) -> str:
        if owner[0] != "port":
            return owner[1]
        bound = self._ports.bound.get(owner[1])
        return bound.element if bound is not None else ""

    def end_release(self, element: str) -> None:
        """What goes on of a vrouter that another node was given ends."""
        self._follow(self._released.end(element))

    def tick(self, now: float) -> None:
        """Time passed."""
        self._follow(self._released.tick(now))

    def _put(self, owner: Owner, paths: tuple[Path, ...]) -> None:
        self._follow(self._publisher.put(owner, paths))

    def _port(self, port_id: str) -> None:
        bound = self._ports.bound.get(port_id)
        if bound is not None:
            self._evis[bound.element, bound.evi] = None
        paths: tuple[Path, ...] = ()
        if bound is not None and port_id in self._ports.active:
            if self._ports.is_pending(port_id):
                return  # The switch confirms the change first; then this is called again.
            vtep = self._elements.accepted[bound.element].vtep
            sequence = self._bindings.sequence(self._config.ports[port_id], vtep)
            paths = port_paths(self._config, self._asn, bound, vtep, sequence)
        self._put(("port", port_id), paths)

    def _is_active(self, element: str, vni: int) -> bool:
        ports = self._ports.present.get(vni, {}).get(element, ())
        return any(port_id in self._ports.active for port_id in ports)

    def _evi(self, element: str, vni: int) -> None:
        instance = self._instances.by_vni.get(vni)
        paths: tuple[Path, ...] = ()
        if instance is not None and self._is_active(element, vni):
            paths = (evi_path(instance.spec, self._elements.accepted[element].vtep),)
        self._put(("evi", element, vni), paths)

    def _vrf(self, element: str, vni: int) -> None:
        instance = self._instances.by_vni.get(vni)
        paths: tuple[Path, ...] = ()
        if instance is not None and element in self._presence.vrfs.get(vni, ()):
            vtep = self._elements.accepted[element].vtep
            paths = vrf_paths(self._config, instance.spec, vtep)
        self._put(("vrf", element, vni), paths)

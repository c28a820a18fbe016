"""Mirrors: where copies of what the ports here send and receive go, and by which port of the
switch.

A tap mirror's copies leave by a tunnel port of their own, to the collector.  A tap flow's go to the
port of its tap service: on the same vrouter at once, else by the tunnel to the vrouter that the
route of the port's MAC names, with the VNI of the tap service.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from ryu_apps.control.config.model import TapMirror, TapService
from ryu_apps.control.config.resources.mirrors.tap_flow import IN, OUT
from ryu_apps.control.elements.elements import MAX_VTEPS, Element
from ryu_apps.control.messages import Notice
from ryu_apps.control.tables import Tables
from ryu_apps.control.vpn.instance import Lookup
from vrouter_ovs.encapsulation import ENCAPSULATIONS, MPLS_GRE
from vrouter_ovs.state import (
    Copy,
    Endpoint,
    Mirroring,
    PortMirror,
    TapPort,
    TunnelPort,
    collector,
)

SCOPE = ("mirrors",)
"""The scope of all that a vrouter has for mirrors."""


@dataclass
class _Wanted:
    """What one port's mirrors need on the vrouter ``element``.  ``collectors``: the tunnel ports to
    collectors; ``tunnels``: the endpoints at other vrouters; ``lookups``: what was asked for."""

    element: str
    sends: dict[Copy, None] = field(default_factory=dict)
    receives: dict[Copy, None] = field(default_factory=dict)
    collectors: dict[Endpoint, TunnelPort] = field(default_factory=dict)
    tunnels: dict[Endpoint, None] = field(default_factory=dict)
    lookups: dict[Lookup, None] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def is_any(self) -> bool:
        """Whether there are copies, or will be when there is a tunnel."""
        return bool(self.sends or self.receives or self.tunnels)


class Mirrors:
    """Reads: the configuration, bound ports, elements with their tunnels, routes, desired state.
    Marks nothing.  Emits Notice, appended to ``effects``.

    ``tables.mirrored``, ``tables.watched``: what has to be computed again when a tunnel port or a
    lookup changes."""

    def __init__(self, tables: Tables, effects: list) -> None:
        self._config = tables.config
        self._bound = tables.bound
        self._elements = tables.elements
        self._instances = tables.instances
        self._desired = tables.desired
        self._mirrored = tables.mirrored
        self._watched = tables.watched
        self._effects = effects
        self._placed: dict[str, _Wanted] = {}
        """Port id -> what its mirrors have."""
        self._users: dict[tuple[str, object], dict[str, None]] = {}
        """(element, endpoint of a collector, or IN) -> the ports whose mirrors need it."""
        self._taps: dict[str, dict[int, str]] = {}
        """Port id -> VNIs of the tap services that it has -> the element that it is at."""
        self.problems: dict[str, list[str]] = {}
        """Port id -> why some of its copies go nowhere, in words."""

    def resolve(self, port_id: str) -> None:
        """Bring in line what is copied from a port, and to it."""
        self._resolve_source(port_id)
        self._resolve_target(port_id)
        for service_id in self._config.tap_services_by_port.get(port_id, ()):
            for flow_id in self._config.tap_flows_by_service.get(service_id, ()):
                self._resolve_source(self._config.tap_flows[flow_id].source_port)

    def is_used(self) -> bool:
        """Whether a port here is mirrored."""
        return bool(self._placed)

    def remove_element(self, name: str) -> None:
        """An element was forgotten, with all that it had."""
        for port_id in [one for one, placed in self._placed.items() if placed.element == name]:
            self._unuse(port_id, self._placed.pop(port_id))
        for taps in self._taps.values():
            for vni in [vni for vni, element in taps.items() if element == name]:
                del taps[vni]

    # ------------------------------------------------------------ ports that copies go to

    def _resolve_target(self, port_id: str) -> None:
        bound, wanted = self._bound.get(port_id), {}
        if bound is not None and bound.element in self._elements.accepted and not bound.vlan:
            for service_id in self._config.tap_services_by_port.get(port_id, ()):
                vni = self._config.tap_services[service_id].vni
                wanted[vni] = bound.element
                self._desired.put(bound.element, SCOPE, TapPort(vni, bound.ofport))
        for vni, element in self._taps.pop(port_id, {}).items():
            if wanted.get(vni) != element:
                self._desired.delete(element, SCOPE, ("tap", vni))
        if wanted:
            self._taps[port_id] = wanted

    # ------------------------------------------------------------ ports that copies are made of

    def _resolve_source(self, port_id: str) -> None:
        old, new = self._placed.pop(port_id, None), self._wanted(port_id)
        if new is not None:
            bound = self._bound[port_id]
            self._placed[port_id] = new
            self._use(port_id, new)
            for port in new.collectors.values():
                self._desired.put(new.element, SCOPE, port)
            if new.receives:
                self._desired.put(new.element, SCOPE, Mirroring())
            if new.is_any():
                self._desired.put(new.element, SCOPE, PortMirror(
                    port_id, bound.ofport, tuple(new.sends), tuple(new.receives),
                    tuple(new.tunnels),
                ))  # fmt: skip
        if old is not None:
            if new is None or new.element != old.element or not new.is_any():
                self._desired.delete(old.element, SCOPE, ("mirror", port_id))
            self._unuse(port_id, old, new)
        self._tell(port_id, new.problems if new is not None else [])

    def _use(self, port_id: str, wanted: _Wanted) -> None:
        self._mirrored.setdefault(wanted.element, {})[port_id] = None
        for lookup in wanted.lookups:
            self._watched.setdefault(lookup, {})[port_id] = None
        for what in _shared(wanted):
            self._users.setdefault((wanted.element, what), {})[port_id] = None

    def _unuse(self, port_id: str, old: _Wanted, new: _Wanted | None = None) -> None:
        """What a port needs no longer, and nobody else does, goes."""
        same = new is not None and new.element == old.element
        if not same:
            _remove(self._mirrored, old.element, port_id)
        for lookup in old.lookups:
            if new is None or lookup not in new.lookups:
                _remove(self._watched, lookup, port_id)
        for what in _shared(old):
            if same and what in set(_shared(new)):
                continue
            if _remove(self._users, (old.element, what), port_id):
                item = Mirroring() if what == IN else old.collectors[what]
                if old.element in self._desired.objects:
                    self._desired.delete(old.element, SCOPE, item.key)

    def _tell(self, port_id: str, problems: list[str]) -> None:
        if problems == self.problems.get(port_id, []):
            return
        if problems:
            self.problems[port_id] = problems
            for text in problems:
                self._effects.append(Notice("warning", f"port {port_id}", text))
        else:
            del self.problems[port_id]

    def _wanted(self, port_id: str) -> _Wanted | None:
        """None: no mirror of it is to be anywhere here."""
        config, bound = self._config, self._bound.get(port_id)
        mirrors = sorted(config.tap_mirrors_by_port.get(port_id, ()))
        flows = sorted(config.tap_flows_by_port.get(port_id, ()))
        if bound is None or not (mirrors or flows):
            return None
        element = self._elements.accepted.get(bound.element)
        if element is None:
            return None
        wanted = _Wanted(bound.element)
        if bound.vlan:
            wanted.problems.append(f"port {port_id}: nothing of a trunk's subport is copied")
            return wanted
        for mirror_id in mirrors:
            self._to_collector(element, config.tap_mirrors[mirror_id], wanted)
        for flow_id in flows:
            flow = config.tap_flows[flow_id]
            service = config.tap_services.get(flow.tap_service_id)
            copy = self._to_port(element, service, wanted) if service is not None else None
            if copy is not None:
                if flow.direction != IN:
                    wanted.sends[copy] = None
                if flow.direction != OUT:
                    wanted.receives[copy] = None
        return wanted

    def _to_collector(self, element: Element, mirror: TapMirror, wanted: _Wanted) -> None:
        what = f"tap mirror {mirror.id}: nothing is copied to {mirror.remote_ip}"
        if mirror.remote_ip in self._elements.by_vtep:
            # In the tunnel of two hypervisors it would pass for what one sends the other.
            wanted.problems.append(f"{what}, which is a hypervisor's own address")
            return
        is_ipv6 = ":" in mirror.remote_ip
        local = next((one for one in element.info.vteps if (":" in one) == is_ipv6), "")
        if not local:
            family = "IPv6" if is_ipv6 else "IPv4"
            wanted.problems.append(
                f"{what}: hypervisor {element.info.hostname} has no {family} address in the "
                "underlay"
            )
            return
        for session, copies in (
            (mirror.session_out, wanted.sends), (mirror.session_in, wanted.receives)
        ):
            if not session:
                continue
            endpoint = collector(mirror.remote_ip, mirror.mirror_type, session)
            wanted.collectors[endpoint] = TunnelPort(endpoint, local, mirror.remote_ip)
            status = element.tunnels.get(endpoint)
            if status is not None and status.ofport > 0:
                copies[Copy(status.ofport)] = None

    def _to_port(
        self, element: Element, service: TapService, wanted: _Wanted
    ) -> Copy | None:
        """How copies get to the port of a tap service; None: they do not, as it is nowhere, or
        there is no tunnel yet."""
        bound = self._bound.get(service.port_id)
        name = element.info.element
        if bound is not None and bound.vlan:
            wanted.problems.append(
                f"tap service {service.id}: nothing is copied to a trunk's subport"
            )
            return None
        if bound is not None and bound.element == name:
            return Copy(bound.ofport)
        vtep = self._vtep_of(service, wanted)
        if not vtep or vtep == element.vtep:
            return None
        encaps = [
            one for one in self._elements.encapsulations_with(name, vtep) if one != MPLS_GRE
        ]
        if not encaps:
            wanted.problems.append(
                f"tap service {service.id}: nothing is copied to {vtep}, as MPLS alone leads there"
            )
            return None
        endpoint = Endpoint(vtep, encaps[0])
        wanted.tunnels[endpoint] = None
        found = [
            status for path in range(MAX_VTEPS)
            if (status := element.tunnels.get(endpoint._replace(path=path))) is not None
            and status.ofport > 0
        ]
        if not found:
            return None
        best = next((status for status in found if status.bfd == "up"), found[0])
        return Copy(best.ofport, service.vni << ENCAPSULATIONS[encaps[0]].ovs.key_shift)

    def _vtep_of(self, service: TapService, wanted: _Wanted) -> str:
        """The vrouter that has the port of a tap service, by the route of its MAC; "" where it is
        at none of this system."""
        port = self._config.ports.get(service.port_id)
        network = self._config.networks.get(port.network_id) if port is not None else None
        if network is None:
            return ""
        lookup = ("mac", network.vni, port.mac_address)
        wanted.lookups[lookup] = None
        instance = self._instances.by_vni.get(network.vni)
        path = self._instances.best(instance.macs.get(port.mac_address, ())) if instance else None
        return path.attrs.next_hop if path is not None and (
            path.attrs.next_hop in self._elements.by_vtep
        ) else ""


def _shared(wanted: _Wanted) -> Iterator[object]:
    """What several ports of a vrouter may need."""
    yield from wanted.collectors
    if wanted.receives:
        yield IN


def _remove(index: dict, key: object, port_id: str) -> bool:
    """Whether nobody is left at ``key``."""
    members = index[key]
    del members[port_id]
    if members:
        return False
    del index[key]
    return True

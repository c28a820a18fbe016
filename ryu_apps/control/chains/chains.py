"""Service chains on each vrouter: what its ports send into services, and the instances of these."""

from __future__ import annotations

from ryu_apps.control.config.config import Config
from ryu_apps.control.config.service_chains.plan import (
    Service,
    ports_of,
    services_of,
    stand_in,
    steering_of,
)
from ryu_apps.control.forwarding.ways import Ways, remote_mac
from ryu_apps.control.tables import Tables
from ryu_apps.control.vpn.instance import Lookup
from vrouter_ovs.state import ServiceInstance, Steering

SCOPE = ("steering",)


class Chains:
    """Reads: the configuration, bound ports, routes to MACs, which VTEPs are in reach.
    Marks nothing.  Emits nothing: what it computes is desired state."""

    def __init__(self, tables: Tables) -> None:
        self._config: Config = tables.config
        self._bound = tables.bound
        self._elements = tables.elements
        self._instances = tables.instances
        self._desired = tables.desired
        self._ways = Ways(tables.instances)
        self._lookups: dict[str, list[Lookup]] = {}
        """Chain -> the MACs of its ports."""
        self._watching: dict[Lookup, dict[str, None]] = {}
        """MAC -> chains that have to do with its port."""
        self._placed: dict[str, dict[str, str]] = {}
        """Chain -> port -> the element where it sends into the chain."""

    def watching(self, lookup: Lookup) -> dict[str, None]:
        """The chains to resolve when what this lookup gives may be another."""
        return self._watching.get(lookup, {})

    def resolve(self, chain_id: str) -> None:
        """Bring the objects of a chain in line wherever one of its ports is."""
        chain = self._config.port_chains.get(chain_id)
        ports = ports_of(self._config, chain) if chain is not None else set()
        services = [one for _, _, one in services_of(self._config, chain)] if chain else []
        numbers = {one.number for one in services}
        self._watch(chain_id, ports)
        before = self._placed.get(chain_id, {})
        after: dict[str, str] = {}
        for port_id in sorted(before.keys() | ports):
            steered = steering_of(self._config, port_id)
            bound = self._bound.get(port_id)
            if bound is None or not steered:
                self._take_away(before.get(port_id, ""), port_id)
                continue
            if before.get(port_id, bound.element) != bound.element:
                self._take_away(before[port_id], port_id)
            self._desired.put(bound.element, SCOPE, Steering(port_id, bound.ofport, steered))
            if any(one.service in numbers for one in steered):
                after[port_id] = bound.element
        self._place(chain_id, services, set(before.values()), set(after.values()))
        if after:
            self._placed[chain_id] = after
        else:
            self._placed.pop(chain_id, None)

    def _take_away(self, element: str, port_id: str) -> None:
        if element in self._elements.accepted:
            self._desired.delete(element, SCOPE, ("steering", port_id))

    def _watch(self, chain_id: str, ports: set[str]) -> None:
        for lookup in self._lookups.pop(chain_id, ()):
            self._watching[lookup].pop(chain_id, None)
            if not self._watching[lookup]:
                del self._watching[lookup]
        found = [lookup for port_id in ports if (lookup := self._lookup(port_id)) is not None]
        if found:
            self._lookups[chain_id] = found
        for lookup in found:
            self._watching.setdefault(lookup, {})[chain_id] = None

    def _lookup(self, port_id: str) -> Lookup | None:
        port = self._config.ports.get(port_id)
        network = self._config.networks.get(port.network_id) if port is not None else None
        return ("mac", network.vni, port.mac_address) if network is not None else None

    def _place(
        self, chain_id: str, services: list[Service], before: set[str], after: set[str]
    ) -> None:
        scope = ("chain", chain_id)
        for element in before - after:
            if element in self._elements.accepted:
                self._desired.drop_scope(element, scope)
        for element in after:
            wanted = {
                item.key: item for service in services
                for item in self._instances_at(element, service)
            }
            for key in self._desired.keys(element, scope):
                if key not in wanted:
                    self._desired.delete(element, scope, key)
            for item in wanted.values():
                self._desired.put(element, scope, item)

    def _instances_at(self, element: str, service: Service) -> list[ServiceInstance]:
        """The instances of a service as one element reaches them; what is for one that nobody has
        goes to another."""
        live: dict[int, ServiceInstance] = {}
        found: dict[str, ServiceInstance | None] = {}
        for number, port_id in enumerate(service.instances):
            if port_id not in found:
                found[port_id] = self._at(element, port_id)
            item = found[port_id]
            if item is not None:
                live[number] = item
        made = []
        for number in range(len(service.instances) or 1):
            item = live[stand_in(service.number, number, live)] if live else None
            made.append(ServiceInstance(
                service.number, number, item.mac if item else "", item.ofport if item else 0,
                item.remote if item else None,
            ))
        return made

    def _at(self, element: str, port_id: str) -> ServiceInstance | None:
        """How an element reaches the port of an instance; None where nobody has it, or it is out of
        reach."""
        lookup = self._lookup(port_id)
        if lookup is None:
            return None
        _, vni, mac = lookup
        bound = self._bound.get(port_id)
        if bound is not None and bound.element == element:
            return ServiceInstance(0, 0, bound.mac, bound.ofport)
        here = self._elements.accepted[element]
        instance = self._instances.by_vni.get(vni)
        path = self._ways.best(
            instance.macs.get(mac, ()) if instance is not None else (), here.encapsulations
        )
        if path is None or path.attrs.next_hop in {here.vtep, *here.unreachable}:
            return None
        remote = remote_mac(vni, mac, path, here.encapsulations)
        return ServiceInstance(0, 0, mac, 0, remote.hops[0]) if remote is not None else None



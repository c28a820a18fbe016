"""The uplink bridges of this node's hypervisors through which LLDP can be spoken."""

from __future__ import annotations

from ryu_apps.connections.port_number import port_number
from ryu_apps.control.elements.elements import Element
from ryu_apps.control.kinds import OvsFacts, Uplink
from ryu_apps.control.world import World
from ryu_apps.southbound.neighbours.service import UplinkBridge, UplinkPort
from vrouter_ovs.proxies.lldp import Neighbour


def bridges(world: World) -> list[UplinkBridge]:
    """Of each element those that wait for controllers at the address from which the
    element connected: no other host is connected to because a database says so.  Whether the
    database is connected at the moment does not matter."""
    found = []
    for name, element in world.elements.accepted.items():
        facts = element.info.facts
        if not isinstance(facts, OvsFacts):
            continue
        by_bridge: dict[str, list[Uplink]] = {}
        for uplink in facts.uplinks:
            if uplink.service and uplink.ofport > 0:
                by_bridge.setdefault(uplink.bridge, []).append(uplink)
        for bridge, uplinks in by_bridge.items():
            target = target_of(uplinks[0].service, element.info.address)
            if target is not None:
                ports = tuple(UplinkPort(one.name, one.ofport, one.mac) for one in uplinks)
                found.append(UplinkBridge(name, bridge, target, ports, _said(element, facts)))
    return found


def target_of(service: str, address: str) -> tuple[str, int] | None:
    """Where "ptcp:PORT" or "ptcp:PORT:ADDRESS" is connected to; None where that is elsewhere."""
    _, _, rest = service.partition(":")
    text, _, where = rest.partition(":")
    number = port_number(text) if text else None
    return (address, number) if number and where in ("", "0.0.0.0", address) else None


def _said(element: Element, facts: OvsFacts) -> Neighbour:
    info = element.info
    return Neighbour(
        info.element, "", 0,
        system_name=info.hostname or info.element,
        system_description=f"Open vSwitch {facts.ovs_version}".strip(),
        capabilities=("bridge", "router"), management=info.vteps,
    )

"""The hypervisors of the system and the nodes that own them, read from a World."""

from __future__ import annotations

from typing import Any

from ryu_apps.control.translate import BoundPort
from ryu_apps.control.world import World
from ryu_apps.northbound.base import Remote


def elements(world: World) -> list[dict[str, Any]]:
    """All of them: our own with what is plugged in, and those that we refused."""
    found = []
    bound: dict[str, list[BoundPort]] = {}
    for port in world.ports.bound.values():
        bound.setdefault(port.element, []).append(port)
    for name, record in sorted(world.elements.records.items()):
        one = {
            "id": name, **record, "mine": name in world.elements.accepted,
            "connected": record["connected"]
            and (record["owner"] in world.peers.nodes or record["owner"] == world.settings.node),
        }
        element = world.elements.accepted.get(name)
        if element is not None:
            one |= {
                "router_mac": element.router_mac,
                "settled": element.settled,
                "reason": element.reason,
                "ports": [
                    {"id": port.port_id, "interface": port.interface, "ofport": port.ofport}
                    for port in bound.get(name, ())
                ],
                "tunnels": [
                    {"vtep": status.vtep, "ofport": status.ofport, "bfd": status.bfd,
                     "error": status.error}
                    for status in element.tunnels.values()
                ],
            }
        found.append(one)
    for info, reason in world.elements.refused.values():
        found.append({
            "id": info.element, "element": info.element, "hostname": info.hostname,
            "vtep": info.vtep, "address": info.address, "owner": world.settings.node,
            "mine": False, "connected": False, "refused": reason,
        })
    return found


def owner(world: World, element: str) -> Remote | None:
    """The node that owns an element; None: this one, or one that is away.  KeyError: unknown."""
    if element in world.elements.accepted:
        return None
    name = world.elements.records[element]["owner"]
    node = world.peers.nodes.get(name)
    if name == world.settings.node or node is None:
        return None
    return Remote(name, node["url"])


def check_forgettable(world: World, element: str) -> None:
    """KeyError for an unknown element, ValueError for one that is connected."""
    known = world.elements.records[element]
    accepted = world.elements.accepted.get(element)
    if (accepted is not None and accepted.session is not None) or (
        known["connected"] and known["owner"] in world.peers.nodes and accepted is None
        and known["owner"] != world.settings.node
    ):
        raise ValueError("its OVSDB session is up")


def nodes(world: World, own: dict[str, Any]) -> list[dict[str, Any]]:
    """The nodes, also those that are away but own elements.  ``own``: this node's record."""
    records = {**world.peers.nodes, own["node"]: {**world.peers.nodes.get(own["node"], {}), **own}}
    owned: dict[str, int] = {}
    for record in world.elements.records.values():
        owned[record["owner"]] = owned.get(record["owner"], 0) + 1
    for name in owned.keys() - records.keys():
        records[name] = {"node": name}
    return [
        {**record, "alive": name in world.peers.nodes or name == own["node"],
         "elements": owned.get(name, 0), "self": name == own["node"]}
        for name, record in sorted(records.items())
    ]  # fmt: skip

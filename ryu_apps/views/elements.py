"""The hypervisors of the system and the nodes that own them, read from a World."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from itertools import islice
from typing import Any

from ryu_apps.control.elements.elements import record
from ryu_apps.control.kinds import Facts, OvsFacts, is_gateway
from ryu_apps.control.vpn.translate import BoundPort
from ryu_apps.control.world import World
from ryu_apps.northbound.base import Remote
from ryu_apps.views import owners

MAX_REFUSED = 1000
"""Refused sessions that are shown; the newest are left out."""
MAX_UNKNOWN = 100
"""Interfaces of one element that are shown because no port has their iface-id."""
NO_CONNECTION_LIMIT = (
    "the schema of its database has no limit of the connections of a port (Open vSwitch 3.4 has): "
    "set [openflow] new_connections, or run on it after each start of ovs-vswitchd: "
    "ovs-appctl dpctl/ct-set-limits default=65536"
)


def elements(world: World, names: Iterable[str]) -> list[dict[str, Any]]:
    """Those that there still are, our own with what is plugged in.

    ``state``: "connected" or "disconnected".  Of the owner: see :func:`owners.owner`.
    ``next_hop``: the address that its routes are announced with.  ``unreachable``: VTEPs of other
    hypervisors that no underlay path leads to from it, by BFD.
    """
    found = []
    bound: dict[str, list[BoundPort]] = {name: [] for name in names}
    if not bound.keys().isdisjoint(world.elements.accepted):
        for port in world.ports.bound.values():
            if port.element in bound:
                bound[port.element].append(port)
    for name in names:
        value = world.elements.records.get(name)
        if value is None:
            continue
        one = {
            "id": name, **value, **owners.owner(world, name),
            "mine": name in world.elements.accepted, "gateway": is_gateway(value),
            "connected": value["connected"]
            and (value["owner"] in world.peers.nodes or value["owner"] == world.settings.node),
        }
        one["state"] = "connected" if one["connected"] else "disconnected"
        element = world.elements.accepted.get(name)
        if element is not None:
            one |= {
                "router_mac": element.router_mac,
                "settled": element.settled,
                "reason": element.reason,
                **_of_kind(element.info.facts),
                "ports": [
                    {"id": port.port_id, "interface": port.interface, "ofport": port.ofport}
                    for port in bound[name]
                ],
                "next_hop": world.announced.of(element),
                "unreachable": list(element.unreachable),
                "tunnels": [
                    {**status.endpoint._asdict(), "ofport": status.ofport, "bfd": status.bfd,
                     "error": status.error, "egress": status.egress}
                    for status in element.tunnels.values()
                ],
                "unknown_ports": [
                    {"interface": row.name, "iface_id": row.iface_id}
                    for row in world.membership.interfaces.unknown_ports.of(element)[:MAX_UNKNOWN]
                ],
            }
        found.append(one)
    return found


def _of_kind(facts: Facts) -> dict[str, Any]:
    """What is shown of elements of this kind alone.

    ``connections_per_port``: ``limit`` is how many connections the database lets a port have, 0:
    any number, None: it cannot say; ``reason``: why, and what helps.  ``uplinks``: its physical
    ports; ``attachments``: its bridge mappings, with what is wrong with one; ``capabilities``: what
    its Open vSwitch can do.
    """
    if not isinstance(facts, OvsFacts):
        return {}
    limit = facts.connection_limit
    reason = NO_CONNECTION_LIMIT if limit is None else ""
    capabilities = asdict(facts.capabilities) | {"features": dict(facts.capabilities.features)}
    return {
        "connections_per_port": {"limit": limit, "reason": reason},
        "uplinks": [asdict(uplink) for uplink in facts.uplinks],
        "attachments": [asdict(one) for one in facts.attachments],
        "capabilities": capabilities,
    }


def refused(world: World, now: float) -> list[dict[str, Any]]:
    """The sessions that may not join here: ``state`` is "refused", and ``id`` has the address where
    the system-id is another's.  ``now``: by the core's clock."""
    found = []
    for session, known in islice(world.elements.refused.items(), MAX_REFUSED):
        if known.standby:
            continue
        taken = not known.element or known.element in world.elements.records
        shown = dict.fromkeys(("identity", "ovs_version", "datapath_id"), "")
        if known.info is not None:
            shown = record(known.info, world.settings.node, False)
        found.append({
            "id": f"{known.element}@{known.address}" if taken else known.element,
            **shown,
            "element": known.element, "hostname": known.hostname, "vtep": known.vtep,
            "address": known.address, "owner": world.settings.node, "mine": False,
            "connected": False, "state": "refused", "refused": known.reason,
            "session": session, "seconds": round(now - known.since, 1),
        })
    return found


def owner(world: World, element: str) -> Remote | None:
    """The node that owns an element; None: this one, or one that is away.  KeyError: unknown."""
    if element in world.elements.accepted:
        return None
    if element not in world.elements.records:
        raise KeyError(element)
    name = world.elements.owner_of(element)
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

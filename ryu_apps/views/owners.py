"""Which node is in charge of which element, and who else could be, read from a World."""

from __future__ import annotations

from collections import Counter
from typing import Any

from ryu_apps.control.ownership.load import BARE
from ryu_apps.control.ownership.records import weight_of
from ryu_apps.control.world import World


def owner(world: World, name: str) -> dict[str, Any]:
    """``owner``, ``epoch``, ``why``, ``since``: the record of the element's owner; ``pin``: the
    node that an operator wants it at; ``standby``: the nodes that could take it over, ``warm``
    where they know it already."""
    elements = world.elements
    records, own = elements.ownership, world.settings.node
    in_charge = elements.owner_of(name)
    shown: dict[str, Any] = {"owner": in_charge, "epoch": 0, "why": "", "since": "",
                             "load": records.loads.get(name, 0)}
    record = records.owners.get(name)
    if record is not None and record.owner == in_charge:
        shown |= {"epoch": record.epoch, "why": record.why, "since": record.since}
    if name in records.pins:
        shown["pin"] = records.pins[name]
    standby = {
        node: {"node": node, "warm": reach.warm, "reason": f"standby: owned by {in_charge}"}
        for node, reach in records.reach.get(name, {}).items()
        if node != in_charge and (node in elements.nodes or node == own)
    }
    for known in elements.refused.values():
        if known.standby and known.element == name and own != in_charge:
            standby.setdefault(own, {"node": own, "warm": False})
            standby[own]["reason"] = f"standby: {known.reason}"
    if standby:
        shown["standby"] = [standby[node] for node in sorted(standby)]
    return shown


def nodes(world: World, own: dict[str, Any]) -> list[dict[str, Any]]:
    """The nodes, also those that are away but own elements.  ``own``: this node's record.

    ``elements``: how many a node owns; ``units``: the load of these; ``share``: that as a multiple
    of the node's part by weight, None for one that takes no part; ``leaving``: how many of its
    elements have another owner already, or are to be moved.
    """
    records, name = world.elements.ownership, own["node"]
    found = {**world.peers.nodes, name: {**world.peers.nodes.get(name, {}), **own}}
    owned: Counter[str] = Counter()
    units: Counter[str] = Counter()
    for element in world.elements.records.keys() | records.owners.keys():
        if node := world.elements.owner_of(element):
            owned[node] += 1
            units[node] += records.loads.get(element, BARE)
    plan = world.assignment.plan()
    for node in owned.keys() - found.keys():
        found[node] = {"node": node}
    shown = []
    for node, record in sorted(found.items()):
        draining = node in records.draining
        shown.append({
            **record,
            "alive": node in world.peers.nodes or node == name,
            "self": node == name,
            "elements": owned[node], "units": units[node], "weight": weight_of(record),
            "draining": draining,
            "share": round(float(plan.shares(node)), 2) if node in plan.loads else None,
            "why": _why(world, node, owned[node]) if draining else "",
        })
    return shown


def _why(world: World, node: str, owned: int) -> str:
    """What the elements of a node that is being drained wait for."""
    if not owned:
        return "drained"
    elements = world.elements
    records = elements.ownership
    stuck = [
        name for name, one in records.owners.items() if one.owner == node and not any(
            reach.warm for other, reach in records.reach.get(name, {}).items()
            if other != node and other in elements.nodes and other not in records.draining
        )
    ]
    text = f"being drained, {owned} left"
    if stuck:
        text += f"; no other node is ready for {', '.join(sorted(stuck)[:3])}"
        text += f" and {len(stuck) - 3} more" if len(stuck) > 3 else ""
    return text

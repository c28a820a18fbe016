"""Whether the ports of this node's hypervisors are held to their limits."""

from __future__ import annotations

from collections.abc import Iterator

from ryu_apps.control.world import World
from ryu_apps.views.health import Check, Sources
from vrouter_ovs.state import Limits, MeterPool
from vrouter_ovs.state.limits import is_limit_meter

NAMED = 3
"""So many ports are named."""


def checks(sources: Sources) -> Iterator[Check]:
    yield sources.world(of)


def of(world: World) -> Check:
    """The check of one World: a switch may have no such meter, or no more of them."""
    texts: dict[str, str] = {}
    for element, one in world.elements.accepted.items():
        for key, reason in one.confirmations.refusals.items():
            item = world.desired.get(element, key)
            if type(item) is MeterPool and is_limit_meter(item.first):
                port = item.name.split()[0]
            elif type(item) is Limits:
                port = item.port_id
            else:
                continue
            # The meter says why, and its flows that there is none.
            if type(item) is MeterPool or port not in texts:
                texts[port] = f"port {port} at {one.info.hostname}: {reason}"
    if not texts:
        return Check("limits", True, "every port is held to its limits")
    shown = "; ".join(texts[port] for port in sorted(texts)[:NAMED])
    more = f" and {len(texts) - NAMED} more" if len(texts) > NAMED else ""
    return Check("limits", False, f"{len(texts)} ports are not held to their limits: {shown}{more}")

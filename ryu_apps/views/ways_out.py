"""The ways out of routers, and what gateways refused, read from a World."""

from __future__ import annotations

from typing import Any

from ryu_apps.control.outside.way_out import WayOut
from ryu_apps.control.world import World
from vrouter_ovs.cookies import cookie
from vrouter_ovs.state import GatewayPort, NatRefusals


def way_out(world: World, router_id: str) -> dict[str, Any] | None:
    """What a router sends outside, and by which hypervisors; None where it has no way out."""
    way = world.ways_out.ways.get(router_id)
    if way is None:
        return None
    return {
        "router": router_id, "vrf": way.vrf, "external_evi": way.evi, "mac": way.mac,
        "addresses": list(way.addresses), "snat": way.snat, "zone": way.zone,
        "next_hops": dict(way.next_hops), "order": list(way.gateways),
    }


def gateways(world: World, router_id: str) -> list[dict[str, Any]]:
    """The gateways of a router among our own hypervisors: ``alive_before``, those that come before
    it as far as it sees; ``cookie``: of what counts refusals, 0 where nothing is translated."""
    way = world.ways_out.ways.get(router_id)
    found = []
    for name in way.gateways if way is not None else ():
        element = world.elements.accepted.get(name)
        item = world.desired.get(name, ("gatewayport", way.evi, way.mac)) if element else None
        if type(item) is not GatewayPort:
            continue
        found.append({
            "element": name, "host": element.info.hostname,
            "before": [one.hop.endpoint.vtep for one in item.before],
            "after": [one.hop.endpoint.vtep for one in item.after],
            "next_routers": next_routers(world, name, way),
            "cookie": cookie(NatRefusals(way.vrf).key) if item.snat else 0,
        })
    return found


def next_routers(world: World, element: str, way: WayOut) -> dict[str, str]:
    """Default route -> MAC of the router that it leads to at a gateway, "" where nobody is known to
    have its address."""
    found = {}
    for prefix, _ in way.next_hops:
        route = world.desired.get(element, ("route", way.vrf, prefix))
        last = route.hops[-1] if route is not None and route.hops else None
        found[prefix] = getattr(last, "gateway_mac", "") and last.mac
    return found

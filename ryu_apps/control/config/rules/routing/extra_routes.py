"""Rules for the extra routes of routers (Networking API v2.0, "Extra route")."""

from __future__ import annotations

import ipaddress
from typing import Any

from ryu_apps.control.config.attachments import gateway_ports, router_interfaces
from ryu_apps.control.config.model import ExtraRoute, FixedIp, Router, Subnet
from ryu_apps.control.config.rules.addresses import invalid, not_a_host, parse_host
from ryu_apps.control.config.rules.draft import (
    Context,
    Draft,
    RuleError,
    bad_request,
    check_revision,
    conflict,
)

MAX_ROUTES = 30
"""Of one router."""


def parsed(draft: Draft, router: Router, values: list[dict[str, str]]) -> tuple[ExtraRoute, ...]:
    """The routes that a router is to have, in order.

    Raises RuleError: 400 for what is no route, a next hop that is on none of the router's subnets
    or is its own address; 409 for too many.
    """
    found = [_route(value) for value in values]
    for route in found:
        if found.count(route) > 1:
            raise invalid("routes", f"Duplicate hostroute '{route.destination} {route.nexthop}'")
    if len(found) > MAX_ROUTES:
        raise conflict(
            "OverQuota",
            f"Quota exceeded for resources: ['router_route']: a router has at most {MAX_ROUTES}.",
        )
    if found:
        _check(draft, router, found)
    return tuple(sorted(found, key=lambda route: (route.destination, route.nexthop)))


def _route(value: dict[str, str]) -> ExtraRoute:
    try:
        net = ipaddress.ip_network(value["destination"], strict=False)
    except ValueError as error:
        raise invalid("routes", f"'{value['destination']}' is not a valid IP subnet") from error
    if "/" not in value["destination"] or "%" in value["destination"]:
        raise invalid(
            "routes",
            f"'{value['destination']}' isn't a recognized IP subnet cidr, '{net}' is recommended",
        )
    why = not_a_host(net)
    if why or (net.is_link_local and net.version == 6):
        raise invalid("routes", f"nothing is routed to '{net}', which is {why or 'of one link'}")
    return ExtraRoute(str(net), parse_host(value["nexthop"], net.version, "routes"))


def _check(draft: Draft, router: Router, routes: list[ExtraRoute]) -> None:
    config = draft.config
    fixed = _addresses(draft, router)
    own = {one.ip_address for one in fixed}
    nets = [config.subnets[one.subnet_id].net for one in fixed]
    for route in routes:
        address = ipaddress.ip_address(route.nexthop)
        if not any(address in net for net in nets):
            raise _refused(route, "the nexthop is not connected with router")
        if route.nexthop in own:
            raise _refused(route, "the nexthop is used by router")


def _addresses(draft: Draft, router: Router) -> list[FixedIp]:
    """Those that a router has, inside and outside."""
    config = draft.config
    ports = [*router_interfaces(config, router.id), *gateway_ports(config, router)]
    return [one for port in ports for one in port.fixed_ips]


def reachable(draft: Draft, router: Router) -> None:
    """Refuse to change the gateways of a router so that none of its subnets has a next hop of its
    routes any more.  Raises RuleError 409."""
    nets = [draft.config.subnets[one.subnet_id].net for one in _addresses(draft, router)]
    for route in router.routes:
        if not any(ipaddress.ip_address(route.nexthop) in net for net in nets):
            raise conflict(
                "RouterExternalGatewayInUseByRoute",
                f"Gateway cannot be updated for router {router.id}, as the route to "
                f"{route.destination} via {route.nexthop} requires it.",
            )


def _refused(route: ExtraRoute, reason: str) -> RuleError:
    return bad_request(
        f"Invalid format for routes: {route.destination} via {route.nexthop}, {reason}.",
        "InvalidRoutes",
    )


def add(draft: Draft, id: str, body: dict[str, Any], context: Context) -> Router:
    """Those that it has already stay."""
    old = draft.get("router", id)
    check_revision("router", old, context)
    more = [route for route in _given(body) if route not in old.routes]
    return _replace(draft, old, [*old.routes, *dict.fromkeys(more)], context)


def remove(draft: Draft, id: str, body: dict[str, Any], context: Context) -> Router:
    """Those that it has not do not matter."""
    old = draft.get("router", id)
    check_revision("router", old, context)
    gone = set(_given(body))
    return _replace(draft, old, [route for route in old.routes if route not in gone], context)


def _given(body: dict[str, Any]) -> list[ExtraRoute]:
    return [_route(value) for value in body["router"]["routes"]]


def _replace(draft: Draft, old: Router, routes: list[ExtraRoute], context: Context) -> Router:
    values = [{"destination": one.destination, "nexthop": one.nexthop} for one in routes]
    return draft.replace("router", old, context, routes=parsed(draft, old, values))


def detachable(router: Router, subnets: list[Subnet]) -> None:
    """Refuse to take a router from subnets that its next hops are on.  Raises RuleError 409."""
    for subnet in subnets:
        if any(ipaddress.ip_address(route.nexthop) in subnet.net for route in router.routes):
            raise conflict(
                "RouterInterfaceInUseByRoute",
                f"Router interface for subnet {subnet.id} on router {router.id} cannot be deleted, "
                "as it is required by one or more routes.",
            )

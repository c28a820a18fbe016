"""``/v2.0/routers``, and their interfaces."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from ryu_apps.control.config.attachments import gateway_ports
from ryu_apps.control.config.config import Config
from ryu_apps.control.config.model import Port, Router
from ryu_apps.control.config.resources.routing.router import ROUTER
from ryu_apps.control.config.rules.routing import extra_routes, routers
from ryu_apps.control.config.zones import ZONE
from ryu_apps.northbound.bodies.fields import (
    MAX_LIST,
    Address,
    Body,
    Names,
    Prefix,
    Uuid,
    UuidOrNone,
    only,
)
from ryu_apps.northbound.bodies.schemas import STRING as STRING_SCHEMA
from ryu_apps.northbound.bodies.schemas import Schema, obj
from ryu_apps.northbound.listing.attributes import (
    BOOLEAN,
    INTEGER,
    STATUS,
    STRING,
    as_address,
    as_prefix,
    list_of,
    objects,
    or_null,
)
from ryu_apps.northbound.resources import standard
from ryu_apps.northbound.resources.collection import Action, Collection, View


class ExternalFixedIpBody(Body):
    subnet_id: UuidOrNone = None
    ip_address: Address | None = None


class GatewayBody(Body):
    """Without a network, or with null or "" for it, there is no gateway: that is asked for."""

    network_id: UuidOrNone = None
    enable_snat: bool | None = None
    external_fixed_ips: Annotated[
        list[ExternalFixedIpBody], Field(max_length=MAX_LIST)] | None = None
    qos_policy_id: only() = None


class RouteBody(Body):
    destination: Prefix
    nexthop: Address


Routes = Annotated[list[RouteBody], Field(max_length=MAX_LIST)]


class RouterUpdate(standard.Described):
    import_targets: Names = Field([], alias="vpn:import_targets")
    export_targets: Names = Field([], alias="vpn:export_targets")
    external_gateway_info: GatewayBody | None = None
    external_gateways: only([]) = None
    distributed: only(True) = None
    ha: only(False) = None
    routes: Routes | None = []
    service_type_id: only() = None
    enable_ndp_proxy: only(False) = None
    enable_default_route_bfd: only(False) = None
    enable_default_route_ecmp: only(False) = None
    qos_policy_id: only() = None
    evpn_vni: only() = None


class RouterCreate(RouterUpdate, standard.Owned):
    availability_zone_hints: Names = []
    flavor_id: UuidOrNone = None
    routes: only([]) = []


class RoutesOfRouterBody(Body):
    routes: Routes


class ExtraRoutesBody(Body):
    """``add_extraroutes`` and ``remove_extraroutes``."""

    router: RoutesOfRouterBody


class InterfaceBody(Body):
    """``add_router_interface`` and ``remove_router_interface``: a subnet or a port."""

    subnet_id: Uuid | None = None
    port_id: Uuid | None = None


def _gateways(config: Config, item: Router) -> list[Port]:
    return gateway_ports(config, item)


def view(item: Router, gateways: list[Port]) -> View:
    return {
        "id": item.id,
        "name": item.name,
        "status": "ACTIVE" if item.admin_state_up else "DOWN",
        "admin_state_up": item.admin_state_up,
        "distributed": True,
        "ha": False,
        "external_gateway_info": _gateway_info(item, gateways),
        "routes": [
            {"destination": route.destination, "nexthop": route.nexthop} for route in item.routes
        ],
        "availability_zone_hints": list(item.availability_zone_hints),
        "availability_zones": [ZONE],
        "flavor_id": item.flavor_id or None,
        "vpn:vni": item.vni,
        "vpn:rd_index": item.rd_index,
        "vpn:import_targets": list(item.import_targets),
        "vpn:export_targets": list(item.export_targets),
        **standard.standard(item),
    }


def _gateway_info(item: Router, gateways: list[Port]) -> dict[str, Any] | None:
    if not gateways:
        return None
    port = gateways[0]
    return {
        "network_id": port.network_id,
        "external_fixed_ips": [
            {"subnet_id": fixed.subnet_id, "ip_address": fixed.ip_address}
            for fixed in port.fixed_ips
        ],
        "enable_snat": next(
            one.enable_snat for one in item.gateways if one.port_id == port.id
        ),
    }


_STRINGS = {"type": "array", "items": STRING_SCHEMA}
_INTERFACE = Schema("InterfaceAnswer", obj(
    ("id", "port_id", "subnet_id"),
    id=STRING_SCHEMA, port_id=STRING_SCHEMA, network_id=STRING_SCHEMA, subnet_id=STRING_SCHEMA,
    project_id=STRING_SCHEMA, tenant_id=STRING_SCHEMA, subnet_ids=_STRINGS, tags=_STRINGS,
))

COLLECTION = Collection(
    kind=ROUTER,
    path="routers",
    create_body=RouterCreate,
    update_body=RouterUpdate,
    rules=routers,
    view=view,
    extra=_gateways,
    attributes={
        **standard.ATTRIBUTES,
        "name": STRING, "status": STATUS, "admin_state_up": BOOLEAN, "distributed": BOOLEAN,
        "ha": BOOLEAN, "external_gateway_info": or_null("object"),
        "routes": objects(destination=as_prefix, nexthop=as_address),
        "availability_zone_hints": list_of(), "availability_zones": list_of(),
        "flavor_id": or_null("string"),
        "vpn:vni": INTEGER, "vpn:rd_index": INTEGER, "vpn:import_targets": list_of(),
        "vpn:export_targets": list_of(),
    },
    actions=(
        Action("add_router_interface", routers.add_interface, InterfaceBody, _INTERFACE, (501,)),
        Action("remove_router_interface", routers.remove_interface, InterfaceBody, _INTERFACE),
        Action("add_extraroutes", extra_routes.add, ExtraRoutesBody),
        Action("remove_extraroutes", extra_routes.remove, ExtraRoutesBody),
    ),
    extensions={
        "ext-gw-mode": (
            "Neutron L3 Configurable external gateway mode", "Gateways with and without SNAT"),
        "extraroute": ("Neutron Extra Route", "Routers have routes to next hops on their subnets"),
        "extraroute-atomic": (
            "Atomically add/remove extra routes", "Single routes are added and removed"),
        "router": ("Neutron L3 Router", "Routers and their interfaces")},
)

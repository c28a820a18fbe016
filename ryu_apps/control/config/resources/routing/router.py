"""Routers."""

from __future__ import annotations

from dataclasses import dataclass

from ryu_apps.control.config.resources.access import SET_BY_ADMIN, SYSTEM, Access, owner
from ryu_apps.control.config.resources.kind import Kind
from ryu_apps.control.config.resources.network import BY_RD_INDEX, BY_VNI
from ryu_apps.control.config.resources.resource import Resource


@dataclass(frozen=True, slots=True)
class ExtraRoute:
    """What is for ``destination`` goes to ``nexthop``, an address on a subnet of the router."""

    destination: str
    nexthop: str


@dataclass(frozen=True, slots=True)
class ExternalGateway:
    """A way out: the port that has the router's addresses on an external network.  ``enable_snat``:
    what has no floating IP goes out with these addresses."""

    port_id: str
    enable_snat: bool = True


@dataclass(frozen=True, slots=True)
class Router(Resource):
    """An IP-VRF.  Its interfaces are the ports with device_id = this id.  ``flavor_id`` "": that of
    all routers, and nobody named it.  ``gateways``: the first is its ``external_gateway_info``."""

    vni: int
    rd_index: int
    name: str = ""
    admin_state_up: bool = True
    import_targets: tuple[str, ...] = ()
    export_targets: tuple[str, ...] = ()
    availability_zone_hints: tuple[str, ...] = ()
    flavor_id: str = ""
    routes: tuple[ExtraRoute, ...] = ()
    gateways: tuple[ExternalGateway, ...] = ()


ROUTER = Kind(
    "router",
    Router,
    Access(
        read=(owner,),
        attributes={
            "distributed": SYSTEM, "ha": SYSTEM, "vpn:*": SYSTEM,
            "external_gateway_info:enable_snat": SET_BY_ADMIN,
            "external_gateway_info:external_fixed_ips": SET_BY_ADMIN,
            "enable_default_route_bfd": SET_BY_ADMIN, "enable_default_route_ecmp": SET_BY_ADMIN,
        },
    ),
    indexes=(BY_VNI, BY_RD_INDEX),
    quota=10,
)

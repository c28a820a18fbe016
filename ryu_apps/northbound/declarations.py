"""The resources of the Networking API that this version has, one declaration each."""

from __future__ import annotations

from ryu_apps.control.model import Network, Port, Router, Subnet
from ryu_apps.control.rules import networks, ports, routers, subnets
from ryu_apps.northbound import bodies, views
from ryu_apps.northbound.resources import Declaration

NETWORK = Declaration(
    kind="network",
    collection="networks",
    create_body=bodies.NetworkCreate,
    update_body=bodies.NetworkUpdate,
    rules=networks,
    view=views.network,
    attributes=frozenset(views.network(Network("", 0, 0), [])),
    extra=views.subnets_of,
)
SUBNET = Declaration(
    kind="subnet",
    collection="subnets",
    create_body=bodies.SubnetCreate,
    update_body=bodies.SubnetUpdate,
    rules=subnets,
    view=views.subnet,
    attributes=frozenset(views.subnet(Subnet("", "", ""), None)),
    indexes=(("network_id", "subnets_by_network"),),
)
PORT = Declaration(
    kind="port",
    collection="ports",
    create_body=bodies.PortCreate,
    update_body=bodies.PortUpdate,
    rules=ports,
    view=views.port,
    attributes=frozenset(views.port(Port("", "", ""), "")),
    extra=views.domain_of,
    indexes=(("device_id", "ports_by_device"), ("network_id", "ports_by_network")),
    state_keys=views.STATE_KEYS,
)
ROUTER = Declaration(
    kind="router",
    collection="routers",
    create_body=bodies.RouterCreate,
    update_body=bodies.RouterUpdate,
    rules=routers,
    view=views.router,
    attributes=frozenset(views.router(Router("", 0, 0), None)),
    actions=(
        ("add_router_interface", routers.add_interface),
        ("remove_router_interface", routers.remove_interface),
    ),
)
ALL = (NETWORK, SUBNET, PORT, ROUTER)

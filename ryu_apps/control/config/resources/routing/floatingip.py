"""Floating IPs: addresses of external networks that stand for fixed addresses of ports."""

from __future__ import annotations

from dataclasses import dataclass

from ryu_apps.control.config.resources.access import SET_BY_ADMIN, Access, owner
from ryu_apps.control.config.resources.kind import Kind, by_field
from ryu_apps.control.config.resources.resource import Resource


@dataclass(frozen=True, slots=True)
class FloatingIP(Resource):
    """``floating_port_id``: of the port on the external network that holds the address, with a MAC
    of its own.  ``port_id``, ``fixed_ip_address``, ``router_id``: what it stands for, and by whose
    gateway that is reached; all three are "" where it stands for nothing."""

    floating_network_id: str
    floating_ip_address: str
    floating_port_id: str
    port_id: str = ""
    fixed_ip_address: str = ""
    router_id: str = ""
    dns_name: str = ""
    dns_domain: str = ""


FLOATINGIP = Kind(
    "floatingip",
    FloatingIP,
    Access(read=(owner,), attributes={"floating_ip_address": SET_BY_ADMIN}),
    indexes=(
        by_field("floatingips_by_network", "floating_network_id"),
        by_field("floatingips_by_address", "floating_ip_address"),
        by_field("floatingips_by_port", "port_id"),
        by_field("floatingips_by_router", "router_id"),
    ),
    quota=50,
)

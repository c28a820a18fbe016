"""Tap services: ports that get copies of what other ports send and receive."""

from __future__ import annotations

from dataclasses import dataclass

from ryu_apps.control.config.resources.access import Access, owner
from ryu_apps.control.config.resources.kind import Kind, by_field
from ryu_apps.control.config.resources.network import BY_VNI
from ryu_apps.control.config.resources.resource import Resource


@dataclass(frozen=True, slots=True)
class TapService(Resource):
    """``port_id``: which gets the copies.  ``vni``: with which they come from other hypervisors, no
    network's or router's."""

    port_id: str
    vni: int
    name: str = ""


TAP_SERVICE = Kind(
    "tap_service",
    TapService,
    Access(read=(owner,)),
    indexes=(BY_VNI, by_field("tap_services_by_port", "port_id")),
    quota=10,
)

"""Tap mirrors: copies of what a port sends and receives, to a collector outside."""

from __future__ import annotations

from dataclasses import dataclass

from ryu_apps.control.config.resources.access import ADMIN, Access, owner
from ryu_apps.control.config.resources.kind import Kind, by_field
from ryu_apps.control.config.resources.resource import Resource


@dataclass(frozen=True, slots=True)
class TapMirror(Resource):
    """``remote_ip``: of the collector.  ``mirror_type``: of
    :data:`vrouter_ovs.state.MIRROR_TYPES`.  ``session_in``, ``session_out``: the numbers of the
    sessions that what reaches the port, and what it sends, go into; 0: it is not copied."""

    port_id: str
    remote_ip: str
    mirror_type: str
    session_in: int = 0
    session_out: int = 0
    name: str = ""


TAP_MIRROR = Kind(
    "tap_mirror",
    TapMirror,
    # The collector is reached from the hypervisors' own addresses, where tenants have no business.
    Access(read=(owner,), create=ADMIN),
    indexes=(by_field("tap_mirrors_by_port", "port_id"),),
    quota=10,
)

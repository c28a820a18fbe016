"""Tap flows: of which ports a tap service gets copies."""

from __future__ import annotations

from dataclasses import dataclass

from ryu_apps.control.config.resources.access import Access, owner
from ryu_apps.control.config.resources.kind import Kind, by_field
from ryu_apps.control.config.resources.resource import Resource

IN, OUT, BOTH = DIRECTIONS = ("IN", "OUT", "BOTH")


@dataclass(frozen=True, slots=True)
class TapFlow(Resource):
    """``direction``: IN, what reaches the port ``source_port``; OUT, what it sends; or BOTH."""

    tap_service_id: str
    source_port: str
    direction: str
    name: str = ""


TAP_FLOW = Kind(
    "tap_flow",
    TapFlow,
    Access(read=(owner,)),
    indexes=(
        by_field("tap_flows_by_port", "source_port"),
        by_field("tap_flows_by_service", "tap_service_id"),
    ),
    quota=50,
)

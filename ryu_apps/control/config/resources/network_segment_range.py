"""Network segment ranges: which VNIs or VLANs new networks get (Networking API v2.0, "Network
Segment Ranges")."""

from __future__ import annotations

from dataclasses import dataclass

from ryu_apps.control.config.resources.access import ADMIN, Access
from ryu_apps.control.config.resources.kind import Kind
from ryu_apps.control.config.resources.resource import Resource

DEFAULT = "7e0b0f3c-2f0a-5c1d-8a54-94f1b6d1c9e3"
"""The id of the range that the nodes' options name; it is in no store."""


@dataclass(frozen=True, slots=True)
class NetworkSegmentRange(Resource):
    """The VNIs from ``minimum`` to ``maximum``, or the VLANs of a physical network, are for all
    projects, ``shared``, or for the networks of the project ``project_id`` alone."""

    minimum: int
    maximum: int
    name: str = ""
    shared: bool = True
    network_type: str = "vxlan"
    physical_network: str = ""


NETWORK_SEGMENT_RANGE = Kind(
    "network_segment_range",
    NetworkSegmentRange,
    Access(read=ADMIN, create=ADMIN, update=ADMIN, delete=ADMIN),
)

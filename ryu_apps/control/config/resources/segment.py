"""Segments of networks (Networking API v2.0, "Segments")."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from ryu_apps.control.config.resources.access import ADMIN, Access, Parent
from ryu_apps.control.config.resources.kind import Kind, Projection
from ryu_apps.control.config.resources.network import BY_SEGMENT, Network, segment_id
from ryu_apps.control.config.resources.resource import Resource


@dataclass(frozen=True, slots=True)
class Segment(Resource):
    """What a network is on the wire, an overlay or a part of a physical network: each has one,
    which comes and goes with it.  Revision and times are the network's."""

    network_id: str
    network_type: str
    physical_network: str
    segmentation_id: int | None
    name: str = ""


def of(network: Network) -> Segment:
    """The segment of a network."""
    return Segment(
        segment_id(network.id),
        network.id,
        network.network_type,
        network.physical_network,
        network.segmentation_id,
        network.segment_name,
        project_id=network.project_id,
        description=network.segment_description,
        tags=network.segment_tags,
        revision_number=network.revision_number,
        created_at=network.created_at,
        updated_at=network.updated_at,
    )


def _into(network: Network, segment: Segment) -> Network:
    return dataclasses.replace(
        network,
        segment_name=segment.name,
        segment_description=segment.description,
        segment_tags=segment.tags,
        revision_number=segment.revision_number,
        updated_at=segment.updated_at,
    )


SEGMENT = Kind(
    "segment",
    Segment,
    Access(read=ADMIN, create=ADMIN, update=ADMIN, delete=ADMIN),
    parent=Parent("network", "network_id"),
    projection=Projection("network", BY_SEGMENT.name, of, _into),
)

"""Flow classifiers (Networking API, service function chaining)."""

from __future__ import annotations

from dataclasses import dataclass

from ryu_apps.control.config.resources.access import Access, owner
from ryu_apps.control.config.resources.kind import Index, Kind
from ryu_apps.control.config.resources.resource import Resource


@dataclass(frozen=True, slots=True)
class FlowClassifier(Resource):
    """Which of the packets that the port ``logical_source_port`` sends go into a chain; and of what
    ``logical_destination_port`` answers, where the chain is symmetric.

    ``protocol``: a number, -1 for any.  Prefixes are "" for everywhere, ranges of ports -1 for any.
    """

    logical_source_port: str
    logical_destination_port: str = ""
    name: str = ""
    ethertype: str = "IPv4"
    protocol: int = -1
    source_ip_prefix: str = ""
    destination_ip_prefix: str = ""
    source_port_range_min: int = -1
    source_port_range_max: int = -1
    destination_port_range_min: int = -1
    destination_port_range_max: int = -1


FLOW_CLASSIFIER = Kind(
    "flow_classifier",
    FlowClassifier,
    Access(read=(owner,)),
    indexes=(
        Index("classifiers_by_port", lambda item: (
            item.logical_source_port, *filter(None, (item.logical_destination_port,)),
        )),
    ),
    quota=100,
)

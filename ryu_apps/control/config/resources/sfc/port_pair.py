"""Port pairs (Networking API, service function chaining)."""

from __future__ import annotations

from dataclasses import dataclass

from ryu_apps.control.config.resources.access import Access, owner
from ryu_apps.control.config.resources.kind import Index, Kind
from ryu_apps.control.config.resources.resource import Resource


@dataclass(frozen=True, slots=True)
class PortPair(Resource):
    """An instance of a service: packets go in by the port ``ingress`` and come out of ``egress``,
    which may be the same.  ``weight``: its share among the instances of its group; with 0 it gets
    nothing."""

    ingress: str
    egress: str
    name: str = ""
    weight: int = 1


PORT_PAIR = Kind(
    "port_pair",
    PortPair,
    Access(read=(owner,)),
    indexes=(Index("pairs_by_port", lambda pair: (pair.ingress, pair.egress)),),
    quota=100,
)

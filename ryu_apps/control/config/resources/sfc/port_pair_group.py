"""Port pair groups (Networking API, service function chaining)."""

from __future__ import annotations

from dataclasses import dataclass

from ryu_apps.control.config.resources.access import Access, owner
from ryu_apps.control.config.resources.kind import Kind, by_field
from ryu_apps.control.config.resources.resource import Resource


@dataclass(frozen=True, slots=True)
class PortPairGroup(Resource):
    """A service: the port pairs are its instances, in the order in which they share the load.
    ``group_id``: its number, which no other has."""

    group_id: int
    port_pairs: tuple[str, ...] = ()
    name: str = ""


PORT_PAIR_GROUP = Kind(
    "port_pair_group",
    PortPairGroup,
    Access(read=(owner,)),
    indexes=(by_field("groups_by_pair", "port_pairs"),),
    quota=10,
)

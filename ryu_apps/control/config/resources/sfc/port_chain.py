"""Port chains (Networking API, service function chaining)."""

from __future__ import annotations

from dataclasses import dataclass

from ryu_apps.control.config.resources.access import Access, owner
from ryu_apps.control.config.resources.kind import Kind, by_field
from ryu_apps.control.config.resources.resource import Resource


@dataclass(frozen=True, slots=True)
class PortChain(Resource):
    """What the classifiers take goes through the services ``port_pair_groups``, one after the
    other; ``symmetric``: and what is answered through the same ones, the last first.  ``chain_id``:
    its number, 1 to 65535, which no other has."""

    chain_id: int
    port_pair_groups: tuple[str, ...]
    flow_classifiers: tuple[str, ...] = ()
    name: str = ""
    symmetric: bool = False


PORT_CHAIN = Kind(
    "port_chain",
    PortChain,
    Access(read=(owner,)),
    indexes=(
        by_field("chains_by_group", "port_pair_groups"),
        by_field("chains_by_classifier", "flow_classifiers"),
    ),
    quota=10,
)

"""``/v2.0/sfc/port_chains``."""

from __future__ import annotations

from typing import Any

from ryu_apps.control.config.model import PortChain
from ryu_apps.control.config.resources.sfc.port_chain import PORT_CHAIN
from ryu_apps.control.config.rules.sfc import port_chains
from ryu_apps.northbound.bodies.fields import Body, Name, Text, Uuids, integer, only
from ryu_apps.northbound.listing.attributes import INTEGER, OBJECT, STRING, list_of
from ryu_apps.northbound.resources import standard
from ryu_apps.northbound.resources.collection import Collection, View


class ChainParameters(Body):
    """``correlation`` is what services may be given that understand it, and none here does."""

    correlation: only("mpls") = None  # type: ignore[valid-type]
    symmetric: bool = False


class PortChainUpdate(Body):
    name: Name = ""
    description: Text = ""
    port_pair_groups: Uuids = []
    flow_classifiers: Uuids | None = None


class PortChainCreate(PortChainUpdate, standard.Owned):
    port_pair_groups: Uuids
    chain_id: integer(port_chains.MAX_CHAIN_ID) = 0  # type: ignore[valid-type]
    chain_parameters: ChainParameters | None = None


def view(item: PortChain, _extra: Any) -> View:
    return {
        "id": item.id,
        "name": item.name,
        "chain_id": item.chain_id,
        "port_pair_groups": list(item.port_pair_groups),
        "flow_classifiers": list(item.flow_classifiers),
        "chain_parameters": {"correlation": "mpls", "symmetric": item.symmetric},
        **standard.standard(item),
    }


COLLECTION = Collection(
    kind=PORT_CHAIN,
    path="sfc/port_chains",
    create_body=PortChainCreate,
    update_body=PortChainUpdate,
    rules=port_chains,
    view=view,
    attributes={
        **standard.ATTRIBUTES,
        "name": STRING, "chain_id": INTEGER, "port_pair_groups": list_of(),
        "flow_classifiers": list_of(), "chain_parameters": OBJECT,
    },
)

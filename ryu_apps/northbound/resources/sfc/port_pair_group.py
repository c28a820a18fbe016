"""``/v2.0/sfc/port_pair_groups``."""

from __future__ import annotations

from typing import Any

from ryu_apps.control.config.model import PortPairGroup
from ryu_apps.control.config.resources.sfc.port_pair_group import PORT_PAIR_GROUP
from ryu_apps.control.config.rules.sfc import port_pair_groups
from ryu_apps.northbound.bodies.fields import Body, Name, Text, Uuids, only
from ryu_apps.northbound.listing.attributes import BOOLEAN, INTEGER, OBJECT, STRING, list_of
from ryu_apps.northbound.resources import standard
from ryu_apps.northbound.resources.collection import Collection, View

_NO_MAPPING: dict[str, dict] = {"ingress_n_tuple": {}, "egress_n_tuple": {}}


class GroupParameters(Body):
    """The load is shared by a hash of addresses, protocol and ports, the same for both directions
    of a connection; by nothing else."""

    lb_fields: only([]) = None  # type: ignore[valid-type]
    ppg_n_tuple_mapping: only({}, _NO_MAPPING) = None  # type: ignore[valid-type]


class PortPairGroupUpdate(Body):
    name: Name = ""
    description: Text = ""
    port_pairs: Uuids | None = None


class PortPairGroupCreate(PortPairGroupUpdate, standard.Owned):
    port_pair_group_parameters: GroupParameters | None = None
    tap_enabled: only(False) = None  # type: ignore[valid-type]


def view(item: PortPairGroup, _extra: Any) -> View:
    return {
        "id": item.id,
        "name": item.name,
        "group_id": item.group_id,
        "port_pairs": list(item.port_pairs),
        "port_pair_group_parameters": {"lb_fields": [], "ppg_n_tuple_mapping": _NO_MAPPING},
        "tap_enabled": False,
        **standard.standard(item),
    }


COLLECTION = Collection(
    kind=PORT_PAIR_GROUP,
    path="sfc/port_pair_groups",
    create_body=PortPairGroupCreate,
    update_body=PortPairGroupUpdate,
    rules=port_pair_groups,
    view=view,
    attributes={
        **standard.ATTRIBUTES,
        "name": STRING, "group_id": INTEGER, "port_pairs": list_of(),
        "port_pair_group_parameters": OBJECT, "tap_enabled": BOOLEAN,
    },
)

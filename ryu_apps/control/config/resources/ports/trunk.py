"""Trunks: a port that carries further ports, each in a VLAN (API extension "trunk")."""

from __future__ import annotations

from dataclasses import dataclass

from ryu_apps.control.config.resources.access import Access, owner
from ryu_apps.control.config.resources.kind import Index, Kind, by_field
from ryu_apps.control.config.resources.resource import Resource

SUBPORT = "trunk:subport"
"""The device_owner of a trunk's subports."""
VLAN, INHERIT = "vlan", "inherit"
"""Types of segmentation.  What is asked for as inherit is stored as what it has become."""


@dataclass(frozen=True, slots=True)
class SubPort:
    """A port whose frames the trunk's port carries in the VLAN ``segmentation_id``.  ``number``:
    what switches know it by, as they know other ports by the numbers of their OpenFlow ports; it is
    no other subport's."""

    port_id: str
    segmentation_id: int
    number: int
    segmentation_type: str = VLAN


@dataclass(frozen=True, slots=True)
class Trunk(Resource):
    """``port_id``: the parent, which an interface of a VM has.  Where that is, its subports are.
    With ``admin_state_up`` off it is not changed; what it carries goes on."""

    port_id: str
    name: str = ""
    admin_state_up: bool = True
    sub_ports: tuple[SubPort, ...] = ()


TRUNK = Kind(
    "trunk",
    Trunk,
    Access(read=(owner,)),
    indexes=(
        by_field("trunks_by_port", "port_id"),
        Index("trunks_by_subport", lambda trunk: [one.port_id for one in trunk.sub_ports]),
        Index("trunks_by_number", lambda trunk: [one.number for one in trunk.sub_ports]),
    ),
    quota=-1,
)

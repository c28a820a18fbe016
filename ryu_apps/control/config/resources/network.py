"""Networks."""

from __future__ import annotations

import functools
import uuid
from dataclasses import dataclass

from ryu_apps.control.config.resources.access import (
    SET_BY_ADMIN,
    SYSTEM,
    Access,
    external,
    owner,
    shared,
)
from ryu_apps.control.config.resources.kind import Index, Kind, by_field
from ryu_apps.control.config.resources.resource import Resource

VXLAN, FLAT, VLAN = NETWORK_TYPES = ("vxlan", "flat", "vlan")


@dataclass(frozen=True, slots=True)
class Network(Resource):
    """A MAC-VRF.  ``flood_unknown``: what asks for an unknown address is flooded.  ``mdns``: what
    becomes of multicast DNS, one of the ``MDNS_`` values of :mod:`vrouter_ovs.state`.
    ``igmp_snooping``: multicast goes to members of its group alone.
    ``segment_*``: of its :class:`~ryu_apps.control.config.resources.segment.Segment`.
    ``external``: it leads outside, and routers may have a gateway on it.

    ``network_type``: :data:`VXLAN`, or :data:`FLAT` and :data:`VLAN` where it is one segment with
    what is on ``physical_network``; ``vlan_id``: of a VLAN.  It has its VNI all the same: by it the
    system's nodes know it, and it may become an overlay.  ``vlan_transparent``: frames of VLANs of
    its guests' own are carried as they are."""

    vni: int
    rd_index: int
    name: str = ""
    admin_state_up: bool = True
    shared: bool = False
    mtu: int = 1450
    port_security_enabled: bool = True
    import_targets: tuple[str, ...] = ()
    export_targets: tuple[str, ...] = ()
    dns_domain: str = ""
    flood_unknown: bool = False
    mdns: str = "flood"
    availability_zone_hints: tuple[str, ...] = ()
    segment_name: str = ""
    segment_description: str = ""
    segment_tags: tuple[str, ...] = ()
    external: bool = False
    network_type: str = "vxlan"
    physical_network: str = ""
    vlan_id: int = 0
    vlan_transparent: bool = False
    qos_policy_id: str = ""

    @property
    def segmentation_id(self) -> int | None:
        """The number by which it is told from others of its type; a flat network has none."""
        return {VXLAN: self.vni, VLAN: self.vlan_id}.get(self.network_type)
    igmp_snooping: bool = False


_SEGMENTS = uuid.UUID("5b2f4d0a-7d8e-5f8c-9c43-6d0f5f1f2a11")


@functools.lru_cache(maxsize=1 << 14)
def segment_id(network_id: str) -> str:
    """The id of the one segment of a network."""
    return str(uuid.uuid5(_SEGMENTS, network_id))


BY_VNI = Index("by_vni", lambda item: (item.vni,), across=True)
"""VNI -> (kind, id) of networks and routers."""
BY_RD_INDEX = Index("by_rd_index", lambda item: (item.rd_index,), across=True)
BY_VLAN = Index(
    "networks_by_vlan",
    lambda network: ((network.physical_network, network.vlan_id),)
    if network.physical_network else "",
)
"""(physical network, VID; 0: untagged) -> ids."""
BY_SEGMENT = Index("networks_by_segment", lambda network: segment_id(network.id))

NETWORK = Kind(
    "network",
    Network,
    Access(
        read=(owner, shared, external),
        attributes={
            "shared": SET_BY_ADMIN, "router:external": SET_BY_ADMIN, "is_default": SET_BY_ADMIN,
            "segments": SYSTEM, "provider:*": SYSTEM, "vpn:*": SYSTEM,
        },
    ),
    indexes=(
        BY_VNI, BY_RD_INDEX, BY_SEGMENT, BY_VLAN,
        by_field("networks_by_qos_policy", "qos_policy_id"),
    ),
    quota=100,
    shareable=True,
)

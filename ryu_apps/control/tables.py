"""The tables of the control core: what it knows and what it has decided.

Each has one writer; everybody may read.  Who writes marks what depends on it
(:mod:`ryu_apps.control.graph.graph`).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ryu_apps.control.config.config import Config
from ryu_apps.control.desired.desired import Desired
from ryu_apps.control.elements.claims import ClaimRefusal
from ryu_apps.control.elements.elements import Claim, Elements
from ryu_apps.control.vpn.instance import Lookup
from ryu_apps.control.vpn.instances import Instances
from ryu_apps.control.vpn.origins import Origins
from ryu_apps.control.vpn.rib import Rib
from ryu_apps.control.vpn.translate import BoundPort, StandbyPort
from ryu_apps.control.vpn.underlay import Underlay


@dataclass(frozen=True)
class Tables:
    config: Config
    rib: Rib
    elements: Elements
    instances: Instances
    desired: Desired
    origins: Origins
    underlay: Underlay
    bound: dict[str, BoundPort] = field(default_factory=dict)
    """Port id -> how it is bound to a vrouter of ours.  Ports writes it."""
    prepared: dict[str, tuple[StandbyPort, ...]] = field(default_factory=dict)
    """Port id -> other vrouters of ours that it may come to, and that have its flows already.
    Locations writes it."""
    expected: dict[int, dict[str, dict[str, int]]] = field(default_factory=dict)
    """L2 VNI -> element -> port id -> OpenFlow port: where the prepared ones are.  Locations
    writes it."""
    floating: dict[int, dict[str, dict[tuple[str, bool], None]]] = field(default_factory=dict)
    """L2 VNI -> element -> (port id, whether it only may come there) of what has floating IPs of
    the external network.  Locations writes it."""
    active: dict[str, None] = field(default_factory=dict)
    """Ports whose flows the switch has confirmed.  Ports writes it."""
    refused: dict[str, dict[Claim, ClaimRefusal]] = field(default_factory=dict)
    """Port id -> claim -> why it does not have the port.  Ports writes it."""
    mirrored: dict[str, dict[str, None]] = field(default_factory=dict)
    """Element -> ports there that have mirrors.  Mirrors writes it."""
    watched: dict[Lookup, dict[str, None]] = field(default_factory=dict)
    """Lookup -> ports whose mirrors depend on it.  Mirrors writes it."""
    present: dict[int, dict[str, dict[str, int]]] = field(default_factory=dict)
    """L2 VNI -> element -> port id -> OpenFlow port: where the ports are.  Locations writes it."""
    evis: dict[int, dict[str, None]] = field(default_factory=dict)
    """L2 VNI -> elements whose vrouter has the EVI.  Presence writes it."""
    needed: dict[int, dict[str, dict[str, None]]] = field(default_factory=dict)
    """L2 VNI of an external network -> elements that are gateways there -> ids of their routers.
    WaysOut writes it."""
    vrfs: dict[int, dict[str, None]] = field(default_factory=dict)
    """L3 VNI -> elements whose vrouter has the VRF.  Presence writes it."""
    sending: dict[int, dict[str, None]] = field(default_factory=dict)
    """L2 VNI -> elements whose vrouter sends to the EVI's physical segment.  Segments writes it."""
    taking: dict[int, dict[str, None]] = field(default_factory=dict)
    """L2 VNI -> elements whose switch has confirmed that it takes from it.  Segments writes it."""

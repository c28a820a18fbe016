"""The vrouter itself, and the instances that are present on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from vrouter_ovs.encapsulation import VXLAN
from vrouter_ovs.state.base import Key, StateBase


@dataclass(frozen=True, slots=True)
class Vrouter(StateBase):
    """The bridge itself; exactly one.  ``router_mac`` is the EVPN Router's MAC (RFC 9135 6.1).

    ``mtus``: (encapsulation, the largest IP packet that such a tunnel carries) for each that it
    sends with, by name; of a larger packet the sender is told.
    """

    kind: ClassVar[str] = "vrouter"
    router_mac: str
    mtus: tuple[tuple[str, int], ...] = ((VXLAN, 1450),)

    @property
    def key(self) -> Key:
        return ("vrouter",)


MDNS_FLOOD, MDNS_LOCAL, MDNS_ANSWER = MDNS_MODES = ("flood", "local", "answer")


@dataclass(frozen=True, slots=True)
class Evi(StateBase):
    """A MAC-VRF present on this vrouter; ``evi`` is its L2 VNI.

    ``flood_unknown``: what asks for an address that nobody is known to have (ARP requests, neighbor
    solicitations, duplicate address detection) goes to everyone; otherwise it ends in the switch.
    ``mdns``: where multicast DNS goes (RFC 6762): :data:`MDNS_FLOOD`, as all multicast;
    :data:`MDNS_LOCAL`, to ports of this vrouter alone; :data:`MDNS_ANSWER`, to the node alone.
    ``label``: the MPLS label by which others send to it (RFC 7432 section 9.2.1); 0: none.
    ``transparent``: frames of a VLAN are carried as they are, else they end.
    ``flood_macs``: what is for a MAC that nobody is known to have goes to everyone.
    """

    kind: ClassVar[str] = "evi"
    evi: int
    flood_unknown: bool = False
    mdns: str = MDNS_FLOOD
    label: int = 0
    transparent: bool = False
    flood_macs: bool = False

    @property
    def key(self) -> Key:
        return ("evi", self.evi)


@dataclass(frozen=True, slots=True)
class Vrf(StateBase):
    """An IP-VRF present on this vrouter; ``vrf`` is its L3 VNI.

    ``router_mac``: this vrouter's own Router's MAC, the only inner destination MAC that is
    accepted with the L3 VNI.  ``labels``: the MPLS labels by which others send IPv4 and IPv6
    packets to it, two, as no label says what is behind it; none where it takes no MPLS.
    """

    kind: ClassVar[str] = "vrf"
    vrf: int
    router_mac: str
    labels: tuple[int, ...] = ()

    @property
    def key(self) -> Key:
        return ("vrf", self.vrf)


@dataclass(frozen=True, slots=True)
class Gateway(StateBase):
    """A router interface: the anycast gateway of an EVI, the same on every vrouter.

    Frames to ``mac`` enter VRF ``vrf``; ARP/ND for ``addresses`` is answered with ``mac``, and an
    echo request to one of them gets its reply from the switch.  A link-local one among them is
    reachable from this EVI alone.
    """

    kind: ClassVar[str] = "gateway"
    evi: int
    vrf: int
    mac: str
    addresses: tuple[str, ...]

    @property
    def key(self) -> Key:
        return ("gateway", self.evi, self.mac)

"""A router's way out of the VPN: its gateway ports, where a vrouter is the gateway."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from vrouter_ovs.state.base import Key, StateBase
from vrouter_ovs.state.forwarding import BridgedHop

FIRST_NAT_ZONE = 1 << 15
"""Zones of connections below are those of ports: Open vSwitch gives numbers of the lower half by
itself (``alloc_ofp_port()`` in its ofproto/ofproto.c), and a port's zone is its number."""
LAST_NAT_ZONE = 0xBFFF
"""Those above are those of trunks' subports (``SUBPORT_NUMBERS`` of vrouter_ovs.numbers)."""


@dataclass(frozen=True, slots=True)
class OtherGateway:
    """Another gateway of the same router: ``hop`` leads to it, and it is alive while BFD is up on
    one of the tunnel ports ``ofports``."""

    hop: BridgedHop
    ofports: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class GatewayPort(StateBase):
    """The port of the router ``vrf`` on the external network ``evi``, on a vrouter that is one of
    its gateways: frames to ``mac`` enter the VRF, ARP and neighbor discovery for ``addresses`` are
    answered.  ``router_mac``: the vrouter's own.

    ``snat``: the one of them (IPv4) that what goes out gets as source; "": nothing is translated.
    ``zone``: where the connections of that are tracked, FIRST_NAT_ZONE to LAST_NAT_ZONE.
    ``before``, ``after``: the gateways that come before this one and after it, in their order.
    What was sent to this one out of a tunnel is taken whether or not those before it are alive: its
    sender has seen to that.  What comes to the address ``snat`` and belongs to no connection that
    is known here is for the others to know.
    """

    kind: ClassVar[str] = "gatewayport"
    vrf: int
    evi: int
    mac: str
    addresses: tuple[str, ...]
    router_mac: str
    snat: str = ""
    zone: int = 0
    before: tuple[OtherGateway, ...] = ()
    after: tuple[OtherGateway, ...] = ()

    @property
    def key(self) -> Key:
        return ("gatewayport", self.evi, self.mac)

    @property
    def depends_on_peers(self) -> bool:
        return bool(self.before or self.after)


@dataclass(frozen=True, slots=True)
class NatRefusals(StateBase):
    """What the router ``vrf`` sends out of a :class:`GatewayPort` that translates, and that begins
    a connection for which no port was left, ends here: an object of its own, as what it counts is
    told to people."""

    kind: ClassVar[str] = "natrefusals"
    vrf: int

    @property
    def key(self) -> Key:
        return ("natrefusals", self.vrf)

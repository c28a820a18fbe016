"""Floating IPs, and what lies beyond the gateways of routers that have them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from vrouter_ovs.state.base import Key, StateBase
from vrouter_ovs.state.forwarding import BridgedHop


@dataclass(frozen=True, slots=True)
class FloatingIp(StateBase):
    """``address`` in the EVI ``evi``, an external network, stands for ``fixed``, an address of the
    port ``ofport`` of this bridge whose MAC is ``port_mac`` and whose router, the VRF ``vrf``, has
    the MAC ``gateway_mac`` there.  It has a MAC of its own, ``mac``.

    ``onward``: the prefixes that the port reaches by it, each with the next hop on the external
    network, "" for what is on that link itself.
    """

    kind: ClassVar[str] = "floatingip"
    evi: int
    mac: str
    address: str
    vrf: int
    fixed: str
    ofport: int
    port_mac: str
    gateway_mac: str
    onward: tuple[tuple[str, str], ...] = ()

    @property
    def key(self) -> Key:
        return ("floatingip", self.evi, self.mac)


@dataclass(frozen=True, slots=True)
class FloatingErrors(StateBase):
    """ICMP errors from and to floating IPs are for the node, which translates what they quote; all
    else goes its way.  At most one, where there is a :class:`FloatingIp`."""

    kind: ClassVar[str] = "floatingerrors"

    @property
    def key(self) -> Key:
        return ("floatingerrors",)


@dataclass(frozen=True, slots=True)
class ExternalNeighbor(StateBase):
    """Packets that leave by a :class:`FloatingIp` for the next hop ``address`` on the external
    network ``evi`` go to ``mac``.

    That is at the port ``ofport`` of this bridge, or, where that is 0, at another VTEP along
    ``hop``, or, without one, on the network's physical segment.
    """

    kind: ClassVar[str] = "externalneighbor"
    evi: int
    address: str
    mac: str
    ofport: int = 0
    hop: BridgedHop | None = None

    @property
    def key(self) -> Key:
        return ("externalneighbor", self.evi, self.address)

    @property
    def depends_on_peers(self) -> bool:
        return self.hop is not None

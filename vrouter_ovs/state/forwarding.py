"""Where packets for one receiver go: MACs of an EVI, prefixes of a VRF."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from vrouter_ovs.state.base import Key, StateBase
from vrouter_ovs.state.endpoint import Endpoint


class BridgedHop(NamedTuple):
    """Deliver a frame to another VTEP as it is.  ``label``: the VNI that the egress advertised for
    its MAC-VRF (RFC 8365 section 5.1.3); each egress of a MAC may have its own."""

    endpoint: Endpoint
    label: int


@dataclass(frozen=True, slots=True)
class RemoteMac(StateBase):
    """Frames to ``mac`` in ``evi`` go to one of ``hops``; there is at least one.

    Several are the VTEPs of a multihomed segment (aliasing, RFC 7432 section 8.4).  The switch
    gets the first one's flow: whoever resolves puts the hop to use first.

    ``relay``: the MAC was at this vrouter until just now, so what others still send here by tunnel
    goes on to where it is.

    ``watch``: the hops are in order of preference, and for each these are the tunnel ports that
    lead to it: the switch takes the first of which one is live, and the first of all where none is.
    """

    kind: ClassVar[str] = "mac"
    depends_on_peers: ClassVar[bool] = True
    evi: int
    mac: str
    hops: tuple[BridgedHop, ...]
    relay: bool = False
    watch: tuple[tuple[int, ...], ...] = ()

    @property
    def key(self) -> Key:
        return ("mac", self.evi, self.mac)


@dataclass(frozen=True, slots=True)
class LocalMac(StateBase):
    """Frames to ``mac`` in ``evi`` go to the port ``ofport``, whose own MAC is another: it holds an
    address with a MAC that passes from one port to another (a VRRP router's, RFC 9568 7.3)."""

    kind: ClassVar[str] = "localmac"
    evi: int
    mac: str
    ofport: int

    @property
    def key(self) -> Key:
        return ("localmac", self.evi, self.mac)


@dataclass(frozen=True, slots=True, order=True)
class LocalHop:
    """Deliver to a port of this bridge: rewrite to ``mac`` from ``gateway_mac``, out ``ofport``."""

    ofport: int
    evi: int
    mac: str
    gateway_mac: str


@dataclass(frozen=True, slots=True, order=True)
class RemoteHop:
    """Deliver to another VTEP (symmetric IRB, RFC 9135 section 4.2).

    ``label``: the VNI that the egress advertised for its VRF; ``router_mac``: its Router's MAC.
    """

    endpoint: Endpoint
    label: int
    router_mac: str


@dataclass(frozen=True, slots=True, order=True)
class OutsideHop:
    """Deliver to ``mac``, a neighbor on the external network ``evi``, from the router's gateway
    port ``gateway_mac`` there, with the router's own address as source where it has one for that.

    The neighbor is at the port ``ofport`` of this bridge, or, where that is 0, behind the VTEP of
    ``endpoint``, which takes ``label`` for the network.
    """

    evi: int
    mac: str
    gateway_mac: str
    ofport: int = 0
    endpoint: Endpoint | None = None
    label: int = 0


@dataclass(frozen=True, slots=True)
class Route(StateBase):
    """One prefix of a VRF.  Several hops are ECMP; no hop means: known, and dropped.  ``relay``, of
    one remote hop, and ``watch``: as of a :class:`RemoteMac`; a hop that is none of a tunnel has
    no tunnel ports, is the last, and taken where those before it are not live.  What came from a
    tunnel takes that alone."""

    kind: ClassVar[str] = "route"
    vrf: int
    prefix: str
    hops: tuple[LocalHop | RemoteHop | OutsideHop, ...]
    relay: bool = False
    watch: tuple[tuple[int, ...], ...] = ()

    @property
    def key(self) -> Key:
        return ("route", self.vrf, self.prefix)

    @property
    def depends_on_peers(self) -> bool:
        return any(type(hop) is RemoteHop for hop in self.hops)

"""What one vrouter must do, as small keyed frozen objects: the contract with the control core.

The desired state of a vrouter is a ``dict[Key, StateObject]``.  ``object.key`` is unique within
one vrouter.  :func:`vrouter_ovs.pipeline.render` turns one object into flows and looks at nothing
but that object, so whatever needs several inputs (a binding, a route, a MAC) was resolved before.

Identifiers carry no allocation of their own: an EVI is named by its L2 VNI and a VRF by its L3 VNI,
both 24 bits (RFC 8365 section 5), and the end of a tunnel by its :class:`Endpoint`.  The same
configuration therefore renders to the same bytes on every node and after every restart.

Addresses are strings in canonical form ("10.0.0.1", "fd00::1"), MACs lower case with colons,
prefixes "10.0.0.0/24".  Both IP families are allowed everywhere an address stands.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from vrouter_ovs.encapsulation import VXLAN
from vrouter_ovs.state.database import InterfaceInstalled, TunnelPort, tunnel_port_key
from vrouter_ovs.state.endpoint import Endpoint
from vrouter_ovs.state.groups import (
    ALL,
    FAST_FAILOVER,
    GROUP_TYPES,
    SELECT,
    Bucket,
    Group,
)
from vrouter_ovs.state.meters import MeterPool
from vrouter_ovs.state.targets import FLOWS, GROUP, METER, OPENFLOW, OVSDB, TARGETS, Key

__all__ = [
    "ALL", "FAST_FAILOVER", "FLOWS", "GROUP", "GROUP_TYPES", "METER", "OPENFLOW", "OVSDB", "SELECT",
    "TARGETS", "VXLAN", "Bucket", "Endpoint", "Group", "InterfaceInstalled", "Key", "MeterPool",
    "TunnelPort", "tunnel_port_key",
]


class BridgedHop(NamedTuple):
    """Deliver a frame to another VTEP as it is.  ``label``: the VNI that the egress advertised for
    its MAC-VRF (RFC 8365 section 5.1.3); each egress of a MAC may have its own."""

    endpoint: Endpoint
    label: int


@dataclass(frozen=True, slots=True)
class Vrouter:
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

    @property
    def depends_on_peers(self) -> bool:
        return False


@dataclass(frozen=True, slots=True)
class Tunnel:
    """The tunnel port towards one endpoint.  ``ofport``: its OpenFlow port number."""

    kind: ClassVar[str] = "tunnel"
    endpoint: Endpoint
    ofport: int

    @property
    def key(self) -> Key:
        return tunnel_key(self.endpoint)

    @property
    def depends_on_peers(self) -> bool:
        return True


def tunnel_key(endpoint: Endpoint) -> Key:
    """The key of the :class:`Tunnel` towards ``endpoint``.  Of VXLAN on the first path the VTEP
    alone: cookies are made from keys, and those of flows that are on switches must stay."""
    vtep, encap, path = endpoint
    return ("tunnel", vtep) if encap == VXLAN and not path else ("tunnel", vtep, encap, path)


MDNS_FLOOD, MDNS_LOCAL, MDNS_ANSWER = MDNS_MODES = ("flood", "local", "answer")


@dataclass(frozen=True, slots=True)
class Evi:
    """A MAC-VRF present on this vrouter; ``evi`` is its L2 VNI.

    ``flood_unknown``: what asks for an address that nobody is known to have (ARP requests, neighbor
    solicitations, duplicate address detection) goes to everyone; otherwise it ends in the switch.
    ``mdns``: where multicast DNS goes (RFC 6762): :data:`MDNS_FLOOD`, as all multicast;
    :data:`MDNS_LOCAL`, to ports of this vrouter alone; :data:`MDNS_ANSWER`, to the node alone.
    """

    kind: ClassVar[str] = "evi"
    evi: int
    flood_unknown: bool = False
    mdns: str = MDNS_FLOOD

    @property
    def key(self) -> Key:
        return ("evi", self.evi)

    @property
    def depends_on_peers(self) -> bool:
        return False


@dataclass(frozen=True, slots=True)
class Vrf:
    """An IP-VRF present on this vrouter; ``vrf`` is its L3 VNI.

    ``router_mac``: this vrouter's own Router's MAC, the only inner destination MAC that is
    accepted with the L3 VNI.
    """

    kind: ClassVar[str] = "vrf"
    vrf: int
    router_mac: str

    @property
    def key(self) -> Key:
        return ("vrf", self.vrf)

    @property
    def depends_on_peers(self) -> bool:
        return False


@dataclass(frozen=True, slots=True)
class Gateway:
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

    @property
    def depends_on_peers(self) -> bool:
        return False


@dataclass(frozen=True, slots=True)
class LocalPort:
    """A VM port on this bridge.

    ``policy``: the id of its policy set (see :class:`Policy`), 0 where nothing is filtered.
    ``allowed``: the (MAC, address or prefix) pairs it may send from; its own come first.  A pair
    with the address "" allows the MAC alone, one with an IPv6 address the link-local address of the
    MAC (modified EUI-64) as well.  With ``port_security`` off everything is allowed.
    ``shared``: those of ``allowed`` that other ports may have too.  What announces such an address
    (ARP, a neighbor advertisement) goes its way, and the node hears it as well.  An address that is
    not shared is the port's own; all that a prefix or "" allows may be announced only where it is
    nobody's own (see :class:`Neighbor`).
    """

    kind: ClassVar[str] = "port"
    port_id: str
    ofport: int
    evi: int
    mac: str
    allowed: tuple[tuple[str, str], ...]
    port_security: bool = True
    policy: int = 0
    shared: tuple[tuple[str, str], ...] = ()

    @property
    def key(self) -> Key:
        return ("port", self.port_id)

    @property
    def depends_on_peers(self) -> bool:
        return False


@dataclass(frozen=True, slots=True)
class Punt:
    """What a port asks of the network itself (DHCP, router solicitations, DNS), and what a router
    has to answer with an error, reaches the node.  ``counted``: what begins a connection
    of the port passes a meter as well.

    An object of its own: a switch that has no meters refuses this, and the port works without.
    """

    kind: ClassVar[str] = "punt"
    port_id: str
    ofport: int
    counted: bool = False

    @property
    def key(self) -> Key:
        return ("punt", self.port_id)

    @property
    def depends_on_peers(self) -> bool:
        return False


OWNER_KNOWN, OWNER_PORT, OWNER_NETWORK, OWNER_ROUTER = 1, 3, 7, 15
"""Whose a known address is.  OWNER_KNOWN: it is where it was announced last, and who may have it
can take it over.  OWNER_PORT: a port's fixed one, that no allowed address pair takes.
OWNER_NETWORK: the network's own (DHCP, DNS); OWNER_ROUTER: a gateway's; these no port announces."""


@dataclass(frozen=True, slots=True)
class Neighbor:
    """ARP (or ND) for ``address`` in ``evi`` is answered with ``mac`` by the switch.

    ``ofport``: the port of this bridge that has the address, or 0.  What that port asks about it
    is not answered: a host that checks whether its own address is free would give it up (RFC 5227
    section 2.1.1).  ``owner``: OWNER_KNOWN, OWNER_PORT or OWNER_NETWORK: who else may announce it.
    """

    kind: ClassVar[str] = "neighbor"
    evi: int
    address: str
    mac: str
    remote: bool = True
    ofport: int = 0
    owner: int = OWNER_KNOWN

    @property
    def key(self) -> Key:
        return ("neighbor", self.evi, self.address)

    @property
    def depends_on_peers(self) -> bool:
        return self.remote


@dataclass(frozen=True, slots=True)
class DnsServer:
    """DNS queries of local ports of ``evi`` to ``address`` are for the node."""

    kind: ClassVar[str] = "dns"
    evi: int
    address: str

    @property
    def key(self) -> Key:
        return ("dns", self.evi, self.address)

    @property
    def depends_on_peers(self) -> bool:
        return False


@dataclass(frozen=True, slots=True)
class RemoteMac:
    """Frames to ``mac`` in ``evi`` go to one of ``hops``; there is at least one.

    Several are the VTEPs of a multihomed segment (aliasing, RFC 7432 section 8.4).  The switch
    gets the first one's flow: whoever resolves puts the hop to use first.
    """

    kind: ClassVar[str] = "mac"
    evi: int
    mac: str
    hops: tuple[BridgedHop, ...]

    @property
    def key(self) -> Key:
        return ("mac", self.evi, self.mac)

    @property
    def depends_on_peers(self) -> bool:
        return True


@dataclass(frozen=True, slots=True)
class LocalMac:
    """Frames to ``mac`` in ``evi`` go to the port ``ofport``, whose own MAC is another: it holds an
    address with a MAC that passes from one port to another (a VRRP router's, RFC 9568 7.3)."""

    kind: ClassVar[str] = "localmac"
    evi: int
    mac: str
    ofport: int

    @property
    def key(self) -> Key:
        return ("localmac", self.evi, self.mac)

    @property
    def depends_on_peers(self) -> bool:
        return False


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


@dataclass(frozen=True, slots=True)
class Route:
    """One prefix of a VRF.  Several hops are ECMP; no hop means: known, and dropped."""

    kind: ClassVar[str] = "route"
    vrf: int
    prefix: str
    hops: tuple[LocalHop | RemoteHop, ...]

    @property
    def key(self) -> Key:
        return ("route", self.vrf, self.prefix)

    @property
    def depends_on_peers(self) -> bool:
        return any(type(hop) is RemoteHop for hop in self.hops)


@dataclass(frozen=True, slots=True)
class Flood:
    """Where broadcast and multicast of an EVI go: local OpenFlow ports, and then to the EVI's
    :class:`FloodRemotes`.  It depends on no peer: a new port hears the others at once."""

    kind: ClassVar[str] = "flood"
    evi: int
    ports: tuple[int, ...]

    @property
    def key(self) -> Key:
        return ("flood", self.evi)

    @property
    def depends_on_peers(self) -> bool:
        return False


@dataclass(frozen=True, slots=True)
class FloodRemotes:
    """The hops that broadcast and multicast of an EVI go to, a copy to each.

    What came from a tunnel goes to local ports only (split horizon, RFC 8365 section 5).
    """

    kind: ClassVar[str] = "floodremotes"
    evi: int
    remotes: tuple[BridgedHop, ...]

    @property
    def key(self) -> Key:
        return ("floodremotes", self.evi)

    @property
    def depends_on_peers(self) -> bool:
        return True


INGRESS = "ingress"
EGRESS = "egress"


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy set: the security groups that some ports of this vrouter have in common.

    ``policy``: 31 bits, never 0, derived from the ids of the groups; ports with the same groups
    share it and all its rules.  What no :class:`Rule` of the set allows is dropped.  ``stateful``:
    connections are tracked, replies and related errors pass, and a connection whose first direction
    is no longer allowed is cut.
    """

    kind: ClassVar[str] = "policy"
    policy: int
    stateful: bool = True

    @property
    def key(self) -> Key:
        return ("policy", self.policy)

    @property
    def depends_on_peers(self) -> bool:
        return False


@dataclass(frozen=True, slots=True)
class Rule:
    """What a policy set allows, in one direction seen from the port.

    ``version``: 4 or 6.  ``protocol``: 1 to 255, or -1 for any.  ``first``, ``last``: destination
    ports of TCP, UDP, SCTP; for ICMP the type and the code; -1 for any.  ``remote``:
    a prefix of the other side, or "".  ``peer``: the other side's policy set as found by a
    :class:`PeerAddress`, or 0 for any.  Rules of a set never overlap in ports when all else is
    equal.  ``rules``: ids of the configured rules that this comes from; not part of the key.
    ``stateful``: as the set is; a rule of a tracked set is held against the connection's first
    packet, one of an untracked set against each packet alone.
    """

    kind: ClassVar[str] = "rule"
    policy: int
    direction: str
    version: int
    protocol: int = -1
    first: int = -1
    last: int = -1
    remote: str = ""
    peer: int = 0
    rules: tuple[str, ...] = ()
    stateful: bool = True

    @property
    def key(self) -> Key:
        return (
            "rule", self.policy, self.direction, self.version, self.protocol, self.first,
            self.last, self.remote, self.peer,
        )

    @property
    def depends_on_peers(self) -> bool:
        return False


@dataclass(frozen=True, slots=True)
class PeerAddress:
    """For ports of set ``policy``: the other side's ``address`` (or prefix) is of set ``peer``.

    ``stateful``: as the set ``policy`` is.  With a ``mac``: only where the other side is this MAC
    in the EVI ``evi``, so that a prefix which covers much says nothing of others' packets.
    """

    kind: ClassVar[str] = "peer"
    policy: int
    direction: str
    address: str
    peer: int
    stateful: bool = True
    mac: str = ""
    evi: int = 0

    @property
    def key(self) -> Key:
        place = (self.policy, self.direction, self.address)
        return ("peer", *place, self.evi, self.mac) if self.mac else ("peer", *place)

    @property
    def depends_on_peers(self) -> bool:
        return False


StateObject = (
    Vrouter | Tunnel | Evi | Vrf | Gateway | LocalPort | Punt | Neighbor | DnsServer | RemoteMac
    | LocalMac | Route | Flood | FloodRemotes | Policy | Rule | PeerAddress
    | Group | MeterPool | TunnelPort | InterfaceInstalled
)
KINDS: dict[str, type] = {cls.kind: cls for cls in StateObject.__args__}
TARGET_OF: dict[str, str] = {kind: getattr(cls, "target", FLOWS) for kind, cls in KINDS.items()}
"""Kind -> where its objects become real."""

"""What one vrouter must do, as small keyed frozen objects: the contract with the control core.

The desired state of a vrouter is a ``dict[Key, StateObject]``.  ``object.key`` is unique within
one vrouter.  Each object becomes real in its target: as flows (:func:`vrouter_ovs.pipeline.render`
turns one object into flows), as a group, as meters, or as rows of the hypervisor's database.  Who
renders it looks at nothing but that object, so whatever needs several inputs (a binding, a route, a
MAC) was resolved before.  A kind is declared in the file of its family, here beside.

Identifiers carry no allocation of their own: an EVI is named by its L2 VNI and a VRF by its L3 VNI,
both 24 bits (RFC 8365 section 5), and the end of a tunnel by its :class:`Endpoint`.  The same
configuration therefore renders to the same bytes on every node and after every restart.

Addresses are strings in canonical form ("10.0.0.1", "fd00::1"), MACs lower case with colons,
prefixes "10.0.0.0/24".  Both IP families are allowed everywhere an address stands.
"""

from __future__ import annotations

from vrouter_ovs.encapsulation import VXLAN
from vrouter_ovs.state.addresses import (
    METADATA_ADDRESSES,
    METADATA_MAC,
    OWNER_KNOWN,
    OWNER_NETWORK,
    OWNER_PORT,
    OWNER_ROUTER,
    DnsServer,
    Metadata,
    Neighbor,
)
from vrouter_ovs.state.base import Key, StateBase
from vrouter_ovs.state.chains import Classifier, ServiceInstance, Steered, Steering
from vrouter_ovs.state.database import (
    ControllerTarget,
    InterfaceInstalled,
    PatchPort,
    TunnelPort,
    tunnel_port_key,
)
from vrouter_ovs.state.endpoint import Endpoint
from vrouter_ovs.state.floating import ExternalNeighbor, FloatingErrors, FloatingIp
from vrouter_ovs.state.flood import Flood, FloodParts, FloodRemotes, flood_parts, flood_parts_key
from vrouter_ovs.state.forwarding import (
    BridgedHop,
    LocalHop,
    LocalMac,
    OutsideHop,
    RemoteHop,
    RemoteMac,
    Route,
)
from vrouter_ovs.state.groups import ALL, FAST_FAILOVER, GROUP_TYPES, SELECT, Bucket, Group
from vrouter_ovs.state.limits import Limits
from vrouter_ovs.state.meters import MeterPool
from vrouter_ovs.state.mirrors import (
    ERSPAN,
    GRE,
    MIRROR_TYPES,
    MOST_SESSION,
    Copy,
    Mirroring,
    PortMirror,
    TapPort,
    collector,
    session_of,
)
from vrouter_ovs.state.multicast import MulticastGroup, Snooping
from vrouter_ovs.state.outside import (
    FIRST_NAT_ZONE,
    LAST_NAT_ZONE,
    GatewayPort,
    NatRefusals,
    OtherGateway,
)
from vrouter_ovs.state.policy import (
    BITS,
    EGRESS,
    INGRESS,
    MAX_PAGE,
    Membership,
    Page,
    PeerAddress,
    Policy,
    Rule,
)
from vrouter_ovs.state.ports import (
    STANDBY,
    STANDBY_WATCHED,
    Arrived,
    KnownSource,
    LearningPort,
    LocalPort,
    Punt,
    Trunks,
)
from vrouter_ovs.state.segments import PhysicalNetwork, Segment
from vrouter_ovs.state.storm import StormControl
from vrouter_ovs.state.targets import FLOWS, GROUP, METER, OPENFLOW, OVSDB, TARGETS
from vrouter_ovs.state.tunnels import Tunnel, tunnel_key
from vrouter_ovs.state.vrouter import (
    MDNS_ANSWER,
    MDNS_FLOOD,
    MDNS_LOCAL,
    MDNS_MODES,
    Evi,
    Gateway,
    Vrf,
    Vrouter,
)

__all__ = [
    "ALL", "BITS", "EGRESS", "ERSPAN", "FAST_FAILOVER", "FIRST_NAT_ZONE", "FLOWS", "GRE", "GROUP",
    "GROUP_TYPES", "INGRESS", "KINDS", "LAST_NAT_ZONE", "MAX_PAGE", "MDNS_ANSWER", "MDNS_FLOOD",
    "MDNS_LOCAL", "MDNS_MODES", "METADATA_ADDRESSES", "METADATA_MAC", "METER", "MIRROR_TYPES",
    "MOST_SESSION", "OPENFLOW", "OVSDB", "OWNER_KNOWN", "OWNER_NETWORK", "OWNER_PORT",
    "OWNER_ROUTER", "SELECT", "STANDBY", "STANDBY_WATCHED", "TARGETS", "TARGET_OF", "VXLAN",
    "Arrived", "BridgedHop", "Bucket", "Classifier", "ControllerTarget", "Copy", "DnsServer",
    "Endpoint", "Evi", "ExternalNeighbor", "FloatingErrors", "FloatingIp", "Flood", "FloodParts",
    "FloodRemotes", "Gateway", "GatewayPort", "Group", "InterfaceInstalled", "Key", "KnownSource",
    "LearningPort", "Limits", "LocalHop", "LocalMac", "LocalPort", "Membership", "Metadata",
    "MeterPool", "Mirroring", "MulticastGroup", "NatRefusals", "Neighbor", "OtherGateway",
    "OutsideHop", "Page", "PatchPort", "PeerAddress", "PhysicalNetwork", "Policy", "PortMirror",
    "Punt", "RemoteHop", "RemoteMac", "Route", "Rule", "Segment", "ServiceInstance", "Snooping",
    "StateBase", "StateObject", "Steered", "Steering", "StormControl", "TapPort", "Trunks",
    "Tunnel", "TunnelPort", "Vrf", "Vrouter", "collector", "flood_parts", "flood_parts_key",
    "session_of", "tunnel_key", "tunnel_port_key",
]

StateObject = (
    Vrouter | Tunnel | Evi | Vrf | Gateway | LocalPort | Arrived | Punt | Neighbor | DnsServer
    | Metadata | RemoteMac | LocalMac | Route | Flood | FloodRemotes | Policy | Rule | PeerAddress
    | Membership
    | Limits | Group | MeterPool | TunnelPort | ControllerTarget | InterfaceInstalled | GatewayPort
    | NatRefusals | PhysicalNetwork | Segment | PatchPort | Trunks | FloodParts | ServiceInstance
    | LearningPort | KnownSource
    | Steering | MulticastGroup | Snooping | FloatingIp | FloatingErrors | ExternalNeighbor
    | PortMirror | Mirroring | TapPort
    | StormControl
)
KINDS: dict[str, type] = {cls.kind: cls for cls in StateObject.__args__}
TARGET_OF: dict[str, str] = {kind: cls.target for kind, cls in KINDS.items()}
"""Kind -> where its objects become real."""

"""State objects to flows: one function for each kind, one file for each concern.

:func:`render` is pure and looks at nothing but its object.  The bytes of its flows come from
:func:`vrouter_ovs.wire.encode.encode_object`.
"""

from __future__ import annotations

from collections.abc import Callable

from vrouter_ovs.errors import PipelineError
from vrouter_ovs.pipeline.chains import render_service_instance, render_steering
from vrouter_ovs.pipeline.edge.dns import render_dns_server
from vrouter_ovs.pipeline.edge.metadata import render_metadata
from vrouter_ovs.pipeline.edge.neighbor import render_neighbor
from vrouter_ovs.pipeline.external.floating import (
    render_external_neighbor,
    render_floating_errors,
    render_floating_ip,
)
from vrouter_ovs.pipeline.external.outside import render_gateway_port, render_nat_refusals
from vrouter_ovs.pipeline.external.segment import render_physical_network, render_segment
from vrouter_ovs.pipeline.flood import render_flood, render_flood_remotes
from vrouter_ovs.pipeline.gateway import render_gateway, render_vrf
from vrouter_ovs.pipeline.l2 import (
    render_evi,
    render_local_mac,
    render_remote_mac,
)
from vrouter_ovs.pipeline.mirrors import render_mirror, render_mirroring, render_tap
from vrouter_ovs.pipeline.multicast import render_multicast_group, render_snooping
from vrouter_ovs.pipeline.ports.arrived import render_arrived
from vrouter_ovs.pipeline.ports.connect import render_punt
from vrouter_ovs.pipeline.ports.learning import render_known_source, render_learning_port
from vrouter_ovs.pipeline.ports.limits import render_limits
from vrouter_ovs.pipeline.ports.port import render_port
from vrouter_ovs.pipeline.ports.storm import render_storm_control
from vrouter_ovs.pipeline.ports.subport import render_trunks
from vrouter_ovs.pipeline.route import render_route
from vrouter_ovs.pipeline.security.peers import render_membership, render_peer_address
from vrouter_ovs.pipeline.security.policy import render_policy, render_rule
from vrouter_ovs.pipeline.tunnel import render_tunnel
from vrouter_ovs.pipeline.vrouter import render_vrouter
from vrouter_ovs.schema.flow import Flow
from vrouter_ovs.state import (
    Arrived,
    DnsServer,
    Evi,
    ExternalNeighbor,
    FloatingErrors,
    FloatingIp,
    Flood,
    FloodRemotes,
    Gateway,
    GatewayPort,
    KnownSource,
    LearningPort,
    Limits,
    LocalMac,
    LocalPort,
    Membership,
    Metadata,
    Mirroring,
    MulticastGroup,
    NatRefusals,
    Neighbor,
    PeerAddress,
    PhysicalNetwork,
    Policy,
    PortMirror,
    Punt,
    RemoteMac,
    Route,
    Rule,
    Segment,
    ServiceInstance,
    Snooping,
    StateObject,
    Steering,
    StormControl,
    TapPort,
    Trunks,
    Tunnel,
    Vrf,
    Vrouter,
)

__all__ = ["RENDERERS", "PipelineError", "render"]

RENDERERS: dict[type, Callable[..., tuple[Flow, ...]]] = {
    Vrouter: render_vrouter,
    Tunnel: render_tunnel,
    Evi: render_evi,
    Vrf: render_vrf,
    Gateway: render_gateway,
    GatewayPort: render_gateway_port,
    NatRefusals: render_nat_refusals,
    FloatingIp: render_floating_ip,
    FloatingErrors: render_floating_errors,
    ExternalNeighbor: render_external_neighbor,
    LocalPort: render_port,
    Trunks: render_trunks,
    LearningPort: render_learning_port,
    KnownSource: render_known_source,
    Limits: render_limits,
    Arrived: render_arrived,
    Metadata: render_metadata,
    PortMirror: render_mirror,
    Mirroring: render_mirroring,
    TapPort: render_tap,
    Punt: render_punt,
    Neighbor: render_neighbor,
    DnsServer: render_dns_server,
    RemoteMac: render_remote_mac,
    LocalMac: render_local_mac,
    Route: render_route,
    Flood: render_flood,
    FloodRemotes: render_flood_remotes,
    MulticastGroup: render_multicast_group,
    Snooping: render_snooping,
    StormControl: render_storm_control,
    Policy: render_policy,
    Rule: render_rule,
    Membership: render_membership,
    PeerAddress: render_peer_address,
    PhysicalNetwork: render_physical_network,
    Segment: render_segment,
    Steering: render_steering,
    ServiceInstance: render_service_instance,
}


def render(obj: StateObject) -> tuple[Flow, ...]:
    """The flows of one state object.  Raises PipelineError where it cannot be rendered."""
    try:
        renderer = RENDERERS[type(obj)]
    except KeyError:
        raise PipelineError(f"nothing renders {type(obj).__name__}") from None
    return renderer(obj)

"""What a World is told once, when it is made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Settings:
    """``peers``: ids of the configured peers that tell routes which vrouters forward by;
    ``peer_kinds``, and the seconds ``stale_time``, ``restart_time`` and ``stalepath_time``: see
    :class:`~ryu_apps.control.peers.Peers`.  Seconds also: ``restart_deferral``, see
    :class:`~ryu_apps.control.membership.convergence.Convergence`; ``dns_ttl``, how long VMs may
    remember a name of their network.  ``import_any_as``: see
    :class:`~ryu_apps.control.vpn.instances.Instances`.
    ``overlay_mtus``: see :class:`~vrouter_ovs.state.Vrouter`.  ``most_lost_ports``: percent, see
    :class:`~ryu_apps.control.elements.trust.Trust`.  ``new_connections``: how many a second
    a port may begin, see :func:`~vrouter_ovs.state.meters.meter_pools`.  ``limit_connections``:
    whether the connections of each port are to be limited where a hypervisor's database can say
    so.  ``path_hold``: seconds that an underlay path which failed has to be up before it carries
    traffic again.  ``weight``: of this node among the others, see
    :mod:`~ryu_apps.control.ownership.plan`.  ``metadata``: whether instances are served theirs.
    ``igmp_flood_unregistered``: see :class:`~vrouter_ovs.state.Snooping`.  ``storm_rate``: frames
    to groups that a port may send in a second, 0: any number.  ``mac_limit``, ``mac_ageing``: see
    :mod:`~ryu_apps.control.addresses.macs`."""

    node: str
    local_as: int
    peers: tuple[str, ...]
    stale_time: float
    restart_time: float
    restart_deferral: float
    overlay_mtus: tuple[tuple[str, int], ...]
    import_any_as: bool
    dns_ttl: int
    peer_kinds: Mapping[str, str] = field(hash=False)
    stalepath_time: float
    most_lost_ports: int
    new_connections: int
    limit_connections: bool
    path_hold: float
    weight: int
    metadata: bool
    igmp_flood_unregistered: bool
    storm_rate: int
    mac_limit: int
    mac_ageing: float

"""Rows of the hypervisor's database: what a vrouter needs of Open vSwitch beside its flows.

Each kind here has its reconciler in :mod:`ryu_apps.southbound.ovsdb.objects`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from vrouter_ovs.state.base import Key, StateBase
from vrouter_ovs.state.endpoint import Endpoint
from vrouter_ovs.state.targets import OVSDB


@dataclass(frozen=True, slots=True)
class TunnelPort(StateBase):
    """A port of the bridge that leads to ``endpoint``.  Its OpenFlow number is known when the
    switch has made it, and then there is a :class:`~vrouter_ovs.state.Tunnel` for it.

    ``local_ip``, ``remote_ip``: the ends of the underlay path that it takes, where these are not
    the hypervisor's VTEP and the endpoint's."""

    kind: ClassVar[str] = "tunnelport"
    target: ClassVar[str] = OVSDB
    depends_on_peers: ClassVar[bool] = True
    endpoint: Endpoint
    local_ip: str = ""
    remote_ip: str = ""

    @property
    def key(self) -> Key:
        return tunnel_port_key(self.endpoint)


def tunnel_port_key(endpoint: Endpoint) -> Key:
    """The key of the :class:`TunnelPort` to ``endpoint``."""
    return ("tunnelport", *endpoint)


@dataclass(frozen=True, slots=True)
class PatchPort(StateBase):
    """A pair of patch ports between the integration bridge and the bridge ``bridge``, which leads
    to the physical network ``physical_network``.  The OpenFlow number of the one at the integration
    bridge is known when the switch has made it."""

    kind: ClassVar[str] = "patchport"
    target: ClassVar[str] = OVSDB
    physical_network: str
    bridge: str

    @property
    def key(self) -> Key:
        return ("patchport", self.physical_network)


@dataclass(frozen=True, slots=True)
class ControllerTarget(StateBase):
    """Another node that the bridge keeps a connection to, beside the one that writes this: it
    stands by.  ``method``: the connection method, as ``ovs-vsctl set-controller`` takes it."""

    kind: ClassVar[str] = "controller"
    target: ClassVar[str] = OVSDB
    depends_on_peers: ClassVar[bool] = True
    method: str

    @property
    def key(self) -> Key:
        return ("controller", self.method)


@dataclass(frozen=True, slots=True)
class InterfaceInstalled(StateBase):
    """For the host's own software: whether the flows of the port that the interface ``interface``
    claims are confirmed (``external_ids:vnc-installed``).

    An interface without such an object keeps the mark that it has: after a start the flows are in
    the switch still, and nothing has been confirmed to this node yet.
    """

    kind: ClassVar[str] = "installed"
    target: ClassVar[str] = OVSDB
    interface: str
    installed: bool

    @property
    def key(self) -> Key:
        return ("installed", self.interface)

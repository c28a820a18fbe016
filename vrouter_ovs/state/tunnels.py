"""Tunnels: which port of the bridge leads to an endpoint."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from vrouter_ovs.encapsulation import VXLAN
from vrouter_ovs.state.base import Key, StateBase
from vrouter_ovs.state.endpoint import Endpoint


@dataclass(frozen=True, slots=True)
class Tunnel(StateBase):
    """The tunnel port towards one endpoint.  ``ofport``: its OpenFlow port number.

    ``others``: the tunnel ports on further underlay paths to the same VTEP; the switch chooses, and
    a port is live while BFD is up on it.  ``spread``: a hash of a packet's flow chooses among all
    that are live, and where none is, packets leave by ``ofport``, as those of a single tunnel do
    whatever BFD says.  Else ``ofport`` takes everything while it is live, and the first of
    ``others`` where it is not.
    """

    kind: ClassVar[str] = "tunnel"
    depends_on_peers: ClassVar[bool] = True
    endpoint: Endpoint
    ofport: int
    others: tuple[int, ...] = ()
    spread: bool = False

    @property
    def key(self) -> Key:
        return tunnel_key(self.endpoint)


def tunnel_key(endpoint: Endpoint) -> Key:
    """The key of the :class:`Tunnel` towards ``endpoint``.  Of VXLAN on the first path the VTEP
    alone: cookies are made from keys, and those of flows that are on switches must stay."""
    vtep, encap, path = endpoint
    return ("tunnel", vtep) if encap == VXLAN and not path else ("tunnel", vtep, encap, path)

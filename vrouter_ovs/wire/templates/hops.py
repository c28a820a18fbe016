"""The template of what delivers to a hop, shared by all objects that have one.

What depends on the endpoint of a tunnel is rendered once for each endpoint and kept: an
encapsulation needs nothing here.
"""

from __future__ import annotations

from collections.abc import Callable

from vrouter_ovs.addresses import mac_bytes
from vrouter_ovs.encapsulation import ENCAPSULATIONS, MPLS_GRE
from vrouter_ovs.state import BridgedHop, Endpoint, LocalHop, RemoteHop, RemoteMac, Route
from vrouter_ovs.wire.templates.cut import cut, sample

LIMIT = 16384
"""Endpoints that are remembered."""

_EVI, _VNI, _PORT = 0xF1E2D3, 0xC4B5A6, 0x97A8B9CA
_VNI_B, _PORT_B = _VNI.to_bytes(4, "big"), _PORT.to_bytes(4, "big")
_MAC, _MAC2 = "f2:a1:b2:c3:d4:e5", "f6:15:26:37:48:59"
_MAC_B, _MAC2_B = mac_bytes(_MAC), mac_bytes(_MAC2)
_PREFIX = "203.119.87.41/32"
_VTEP = "198.91.173.62"
"""Markers: values whose bytes stand nowhere else in the samples."""


def _bridged_body(endpoint: Endpoint) -> bytes:
    return sample(RemoteMac(_EVI, _MAC, (BridgedHop(endpoint, _VNI),))).body


def _routed_body(endpoint: Endpoint) -> bytes:
    return sample(Route(_EVI, _PREFIX, (RemoteHop(endpoint, _VNI, _MAC),))).body


_to_local = sample(Route(_EVI, _PREFIX, (LocalHop(_PORT, _EVI, _MAC, _MAC2),))).body
_L0, _L1, _L2, _L3 = cut(_to_local, _MAC2_B, _MAC_B, _PORT_B)
# An endpoint's own bytes may look like a marker: the places are those of the sample's.
_BRIDGED_LABEL = len(cut(_bridged_body(Endpoint(_VTEP)), _VNI_B)[0])
_before, _between, _ = cut(_routed_body(Endpoint(_VTEP)), _MAC_B, _VNI_B)
_ROUTED_MAC = len(_before)
_ROUTED_LABEL = _ROUTED_MAC + 6 + len(_between)


class _Pieces(dict):
    """Endpoint -> the pieces of a body around what varies; raises PipelineError where no tunnel
    leads there.  It begins again when it is full: a peer can name endpoints without end."""

    def __init__(self, make: Callable[[Endpoint], tuple[bytes, ...]]) -> None:
        self._make = make

    def __missing__(self, endpoint: Endpoint) -> tuple[bytes, ...]:
        if len(self) >= LIMIT:
            self.clear()
        pieces = self[endpoint] = self._make(endpoint)
        return pieces


def _shift(endpoint: Endpoint) -> int:
    """By how many bytes the label stands further to the front than in the samples."""
    ovs = ENCAPSULATIONS[endpoint.encap].ovs
    assert ovs is not None and ovs.key_shift % 8 == 0, "it was rendered"
    return ovs.key_shift // 8


def _cut_bridged(endpoint: Endpoint) -> tuple[bytes, ...]:
    body = _bridged_body(endpoint)
    label = _BRIDGED_LABEL - _shift(endpoint)
    return body[:label], body[label + 4 :]


def _cut_routed(endpoint: Endpoint) -> tuple[bytes, ...]:
    body = _routed_body(endpoint)
    if endpoint.encap == MPLS_GRE:
        # What is routed has no frame there, and no MAC: as what is bridged.
        return b"", body[:_BRIDGED_LABEL], body[_BRIDGED_LABEL + 4 :]
    label = _ROUTED_LABEL - _shift(endpoint)
    return body[:_ROUTED_MAC], body[_ROUTED_MAC + 6 : label], body[label + 4 :]


bridged = _Pieces(_cut_bridged)
"""Endpoint -> (before the label of a :class:`BridgedHop`, behind it)."""
_routed = _Pieces(_cut_routed)


def hop_body(hop: LocalHop | RemoteHop) -> bytes:
    """The instructions of a flow that delivers what was routed to ``hop``.  Raises PipelineError
    where no tunnel leads there, and OverflowError for a label that does not fit."""
    if type(hop) is RemoteHop:
        before, between, behind = _routed[hop.endpoint]
        mac = mac_bytes(hop.router_mac) if before else b""
        return before + mac + between + hop.label.to_bytes(4, "big") + behind
    return (
        _L0 + mac_bytes(hop.gateway_mac) + _L1 + mac_bytes(hop.mac) + _L2
        + hop.ofport.to_bytes(4, "big") + _L3
    )  # fmt: skip

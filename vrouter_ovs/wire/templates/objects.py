"""State objects to bytes, fast: the hot path between the desired state and the switch.

For the kinds that come by the thousand (remote MACs, punts, IPv4 neighbors, IPv4 routes with one
hop or none here; IPv6 neighbors and host routes, local ports, rules and addresses of peers in files
of their own) the bytes come out of templates.  A template is cut out of the encoded flow of a
sample object: each value that varies is a marker in the sample, and the pieces between the markers
are kept.  So the pipeline stays the one place that says what a flow looks like; a property test
demands that both ways give the same bytes.  All other objects are rendered and encoded.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from vrouter_ovs.addresses import ipv4_bytes, mac_bytes
from vrouter_ovs.cookies import cookie
from vrouter_ovs.errors import PipelineError
from vrouter_ovs.schema.fields import PACKET_FIELDS
from vrouter_ovs.state import (
    VXLAN,
    BridgedHop,
    Endpoint,
    LocalHop,
    LocalPort,
    Neighbor,
    PeerAddress,
    Punt,
    RemoteHop,
    RemoteMac,
    Route,
    Rule,
    StateObject,
)
from vrouter_ovs.state.meters import connect_meter, meter_id
from vrouter_ovs.wire.flows import Encoded
from vrouter_ovs.wire.templates.cut import cut, encode_rendered, pattern, sample
from vrouter_ovs.wire.templates.ipv6 import host_route6, neighbor6
from vrouter_ovs.wire.templates.policy import peer_address, rule
from vrouter_ovs.wire.templates.port import local_port

# Markers: values whose bytes stand nowhere else in the samples.
_EVI, _VNI, _PORT, _OWNER = 0xF1E2D3, 0xC4B5A6, 0x97A8B9CA, 0x8B9CADBE
_MAC, _MAC2 = "f2:a1:b2:c3:d4:e5", "f6:15:26:37:48:59"
_IP, _VTEP = "203.119.87.41", "198.91.173.62"
_EVI_B, _VNI_B, _PORT_B, _OWNER_B = (
    value.to_bytes(4, "big") for value in (_EVI, _VNI, _PORT, _OWNER)
)
_MAC_B, _MAC2_B = mac_bytes(_MAC), mac_bytes(_MAC2)
_IP_B, _VTEP_B = ipv4_bytes(_IP), ipv4_bytes(_VTEP)


def _remote_mac() -> Callable[[RemoteMac], tuple[Encoded, ...]]:
    key, _, body = sample(RemoteMac(_EVI, _MAC, (BridgedHop(Endpoint(_VTEP), _VNI),)))
    k0, k1, k2 = cut(key, _MAC_B, _EVI_B)
    b0, b1, b2 = cut(body, _VNI_B, _VTEP_B)

    def fill(obj: RemoteMac) -> tuple[Encoded, ...]:
        evi = obj.evi
        mac = obj.mac
        endpoint, label = obj.hops[0]
        return (
            Encoded(
                k0 + mac_bytes(mac) + k1 + evi.to_bytes(4, "big") + k2,
                cookie(("mac", evi, mac)),
                b0 + label.to_bytes(4, "big") + b1 + ipv4_bytes(endpoint.vtep) + b2,
            ),
        )

    return fill


def _neighbor() -> Callable[[Neighbor], tuple[Encoded, ...]]:
    key, _, body = sample(Neighbor(_EVI, _IP, _MAC, True, _PORT, _OWNER))
    k0, k1, k2 = cut(key, _EVI_B, _IP_B)
    body = pattern(body, _MAC_B, _OWNER_B, _PORT_B)

    def fill(obj: Neighbor) -> tuple[Encoded, ...]:
        address = obj.address
        if ":" in address:
            return neighbor6(obj)
        evi = obj.evi
        return (
            Encoded(
                k0 + evi.to_bytes(4, "big") + k1 + ipv4_bytes(address) + k2,
                cookie(("neighbor", evi, address)),
                body % (
                    mac_bytes(obj.mac), obj.owner.to_bytes(4, "big"), obj.ofport.to_bytes(4, "big")
                ),
            ),
        )

    return fill


def _punt() -> Callable[[Punt], tuple[Encoded, ...]]:
    punted, counted = encode_rendered(Punt("", _PORT, True))
    k0, k1 = cut(punted.key, _PORT_B)
    b0, b1 = cut(punted.body, meter_id(_PORT).to_bytes(4, "big"))
    c0, c1 = cut(counted.key, _PORT_B)
    d0, d1 = cut(counted.body, connect_meter(_PORT).to_bytes(4, "big"))

    def fill(obj: Punt) -> tuple[Encoded, ...]:
        ofport = obj.ofport
        port, tag = ofport.to_bytes(4, "big"), cookie(("punt", obj.port_id))
        meters = meter_id(ofport).to_bytes(4, "big"), connect_meter(ofport).to_bytes(4, "big")
        to_node = Encoded(k0 + port + k1, tag, b0 + meters[0] + b1)
        if not obj.counted:
            return (to_node,)
        return to_node, Encoded(c0 + port + c1, tag, d0 + meters[1] + d1)

    return fill


@lru_cache(maxsize=33)
def _route_key(length: str) -> tuple[bytes, int, bytes, bytes] | None:
    """(before the address, host mask, after it, after the VRF) for one prefix length.

    None where the flow does not hold the address, or the length is not one.
    """
    if length not in _LENGTHS:
        return None
    raw = sample(Route(_EVI, f"{_IP}/{length}", ())).key
    header = PACKET_FIELDS["ipv4_dst"].header + (0 if length == "32" else 0x104)
    address = raw.index(header.to_bytes(4, "big")) + 4
    k1, k2 = cut(raw[address + 4 :], _EVI_B)
    return raw[:address], (1 << 32 - int(length)) - 1, k1, k2


# 0.0.0.0/0 holds no address.
_LENGTHS = frozenset(map(str, range(1, 33)))


def _route() -> Callable[[Route], tuple[Encoded, ...]]:
    remote = sample(Route(_EVI, _IP, (RemoteHop(Endpoint(_VTEP), _VNI, _MAC),))).body
    r0, r1, r2, r3 = cut(remote, _MAC_B, _VNI_B, _VTEP_B)
    local = sample(Route(_EVI, _IP, (LocalHop(_PORT, _EVI, _MAC, _MAC2),))).body
    l0, l1, l2, l3 = cut(local, _MAC2_B, _MAC_B, _PORT_B)

    def fill(obj: Route) -> tuple[Encoded, ...]:
        hops = obj.hops
        prefix = obj.prefix
        address, _, length = prefix.partition("/")
        if ":" in address:
            return host_route6(obj)
        if len(hops) > 1:
            return encode_rendered(obj)
        pieces = _route_key(length)
        if pieces is None:
            return encode_rendered(obj)
        k0, host_mask, k1, k2 = pieces
        ip = ipv4_bytes(address)
        if int.from_bytes(ip, "big") & host_mask:
            return encode_rendered(obj)
        if not hops:
            body = b""
        else:
            (hop,) = hops
            if type(hop) is LocalHop:
                body = (
                    l0 + mac_bytes(hop.gateway_mac) + l1 + mac_bytes(hop.mac) + l2
                    + hop.ofport.to_bytes(4, "big") + l3
                )  # fmt: skip
            elif hop.endpoint.encap == VXLAN:
                body = (
                    r0 + mac_bytes(hop.router_mac) + r1 + hop.label.to_bytes(4, "big") + r2
                    + ipv4_bytes(hop.endpoint.vtep) + r3
                )  # fmt: skip
            else:
                return encode_rendered(obj)
        vrf = obj.vrf
        return (
            Encoded(
                k0 + ip + k1 + vrf.to_bytes(4, "big") + k2,
                cookie(("route", vrf, prefix)),
                body,
            ),
        )

    return fill


_FILL: dict[type, Callable[..., tuple[Encoded, ...]]] = {
    RemoteMac: _remote_mac(),
    Neighbor: _neighbor(),
    Punt: _punt(),
    Route: _route(),
    LocalPort: local_port(),
    Rule: rule(),
    PeerAddress: peer_address(),
}


def encode_object(obj: StateObject) -> tuple[Encoded, ...]:
    """All flows of one object as bytes.  Raises PipelineError where it cannot be rendered."""
    fill = _FILL.get(type(obj), encode_rendered)
    try:
        return fill(obj)
    except OverflowError:
        raise PipelineError(f"a number does not fit its field: {obj}") from None

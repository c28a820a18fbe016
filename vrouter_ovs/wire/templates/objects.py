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
    BridgedHop,
    Endpoint,
    LocalPort,
    Neighbor,
    OutsideHop,
    PeerAddress,
    Punt,
    RemoteMac,
    Route,
    Rule,
    StateObject,
)
from vrouter_ovs.state.meters import connect_meter, meter_id
from vrouter_ovs.wire.flows import Encoded
from vrouter_ovs.wire.templates.cut import cut, encode_rendered, pattern, sample
from vrouter_ovs.wire.templates.hops import bridged, hop_body
from vrouter_ovs.wire.templates.ipv6 import host_route6, neighbor6
from vrouter_ovs.wire.templates.policy import peer_address, rule
from vrouter_ovs.wire.templates.port import local_port

# Markers: values whose bytes stand nowhere else in the samples.
_EVI, _PORT, _OWNER = 0xF1E2D3, 0x97A8B9CA, 0x8B9CADBE
_MAC, _IP = "f2:a1:b2:c3:d4:e5", "203.119.87.41"
_EVI_B, _PORT_B, _OWNER_B = (value.to_bytes(4, "big") for value in (_EVI, _PORT, _OWNER))
_MAC_B, _IP_B = mac_bytes(_MAC), ipv4_bytes(_IP)


def _remote_mac() -> Callable[[RemoteMac], tuple[Encoded, ...]]:
    key = sample(RemoteMac(_EVI, _MAC, (BridgedHop(Endpoint("192.0.2.1"), 1),))).key
    k0, k1, k2 = cut(key, _MAC_B, _EVI_B)

    def fill(obj: RemoteMac) -> tuple[Encoded, ...]:
        evi = obj.evi
        mac = obj.mac
        if not obj.hops or obj.relay or obj.watch:
            return encode_rendered(obj)
        endpoint, label = obj.hops[0]
        before, behind = bridged[endpoint]
        return (
            Encoded(
                k0 + mac_bytes(mac) + k1 + evi.to_bytes(4, "big") + k2,
                cookie(("mac", evi, mac)),
                before + label.to_bytes(4, "big") + behind,
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
        if obj.storm:
            return encode_rendered(obj)
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


def _route(obj: Route) -> tuple[Encoded, ...]:
    hops = obj.hops
    prefix = obj.prefix
    address, _, length = prefix.partition("/")
    if ":" in address:
        return host_route6(obj)
    if len(hops) > 1 or obj.relay or obj.watch or (hops and type(hops[0]) is OutsideHop):
        return encode_rendered(obj)
    pieces = _route_key(length)
    if pieces is None:
        return encode_rendered(obj)
    k0, host_mask, k1, k2 = pieces
    ip = ipv4_bytes(address)
    if int.from_bytes(ip, "big") & host_mask:
        return encode_rendered(obj)
    body = hop_body(hops[0]) if hops else b""
    vrf = obj.vrf
    return (
        Encoded(
            k0 + ip + k1 + vrf.to_bytes(4, "big") + k2,
            cookie(("route", vrf, prefix)),
            body,
        ),
    )


_FILL: dict[type, Callable[..., tuple[Encoded, ...]]] = {
    RemoteMac: _remote_mac(),
    Neighbor: _neighbor(),
    Punt: _punt(),
    Route: _route,
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

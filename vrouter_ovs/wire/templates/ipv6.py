"""The templates of IPv6 neighbors and host routes: see
:mod:`vrouter_ovs.wire.templates.objects`."""

from __future__ import annotations

from collections.abc import Callable

from vrouter_ovs.addresses import ipv4_bytes, ipv6_bytes, mac_bytes
from vrouter_ovs.cookies import cookie
from vrouter_ovs.state import VXLAN, Endpoint, LocalHop, Neighbor, RemoteHop, Route
from vrouter_ovs.wire.flows import Encoded
from vrouter_ovs.wire.templates.cut import cut, encode_rendered, pattern, sample

_EVI, _VNI, _PORT, _OWNER = 0xF1E2D3, 0xC4B5A6, 0x97A8B9CA, 0x8B9CADBE
_MAC, _MAC2, _VTEP = "f2:a1:b2:c3:d4:e5", "f2:57:68:79:8a:9b", "198.51.100.233"
_IP = "f1d2:c3b4:a596:8778:695a:4b3c:2d1e:9f8e"
_EVI_B, _VNI_B, _PORT_B, _OWNER_B = (
    value.to_bytes(4, "big") for value in (_EVI, _VNI, _PORT, _OWNER)
)
_MAC_B, _MAC2_B, _IP_B, _VTEP_B = (
    mac_bytes(_MAC), mac_bytes(_MAC2), ipv6_bytes(_IP), ipv4_bytes(_VTEP),
)  # fmt: skip


def _neighbor() -> Callable[[Neighbor], tuple[Encoded, ...]]:
    key, _, body = sample(Neighbor(_EVI, _IP, _MAC, True, _PORT, _OWNER))
    # The address stands there by 32 bits.
    key = pattern(key, _EVI_B, *(_IP_B[at : at + 4] for at in range(0, 16, 4)))
    body = pattern(body, _MAC_B, _OWNER_B, _PORT_B)

    def fill(obj: Neighbor) -> tuple[Encoded, ...]:
        address, evi = obj.address, obj.evi
        ip = ipv6_bytes(address)
        return (
            Encoded(
                key % (evi.to_bytes(4, "big"), ip[:4], ip[4:8], ip[8:12], ip[12:]),
                cookie(("neighbor", evi, address)),
                body % (
                    mac_bytes(obj.mac), obj.owner.to_bytes(4, "big"), obj.ofport.to_bytes(4, "big")
                ),
            ),
        )

    return fill


def _host_route() -> Callable[[Route], tuple[Encoded, ...]]:
    key, _, remote = sample(Route(_EVI, f"{_IP}/128", (RemoteHop(Endpoint(_VTEP), _VNI, _MAC),)))
    local = sample(Route(_EVI, f"{_IP}/128", (LocalHop(_PORT, _EVI, _MAC, _MAC2),))).body
    k0, k1, k2 = cut(key, _IP_B, _EVI_B)
    r0, r1, r2, r3 = cut(remote, _MAC_B, _VNI_B, _VTEP_B)
    l0, l1, l2, l3 = cut(local, _MAC2_B, _MAC_B, _PORT_B)

    def fill(obj: Route) -> tuple[Encoded, ...]:
        prefix, vrf, hops = obj.prefix, obj.vrf, obj.hops
        address, _, length = prefix.partition("/")
        if length != "128" or len(hops) != 1:
            return encode_rendered(obj)
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
        return (
            Encoded(
                k0 + ipv6_bytes(address) + k1 + vrf.to_bytes(4, "big") + k2,
                cookie(("route", vrf, prefix)),
                body,
            ),
        )

    return fill


neighbor6 = _neighbor()
"""An IPv6 neighbor's flow."""
host_route6 = _host_route()
"""An IPv6 route's flows, from the template where it is a host route with one hop."""

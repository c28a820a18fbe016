"""The templates of IPv6 neighbors and host routes: see
:mod:`vrouter_ovs.wire.templates.objects`."""

from __future__ import annotations

from collections.abc import Callable

from vrouter_ovs.addresses import ipv6_bytes, mac_bytes
from vrouter_ovs.cookies import cookie
from vrouter_ovs.state import Neighbor, OutsideHop, Route
from vrouter_ovs.wire.flows import Encoded
from vrouter_ovs.wire.templates.cut import cut, encode_rendered, pattern, sample
from vrouter_ovs.wire.templates.hops import hop_body

_EVI, _PORT, _OWNER = 0xF1E2D3, 0x97A8B9CA, 0x8B9CADBE
_MAC, _IP = "f2:a1:b2:c3:d4:e5", "f1d2:c3b4:a596:8778:695a:4b3c:2d1e:9f8e"
_EVI_B, _PORT_B, _OWNER_B = (value.to_bytes(4, "big") for value in (_EVI, _PORT, _OWNER))
_MAC_B, _IP_B = mac_bytes(_MAC), ipv6_bytes(_IP)


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
    key = sample(Route(_EVI, f"{_IP}/128", ())).key
    k0, k1, k2 = cut(key, _IP_B, _EVI_B)

    def fill(obj: Route) -> tuple[Encoded, ...]:
        prefix, vrf, hops = obj.prefix, obj.vrf, obj.hops
        address, _, length = prefix.partition("/")
        if (
            length != "128" or len(hops) != 1 or obj.relay or obj.watch
            or type(hops[0]) is OutsideHop
        ):
            return encode_rendered(obj)
        return (
            Encoded(
                k0 + ipv6_bytes(address) + k1 + vrf.to_bytes(4, "big") + k2,
                cookie(("route", vrf, prefix)),
                hop_body(hops[0]),
            ),
        )

    return fill


neighbor6 = _neighbor()
"""An IPv6 neighbor's flow."""
host_route6 = _host_route()
"""An IPv6 route's flows, from the template where it is a host route with one hop."""

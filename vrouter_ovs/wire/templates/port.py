"""The template of local ports: see :mod:`vrouter_ovs.wire.templates.objects`."""

from __future__ import annotations

from collections.abc import Callable

from vrouter_ovs.addresses import ipv4_bytes, ipv6_bytes, link_local, mac_bytes
from vrouter_ovs.cookies import cookie
from vrouter_ovs.errors import PipelineError
from vrouter_ovs.pipeline import render
from vrouter_ovs.schema.registers import INBOUND
from vrouter_ovs.state import LocalPort
from vrouter_ovs.wire.flows import Encoded, encode
from vrouter_ovs.wire.templates.cut import cut, encode_rendered, holes, pattern

_PORT, _EVI, _POLICY = 0x97A8B9CA, 0xF1E2D3, 0x51A2B3C4
_MAC, _IP4, _IP6 = "f2:a1:b2:c3:d4:e5", "203.119.87.41", "f1d2:c3b4:a596:8778:695a:4b3c:2d1e:9f8e"
_PORT_B, _EVI_B, _POLICY_B = (value.to_bytes(4, "big") for value in (_PORT, _EVI, _POLICY))
_EUI = ipv6_bytes(link_local(_MAC))[8:]
# What fills the hole of each marker in a flow of the guard, by its number in ``values``.  Claimed
# IPv6 addresses stand there by 32 bits.
_GUARD4 = {_PORT_B: 0, mac_bytes(_MAC): 1, ipv4_bytes(_IP4): 2}
_GUARD6 = {
    _PORT_B: 0,
    mac_bytes(_MAC): 1,
    **{ipv6_bytes(_IP6)[4 * part : 4 * part + 4]: 2 + part for part in range(4)},
    _EUI[:4]: 6,
    _EUI[4:]: 7,
}


def _flows(address: str, policy: int = 0, secure: bool = True) -> list[Encoded]:
    port = LocalPort("", _PORT, _EVI, _MAC, ((_MAC, address),), secure, policy)
    return [encode(flow) for flow in render(port)]


def _port_given() -> Callable[[bytes], int | None]:
    head, tail = cut(_flows(_IP4, 0, False)[0].key, _PORT_B)
    at, size = len(head), len(head) + 4
    if tail:
        raise PipelineError("a port's first flow matches more than its OpenFlow number")

    def given(key: bytes) -> int | None:
        if len(key) == size and key.startswith(head):
            return int.from_bytes(key[at:], "big")
        return None

    return given


def _guard(address: str, markers: dict[bytes, int]) -> tuple[tuple[bytes, Callable, bytes], ...]:
    return tuple((*holes(key, markers), body) for key, _, body in _flows(address)[2:])


def _port_bodies(*markers: bytes, address: str = _IP6, secure: bool = True) -> tuple[bytes, bytes]:
    """Bodies of the flow that says what is known of a port: without and with a policy set."""
    plain, filtered = (_flows(address, policy, secure)[0].body for policy in (0, _POLICY))
    return pattern(plain, _EVI_B, *markers), pattern(filtered, _EVI_B, _POLICY_B, *markers)


def local_port() -> Callable[[LocalPort], tuple[Encoded, ...]]:
    """For ports that do not stand by and are no subports, whose pairs have one MAC and name an
    address each that is shared with nobody, or without port security, in networks without a
    physical segment."""
    port_flow, bridge = _flows(_IP4, 0, False)
    port_key = pattern(port_flow.key, _PORT_B)
    bodies, open_bodies = _port_bodies(), _port_bodies(secure=False)
    bodies4 = _port_bodies(ipv4_bytes(_IP4), address=_IP4)
    bridge_key = pattern(bridge.key, mac_bytes(_MAC), _EVI_B)
    bridge_body = pattern(bridge.body, _PORT_B)
    guard4, guard6 = _guard(_IP4, _GUARD4), _guard(_IP6, _GUARD6)
    new = tuple.__new__

    def fill(obj: LocalPort) -> tuple[Encoded, ...]:
        policy, number = obj.policy, obj.evi
        if obj.shared or obj.standby or obj.outward or obj.vlan or obj.transparent:
            return encode_rendered(obj)
        if not (0 < number < 1 << 24 and 0 <= policy < INBOUND):
            return encode_rendered(obj)
        tag = cookie(("port", obj.port_id))
        port, evi = obj.ofport.to_bytes(4, "big"), number.to_bytes(4, "big")
        first: tuple[bytes, ...] = ()
        guard: dict[bytes, Encoded] = {}
        if obj.port_security:
            pairs = obj.allowed
            for source, address in pairs:
                if not address or "/" in address or source != obj.mac:
                    return encode_rendered(obj)
                mac = mac_bytes(source)
                if ":" in address:
                    ip = ipv6_bytes(address)
                    values = (
                        port, mac, ip[:4], ip[4:8], ip[8:12], ip[12:],
                        bytes((mac[0] ^ 2, mac[1], mac[2], 0xFF)), b"\xfe" + mac[3:],
                    )  # fmt: skip
                    templates = guard6
                else:
                    ip = ipv4_bytes(address)
                    first = first or (ip,)
                    values = (port, mac, ip)
                    templates = guard4
                for template, pick, body in templates:
                    key = template % pick(values)
                    guard[key] = new(Encoded, (key, tag, body))
            plain, filtered = bodies4 if first else bodies
        else:
            plain, filtered = open_bodies
        body = (
            filtered % (evi, policy.to_bytes(4, "big"), *first) if policy else plain % (evi, *first)
        )
        return (
            Encoded(port_key % port, tag, body),
            Encoded(bridge_key % (mac_bytes(obj.mac), evi), tag, bridge_body % port),
            *guard.values(),
        )

    return fill


port_given = _port_given()
"""The OpenFlow number that the flow with this key gives to a port; None for any other flow."""

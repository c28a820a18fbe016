"""The template of local ports: see :mod:`vrouter_ovs.templates`."""

from __future__ import annotations

from collections.abc import Callable

from vrouter_ovs.cookies import cookie
from vrouter_ovs.errors import PipelineError
from vrouter_ovs.fields import ipv4_bytes, ipv6_bytes, mac_bytes
from vrouter_ovs.pipeline import render
from vrouter_ovs.pipeline.port import link_local
from vrouter_ovs.registers import INBOUND
from vrouter_ovs.state import LocalPort
from vrouter_ovs.templating import cut, encode_rendered, holes, pattern
from vrouter_ovs.wire import Encoded, encode

_PORT, _EVI, _POLICY = 0x97A8B9CA, 0xF1E2D3, 0x51A2B3C4
_MAC, _IP4, _IP6 = "f2:a1:b2:c3:d4:e5", "203.119.87.41", "f1d2:c3b4:a596:8778:695a:4b3c:2d1e:9f8e"
_PORT_B, _EVI_B, _POLICY_B = (value.to_bytes(4, "big") for value in (_PORT, _EVI, _POLICY))
# What fills the hole of each marker in a guard flow, by its number in ``values``.
_GUARD = {
    _PORT_B: 0,
    mac_bytes(_MAC): 1,
    ipv4_bytes(_IP4): 2,
    ipv6_bytes(_IP6): 2,
    ipv6_bytes(link_local(_MAC)): 3,
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


def _guard(address: str) -> tuple[tuple[bytes, Callable, bytes], ...]:
    return tuple((*holes(key, _GUARD), body) for key, _, body in _flows(address)[2:])


def local_port() -> Callable[[LocalPort], tuple[Encoded, ...]]:
    """For ports whose pairs name an address each, or that have no port security."""
    classify, bridge, anything = _flows(_IP4, 0, False)
    filtered, _, deliver, _ = _flows(_IP4, _POLICY, False)
    classify_key, classify_body = pattern(classify.key, _PORT_B), pattern(classify.body, _EVI_B)
    filtered_body = pattern(filtered.body, _EVI_B, _POLICY_B)
    bridge_key = pattern(bridge.key, mac_bytes(_MAC), _EVI_B)
    bridge_body = pattern(bridge.body, _PORT_B)
    deliver_key, deliver_body = pattern(deliver.key, _PORT_B), pattern(deliver.body, _POLICY_B)
    anything_key, anything_body = pattern(anything.key, _PORT_B), anything.body
    guard4, guard6 = _guard(_IP4), _guard(_IP6)
    new = tuple.__new__

    def fill(obj: LocalPort) -> tuple[Encoded, ...]:
        policy, number = obj.policy, obj.evi
        if not (0 < number < 1 << 24 and 0 <= policy < INBOUND):
            return encode_rendered(obj)
        tag = cookie(("port", obj.port_id))
        port, evi = obj.ofport.to_bytes(4, "big"), number.to_bytes(4, "big")
        to_port = Encoded(bridge_key % (mac_bytes(obj.mac), evi), tag, bridge_body % port)
        if policy:
            its_set = policy.to_bytes(4, "big")
            flows = [
                Encoded(classify_key % port, tag, filtered_body % (evi, its_set)),
                to_port,
                Encoded(deliver_key % port, tag, deliver_body % its_set),
            ]
        else:
            flows = [Encoded(classify_key % port, tag, classify_body % evi), to_port]
        if not obj.port_security:
            flows.append(Encoded(anything_key % port, tag, anything_body))
            return tuple(flows)
        guard: dict[bytes, Encoded] = {}
        for source, address in obj.allowed:
            if not address or "/" in address:
                return encode_rendered(obj)
            mac = mac_bytes(source)
            if ":" in address:
                own = bytes((mac[0] ^ 2, mac[1], mac[2], 0xFF, 0xFE, mac[3], mac[4], mac[5]))
                values = (port, mac, ipv6_bytes(address), b"\xfe\x80\0\0\0\0\0\0" + own)
                templates = guard6
            else:
                values = (port, mac, ipv4_bytes(address))
                templates = guard4
            for template, pick, body in templates:
                key = template % pick(values)
                guard[key] = new(Encoded, (key, tag, body))
        flows += guard.values()
        return tuple(flows)

    return fill


port_given = _port_given()
"""The OpenFlow number that the flow with this key gives to a port; None for any other flow."""

"""What the addresses of all gateways answer: echo requests, and with an error all else.  These
flows belong to the Vrouter."""

from __future__ import annotations

from vrouter_ovs.edge import Why
from vrouter_ovs.flow import IN_PORT, IPV4, IPV6, Flow
from vrouter_ovs.pipeline.punt import answered

ECHO = (
    (
        "ipv4",
        (("eth_type", IPV4), ("ip_proto", 1), ("icmpv4_type", 8), ("icmpv4_code", 0)),
        ("icmpv4_type", 0),
    ),
    (
        "ipv6",
        (("eth_type", IPV6), ("ip_proto", 58), ("icmpv6_type", 128), ("icmpv6_code", 0)),
        ("icmpv6_type", 129),
    ),
)


def at_gateways(tag: int) -> list[Flow]:
    """Every vrouter of the VRF has the gateway, so whoever asks is local: the answer leaves by the
    port it came in, from the MAC it was sent to, which is the asker's own gateway even where it
    asked for the address of another one.  The TTL does not matter: it is not routed.
    """
    return [
        Flow(
            "gateway",
            100,
            (*request, ("from_tunnel", 0)),
            (
                *_swap("eth_src", "eth_dst"),
                *_swap(f"{ip}_src", f"{ip}_dst"),
                ("set_field", *reply),
                ("set_field", "ip_ttl", 64),
                ("output", IN_PORT),
            ),
            tag,
        )
        for ip, request, reply in ECHO
    ] + [Flow("gateway", 0, (), answered(Why.TO_GATEWAY), tag)]


def _swap(one: str, other: str) -> tuple[tuple, ...]:
    return (("push", one), ("move", other, one), ("pop", other))

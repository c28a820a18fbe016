"""What the addresses of all gateways answer: echo requests, and with an error all else.  These
flows belong to the Vrouter.

A request in fragments is answered fragment by fragment (RFC 1122 section 3.3.2 has hosts put them
together, which the asker does with the answer): the checksum is over all of them, and changes in
the first by what changes there.  A later fragment does not say of what it is, over IPv6 not even of
which protocol: whoever sends one that is of no request gets it back, and makes nothing of it.
"""

from __future__ import annotations

from collections.abc import Iterator

from vrouter_ovs.edge import PuntReason
from vrouter_ovs.numbers import (
    ECHO_REPLY,
    ECHO_REPLY6,
    ECHO_REQUEST,
    ECHO_REQUEST6,
    ETH_IPV4,
    ETH_IPV6,
    PROTO_ICMP,
    PROTO_ICMPV6,
)
from vrouter_ovs.pipeline.edge.punt import to_node
from vrouter_ovs.schema.flow import IN_PORT, Flow

LATER = ("ip_frag", 2, 2)
ECHO = (
    (
        "ipv4",
        (
            ("eth_type", ETH_IPV4), ("ip_proto", PROTO_ICMP),
            ("icmpv4_type", ECHO_REQUEST), ("icmpv4_code", 0),
        ),
        (("eth_type", ETH_IPV4), LATER, ("ip_proto", PROTO_ICMP)),
        ("icmpv4_type", ECHO_REPLY),
    ),
    (
        "ipv6",
        (
            ("eth_type", ETH_IPV6), ("ip_proto", PROTO_ICMPV6),
            ("icmpv6_type", ECHO_REQUEST6), ("icmpv6_code", 0),
        ),
        (("eth_type", ETH_IPV6), LATER),
        ("icmpv6_type", ECHO_REPLY6),
    ),
)  # fmt: skip


def echo_flows(tag: int) -> list[Flow]:
    """Every vrouter of the VRF has the gateway, so whoever asks is local: the answer leaves by the
    port it came in, from the MAC it was sent to, which is the asker's own gateway even where it
    asked for the address of another one.  The TTL does not matter: it is not routed.
    """
    flows = [
        Flow("gateway", priority, match, (*turn, ("output", IN_PORT)), tag)
        for priority, match, turn in echo_replies()
    ]
    return [*flows, Flow("gateway", "rest", (), to_node(PuntReason.TO_GATEWAY), tag)]


def echo_replies() -> Iterator[tuple[str, tuple[tuple, ...], tuple[tuple, ...]]]:
    """(priority, match, actions that make of a request its reply) of each flow that answers."""
    local, ttl = ("from_tunnel", 0), ("set_field", "ip_ttl", 64)
    for ip, request, later, reply in ECHO:
        turned = (*_swap("eth_src", "eth_dst"), *_swap(f"{ip}_src", f"{ip}_dst"))
        yield "echo", (*request, local), (*turned, ("set_field", *reply), ttl)
        yield "later_fragment", (*later, local), (*turned, ttl)


def _swap(one: str, other: str) -> tuple[tuple, ...]:
    return (("push", one), ("move", other, one), ("pop", other))

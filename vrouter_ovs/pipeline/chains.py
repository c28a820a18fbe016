"""Service chains: out of a port into the first service, out of a service into the next.

A packet reaches a service in a frame to the MAC of its port, in the EVI of that port, as if the
sender had addressed it: so the tunnels, underlay paths and encapsulations to it are those of any
frame, and the hypervisor where the service is needs no flow for it.  What a service sends is taken
for the next one by the port that it comes from and by the same classifier; out of the last it goes
its way.  No tag is on the packet (networking-sfc: no correlation), so a service needs to know
nothing of chains.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from vrouter_ovs.addresses import ip_network
from vrouter_ovs.cookies import cookie
from vrouter_ovs.errors import PipelineError
from vrouter_ovs.numbers import (
    ETH_IPV4,
    ETH_IPV6,
    PROTO_ICMPV6,
    PROTO_SCTP,
    PROTO_TCP,
    PROTO_UDP,
)
from vrouter_ovs.pipeline.hops import tunnel_actions
from vrouter_ovs.pipeline.security.port_blocks import blocks
from vrouter_ovs.pipeline.terms import prefix_term
from vrouter_ovs.schema.flow import DROP, Flow
from vrouter_ovs.state import Classifier, ServiceInstance, Steering

INSTANCE_BITS = 10
"""The lowest of the register ``bucket``: the instance; above them the service."""
MAX_INSTANCES = 1 << INSTANCE_BITS
_UNICAST = ("eth_dst", "00:00:00:00:00:00", "01:00:00:00:00:00")
_PORTS = {
    PROTO_TCP: ("tcp_src", "tcp_dst"), PROTO_UDP: ("udp_src", "udp_dst"),
    PROTO_SCTP: ("sctp_src", "sctp_dst"),
}
_ICMPV6_TYPES = (1, 2, 3, 4, 128, 129)
"""Errors and echo (RFC 4443).  All others are of the link alone: neighbor discovery goes to no
service."""
_IPV6_PROTOCOLS = (PROTO_TCP, PROTO_UDP, PROTO_SCTP, 4, 41, 47, 50, 51, 136, PROTO_ICMPV6)
"""What any protocol of IPv6 is: a switch cannot match all but neighbor discovery.  Beside TCP, UDP,
SCTP and ICMPv6: tunnels of IPv4, IPv6 and GRE, ESP, AH, UDP-Lite."""
_LATER = 2
"""The bit of later fragments (ovs-fields(7), ip_frag)."""


def render_steering(steering: Steering) -> tuple[Flow, ...]:
    """The flows of all entries, each match once: entries of one service may take the same packets.
    Raises PipelineError for two services that take the same."""
    found: dict[tuple, Flow] = {}
    tag = cookie(steering.key)
    for service, instances, classifier in steering.entries:
        if not 0 < instances <= MAX_INSTANCES:
            raise PipelineError(f"{instances} instances, 1 to {MAX_INSTANCES}")
        spread = (("multipath", instances, "instance"),) if instances > 1 else ()
        actions = (
            ("set_field", "bucket", _service(service) << INSTANCE_BITS), *spread,
            ("goto", "chain"),
        )
        for terms in _terms(classifier):
            match = (("in_port", steering.ofport), _UNICAST, *terms)
            flow = Flow("bridge", "steered", match, actions, tag)
            if found.setdefault(match, flow) != flow:
                raise PipelineError(f"two services for what port {steering.ofport} sends: {terms}")
    return tuple(found.values())


def render_service_instance(instance: ServiceInstance) -> tuple[Flow, ...]:
    if not 0 <= instance.number < MAX_INSTANCES:
        raise PipelineError(f"no number of an instance: {instance.number}")
    to_it = ("set_field", "eth_dst", instance.mac)
    if instance.ofport:
        actions = (to_it, ("set_field", "out_port", instance.ofport), ("goto", "deliver"))
    elif instance.remote is not None:
        endpoint, label = instance.remote
        actions = (to_it, *tunnel_actions(endpoint, label), ("goto", "encap"))
    else:
        actions = DROP
    number = _service(instance.service) << INSTANCE_BITS | instance.number
    return (
        Flow(
            "chain", "instance" if actions is not DROP else "none", (("bucket", number),), actions,
            cookie(instance.key),
        ),
    )


def _service(number: int) -> int:
    if not 0 < number < 1 << 32 - INSTANCE_BITS:
        raise PipelineError(f"not a number of a service: {number}")
    return number


def _terms(classifier: Classifier) -> Iterator[tuple[tuple, ...]]:
    if classifier.version not in (4, 6):
        raise PipelineError(f"not an IP version: {classifier.version}")
    base = [("eth_type", ETH_IPV4 if classifier.version == 4 else ETH_IPV6)]
    for side, prefix in (("src", classifier.source), ("dst", classifier.destination)):
        if prefix:
            net = ip_network(prefix)
            if net.version != classifier.version:
                raise PipelineError(f"{prefix} is not of IPv{classifier.version}")
            base += prefix_term(f"ipv{net.version}_{side}", net)
    protocols = (classifier.protocol,)
    if classifier.protocol == -1:
        protocols = _IPV6_PROTOCOLS if classifier.version == 6 else ()
    if not protocols:
        yield tuple(base)
    for protocol in protocols:
        for upper in _upper(classifier, protocol):
            yield (*base, ("ip_proto", protocol), *upper)


def _upper(classifier: Classifier, protocol: int) -> Iterator[tuple[tuple, ...]]:
    ranges = (
        (classifier.source_first, classifier.source_last),
        (classifier.destination_first, classifier.destination_last),
    )
    if protocol == PROTO_ICMPV6 and classifier.version == 6:
        yield from ((("icmpv6_type", number),) for number in _ICMPV6_TYPES)
    elif all(first == -1 for first, _ in ranges):
        yield ()
    elif protocol not in _PORTS:
        raise PipelineError(f"protocol {protocol} has no ports")
    else:
        sides = [
            [()] if first == -1 else [_block(field, *block) for block in blocks(first, last)]
            for field, (first, last) in zip(_PORTS[protocol], ranges, strict=True)
        ]
        for source, destination in itertools.product(*sides):
            yield (("ip_frag", 0, _LATER), *source, *destination)
        # Later fragments have no ports: a service that lets pass what others answer for sees them
        # all, rather than some of them no service.
        yield (("ip_frag", _LATER, _LATER),)


def _block(field: str, value: int, mask: int) -> tuple[tuple, ...]:
    if mask == 0xFFFF:
        return ((field, value),)
    return ((field, value, mask),) if mask else ()

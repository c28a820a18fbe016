"""QoS policies as the configuration has them: the rules of one, which a port has, and what follows
for its packets.  Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ryu_apps.control.config.config import Config
from ryu_apps.control.config.model import Port, QosRule
from ryu_apps.control.config.resources.qos.qos_rules import (
    EGRESS,
    INGRESS,
    RULE_KINDS,
    QosBandwidthLimitRule,
    QosDscpMarkingRule,
    QosPacketRateLimitRule,
)
from vrouter_ovs.state.limits import NO_MARK
from vrouter_ovs.state.meters import KILOBITS, PACKETS

BURST_OF_RATE = 0.8
"""Of what passes in a second, at once, where a rule does not say it: as Neutron's agent has it."""
LEAST_BURST = 525
"""Kilobits: the 64 KiB that a VM may hand over as one packet, to be cut by whoever sends it on.  A
meter that has less at once would let no such packet through, ever."""
MOST = 0xFFFF_FFFF
"""A rate or burst of a meter has 32 bits."""


def rules_of(config: Config, policy_id: str) -> Iterator[QosRule]:
    """The rules of a policy, type by type."""
    for kind in RULE_KINDS:
        for id in getattr(config, kind.indexes[0].name).get(policy_id, ()):
            yield config.tables[kind.name][id]


def network_policy(config: Config, network_id: str) -> str:
    """The id of a network's policy, or ""."""
    network = config.networks.get(network_id)
    return network.qos_policy_id if network is not None else ""


def policy_of(config: Config, port: Port) -> str:
    """The id of the policy that a port is held to: its own, else its network's, else "".  A port of
    the system itself, as a router's interface is, has none of its network."""
    if port.qos_policy_id or port.device_owner.startswith("network:"):
        return port.qos_policy_id
    return network_policy(config, port.network_id)


def ports_with(config: Config, policy_id: str) -> Iterator[str]:
    """The ids of the ports that are held to a policy."""
    yield from config.ports_by_qos_policy.get(policy_id, ())
    for network_id in config.networks_by_qos_policy.get(policy_id, ()):
        for port_id in config.ports_by_network.get(network_id, ()):
            if not config.ports[port_id].qos_policy_id:
                yield port_id


class Limit(NamedTuple):
    """``rate`` of ``unit`` (KILOBITS, PACKETS) a second, ``burst`` at once."""

    unit: str
    rate: int
    burst: int


class PortLimits(NamedTuple):
    """What a port is held to: of what it sends and of what reaches it, at most one of each unit,
    KILOBITS first.  ``mark``: the DSCP of what it sends, or NO_MARK."""

    sent: tuple[Limit, ...] = ()
    received: tuple[Limit, ...] = ()
    mark: int = NO_MARK


NO_LIMITS = PortLimits()


def limits_of(config: Config, port: Port) -> PortLimits:
    """What follows of the policy of a port."""
    policy_id = policy_of(config, port)
    return policy_limits(config, policy_id) if policy_id else NO_LIMITS


def policy_limits(config: Config, policy_id: str) -> PortLimits:
    """What follows of a policy.  Of two rules that say the same otherwise, which no writer makes
    that knows of both, one counts, and at every node the same."""
    found: dict[str, dict[str, Limit]] = {EGRESS: {}, INGRESS: {}}
    mark = NO_MARK
    for rule in sorted(rules_of(config, policy_id), key=lambda rule: rule.id):
        if isinstance(rule, QosDscpMarkingRule):
            mark = rule.dscp_mark
        elif isinstance(rule, QosBandwidthLimitRule | QosPacketRateLimitRule):
            limit = _limit(rule)
            found[rule.direction][limit.unit] = limit
    sent, received = (
        tuple(of[unit] for unit in (KILOBITS, PACKETS) if unit in of and of[unit].rate)
        for of in (found[EGRESS], found[INGRESS])
    )
    return PortLimits(sent, received, mark)


def _limit(rule: QosBandwidthLimitRule | QosPacketRateLimitRule) -> Limit:
    if isinstance(rule, QosBandwidthLimitRule):
        unit, rate, burst, least = KILOBITS, rule.max_kbps, rule.max_burst_kbps, LEAST_BURST
    else:
        unit, rate, burst, least = PACKETS, rule.max_kpps * 1000, rule.max_burst_kpps * 1000, 1
    burst = max(burst or int(rate * BURST_OF_RATE), least)
    return Limit(unit, min(rate, MOST), min(burst, MOST))

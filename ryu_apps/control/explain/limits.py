"""Which limits a packet meets: what the port's QoS policy says, and whether its switch has it.

A limit drops nothing that is below it, so that it never decides whether a connection is allowed.
"""

from __future__ import annotations

from collections.abc import Iterator

from ryu_apps.control.config.config import Config
from ryu_apps.control.config.model import Port
from ryu_apps.control.config.qos import Limit, limits_of, policy_of
from ryu_apps.control.explain.path import PASS, Observed, Stage
from vrouter_ovs.state import EGRESS
from vrouter_ovs.state.limits import NO_MARK
from vrouter_ovs.state.meters import KILOBITS


def limit_stages(
    config: Config, port: Port, direction: str, observed: Observed | None
) -> Iterator[Stage]:
    """A stage where a port is limited in a direction, or what it sends is marked."""
    limits = limits_of(config, port)
    sends = direction == EGRESS
    words = list(map(_words, limits.sent if sends else limits.received))
    if sends and limits.mark != NO_MARK:
        words.append(f"marked with the DSCP {limits.mark}")
    if not words:
        return
    policy = config.qos_policies.get(policy_of(config, port))
    named = f"'{policy.name}' ({policy.id})" if policy is not None else policy_of(config, port)
    whose = "its" if port.qos_policy_id else "its network's"
    text = f"{', '.join(words)}: {whose} QoS policy {named}"
    fault = observed.limits(port) if observed is not None else ""
    yield Stage(
        f"{direction} limits", PASS, f"{text}; not so now: {fault}" if fault else text, port.id
    )


def _words(limit: Limit) -> str:
    unit = "kbit" if limit.unit == KILOBITS else "packets"
    return f"at most {limit.rate} {unit}/s, {limit.burst} {unit} at once"

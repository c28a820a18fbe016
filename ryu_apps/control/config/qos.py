"""QoS policies as the configuration has them: the rules of one, and which a port has.  Pure."""

from __future__ import annotations

from collections.abc import Iterator

from ryu_apps.control.config.config import Config
from ryu_apps.control.config.model import Port, QosRule
from ryu_apps.control.config.resources.qos_rules import RULE_KINDS


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

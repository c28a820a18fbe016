"""The default policy, made of what the kinds of resources declare.

Its rules are named as Neutron's: "get_network", "create_port:mac_address"; an operator's policy
file says the same names and the same words.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from oslo_policy import policy

from ryu_apps.control.config.model import ALL_KINDS
from ryu_apps.control.config.resources.access import Attribute, Needs, anyone
from ryu_apps.control.config.resources.kind import Kind

ACTIONS = {"get": "read", "create": "create", "update": "update", "delete": "delete"}
"""Of a rule's name -> of :class:`~ryu_apps.control.config.resources.access.Access`."""
ROLES = {"get": "reader", "create": "member", "update": "member", "delete": "member"}

READ_SYSTEM, CHANGE_SYSTEM = "get_system", "update_system"
"""What is of the whole system and of no project: nodes, hypervisors, routes, the traces of all."""
AGENT = "get_agent"
AVAILABILITY_ZONE, FLAVOR = "get_availability_zone", "get_flavor"
SERVICE_PROFILE, SERVICE_PROVIDER = "get_service_profile", "get_service_provider"
NETWORK_IP_AVAILABILITY = "get_network_ip_availability"
QOS_RULE_TYPE, QOS_RULE_TYPE_DETAILS = "get_rule_type", "get_rule_type:drivers"
AUTO_TOPOLOGY = "get_auto_allocated_topology"
DELETE_AUTO_TOPOLOGY = "delete_auto_allocated_topology"
_READER = "rule:admin_only or role:reader"
BASE = (
    policy.RuleDefault("context_is_admin", "role:admin", "Who may do everything, in all projects"),
    policy.RuleDefault("admin_only", "rule:context_is_admin", "Administrators"),
    policy.RuleDefault("system_reader", "rule:admin_only or (role:reader and system_scope:all)",
                       "Who reads what is of no project"),
    policy.RuleDefault(READ_SYSTEM, "rule:system_reader", "GET below /v1"),
    policy.RuleDefault(CHANGE_SYSTEM, "rule:admin_only", "All other methods below /v1"),
    policy.RuleDefault(AGENT, "rule:system_reader", "Nodes and hypervisors as agents"),
    policy.RuleDefault(AVAILABILITY_ZONE, _READER, "List availability zones"),
    policy.RuleDefault(FLAVOR, _READER, "List flavors"),
    policy.RuleDefault(SERVICE_PROFILE, "rule:admin_only", "List service profiles"),
    policy.RuleDefault(SERVICE_PROVIDER, _READER, "List service providers"),
    policy.RuleDefault(QOS_RULE_TYPE, _READER, "List types of rules of QoS policies"),
    policy.RuleDefault(QOS_RULE_TYPE_DETAILS, "rule:admin_only", "What they can say"),
    policy.RuleDefault(NETWORK_IP_AVAILABILITY, "rule:admin_only or role:service",
                       "How many addresses of networks are used"),
    policy.RuleDefault(
        AUTO_TOPOLOGY, "rule:admin_only or (role:reader and project_id:%(project_id)s)",
        "Make a project's topology"),
    policy.RuleDefault(
        DELETE_AUTO_TOPOLOGY, "rule:admin_only or (role:member and project_id:%(project_id)s)",
        "Delete a project's topology"),
)


def check(action: str, needs: Needs) -> str:
    """What an action needs, in the language of oslo.policy."""
    words = ["rule:admin_only"]
    for relation in needs:
        if relation == anyone:
            words.append(f"role:{ROLES[action]}")
        elif relation.role or action != "get":
            words.append(f"(role:{ROLES[action]} and {relation.check})")
        else:
            words.append(relation.check)
    return " or ".join(words)


def defaults(known: Mapping[str, Iterable[str]]) -> list[policy.RuleDefault]:
    """``known``: the attributes of each kind, by their names in the API; those that a declaration
    means by "vpn:*" are found among them."""
    found = [*BASE]
    for name, kind in ALL_KINDS.items():
        words = name.replace("_", " ")
        for action, field in ACTIONS.items():
            found.append(policy.RuleDefault(
                f"{action}_{name}", check(action, getattr(kind.access, field)),
                f"{action.capitalize()} a {words}",
            ))
        for attribute in sorted({*known.get(name, ()), *_single(kind)}):
            found += _of_attribute(name, attribute, kind.access.attribute(attribute))
    return found


def _single(kind: Kind) -> list[str]:
    return [name for name in kind.access.attributes if not name.endswith("*")]


def _of_attribute(kind: str, name: str, declared: Attribute) -> list[policy.RuleDefault]:
    found = []
    for action in ("get", "create", "update"):
        needs = getattr(declared, ACTIONS[action])
        if needs != (anyone,):
            found.append(policy.RuleDefault(
                f"{action}_{kind}:{name}", check(action, needs),
                f"{action.capitalize()} the attribute {name} of a {kind.replace('_', ' ')}",
            ))
    return found

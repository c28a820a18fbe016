"""``/v2.0/qos/rule-types``: what the switches carry out of QoS policies."""

from __future__ import annotations

from typing import Any

from ryu_apps.control.config.resources.qos.qos_rules import MARKS, RULE_KINDS
from ryu_apps.control.config.rules.qos.use import NOT_CARRIED_OUT
from ryu_apps.identity.defaults import QOS_RULE_TYPE, QOS_RULE_TYPE_DETAILS
from ryu_apps.northbound.environment import Environment
from ryu_apps.northbound.http.call import Call
from ryu_apps.northbound.http.errors import ApiError
from ryu_apps.northbound.listing.attributes import BOOLEAN, STRING, as_boolean, as_text, objects
from ryu_apps.northbound.read_only.collection import ReadOnly, View

DRIVER = "openvswitch"
_AMOUNT = {"parameter_type": "range", "parameter_values": {"start": 0, "end": 2**31 - 1}}
_DIRECTION = {
    "parameter_name": "direction", "parameter_type": "choices",
    "parameter_values": ["ingress", "egress"],
}
_PARAMETERS: dict[str, list[dict[str, Any]]] = {
    "bandwidth_limit": [
        {"parameter_name": "max_kbps", **_AMOUNT}, {"parameter_name": "max_burst_kbps", **_AMOUNT},
        _DIRECTION,
    ],
    "packet_rate_limit": [
        {"parameter_name": "max_kpps", **_AMOUNT}, {"parameter_name": "max_burst_kpps", **_AMOUNT},
        _DIRECTION,
    ],
    "dscp_marking": [{
        "parameter_name": "dscp_mark", "parameter_type": "choices",
        "parameter_values": list(MARKS),
    }],
}
_ALL: dict[str, bool] = {
    kind.resource.type: kind.resource not in NOT_CARRIED_OUT  # type: ignore[attr-defined]
    for kind in RULE_KINDS
}
"""Type -> whether it is carried out."""


def _asked(filters: dict[str, set[str]], name: str) -> bool:
    """Whether a flag is set.  Raises ApiError 400."""
    try:
        return True in {as_boolean(text) for text in filters.pop(name, ())}
    except ValueError as error:
        raise ApiError(
            400, "InvalidInput", f"Invalid input for operation: {name}: {error}."
        ) from None


def _items(environment: Environment, call: Call, filters: dict[str, set[str]]) -> list[View]:
    if not call.authority.regardless(QOS_RULE_TYPE):
        return []
    # There is one driver, so all that is supported is listed anyway.
    _asked(filters, "all_supported")
    every = _asked(filters, "all_rules")
    found: list[View] = []
    for type, supported in _ALL.items():
        if not (supported or every):
            continue
        drivers = [{"name": DRIVER, "supported_parameters": _PARAMETERS[type]}] if supported else []
        found.append({"type": type, "drivers": drivers})
    return found


QOS_RULE_TYPES = ReadOnly(
    path="qos/rule-types",
    name="rule_type",
    plural="rule_types",
    title="QosRuleType",
    words="types of rules of QoS policies that are carried out",
    items=_items,
    attributes={
        "type": STRING, "drivers": objects(name=as_text),
        "all_supported": BOOLEAN, "all_rules": BOOLEAN,
    },
    key="type",
    filter_only=frozenset({"all_supported", "all_rules"}),
    details=frozenset({"drivers"}),
    detail_rule=QOS_RULE_TYPE_DETAILS,
    extensions={
        "qos-rule-type-details": (
            "Details of QoS rule types", "What the rules of a type can say here"),
        "qos-rule-type-filter": (
            "Allow to filter the list of QoS rule types", "all_supported and all_rules"),
    },
)

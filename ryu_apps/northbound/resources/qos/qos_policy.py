"""``/v2.0/qos/policies``."""

from __future__ import annotations

from ryu_apps.control.config.config import Config
from ryu_apps.control.config.model import QosPolicy
from ryu_apps.control.config.qos import rules_of
from ryu_apps.control.config.resources.qos.qos_policy import QOS_POLICY
from ryu_apps.control.config.rules.qos import policies
from ryu_apps.northbound.bodies.fields import Body, Name, Text
from ryu_apps.northbound.listing.attributes import BOOLEAN, STRING, as_text, objects
from ryu_apps.northbound.resources import standard
from ryu_apps.northbound.resources.collection import Collection, View
from ryu_apps.northbound.resources.qos.qos_rules import said


class QosPolicyUpdate(Body):
    name: Name = ""
    description: Text = ""
    shared: bool = False
    is_default: bool = False


class QosPolicyCreate(QosPolicyUpdate, standard.Owned):
    pass


def view(item: QosPolicy, rules: list[View]) -> View:
    return {
        "id": item.id,
        "name": item.name,
        "shared": item.shared,
        "is_default": item.is_default,
        "rules": rules,
        **standard.standard(item),
    }


def _rules(config: Config, item: QosPolicy) -> list[View]:
    return [
        {**said(rule), "type": rule.type, "qos_policy_id": item.id}
        for rule in rules_of(config, item.id)
    ]


COLLECTION = Collection(
    kind=QOS_POLICY,
    path="qos/policies",
    name="policy",
    create_body=QosPolicyCreate,
    update_body=QosPolicyUpdate,
    rules=policies,
    view=view,
    extra=_rules,
    attributes={
        **standard.ATTRIBUTES, "name": STRING, "shared": BOOLEAN, "is_default": BOOLEAN,
        "rules": objects(id=as_text, type=as_text),
    },
    extensions={
        "qos": ("Quality of Service", "Limits and marks of ports and networks, as policies"),
        "qos-default": ("QoS default policy", "The policy that a project's new networks have"),
    },
)

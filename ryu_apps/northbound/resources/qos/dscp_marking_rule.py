"""``/v2.0/qos/policies/<id>/dscp_marking_rules``."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, WithJsonSchema

from ryu_apps.control.config.resources.qos.qos_rules import MARKS
from ryu_apps.northbound.bodies.fields import Body, Integer
from ryu_apps.northbound.listing.attributes import INTEGER
from ryu_apps.northbound.resources.qos.qos_policy import COLLECTION as POLICIES
from ryu_apps.northbound.resources.qos.qos_rules import collection


def _mark(value: int) -> int:
    if value not in MARKS:
        raise ValueError(f"'{value}' is not in {list(MARKS)}")
    return value


_MARKS: list[Any] = [*MARKS, *map(str, MARKS)]
Mark = Annotated[Integer, AfterValidator(_mark), WithJsonSchema({"enum": _MARKS})]


class DscpMarkingRuleUpdate(Body):
    dscp_mark: Mark | None = None


class DscpMarkingRuleCreate(DscpMarkingRuleUpdate):
    dscp_mark: Mark


COLLECTION = collection(
    "dscp_marking_rule", POLICIES, DscpMarkingRuleCreate, DscpMarkingRuleUpdate,
    {"dscp_mark": INTEGER},
)

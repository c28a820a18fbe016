"""Rules for what a request says of where and how something is to be: ``availability_zone_hints`` of
networks and routers, ``flavor_id`` of routers."""

from __future__ import annotations

from ryu_apps.control.config.flavors import DISTRIBUTED
from ryu_apps.control.config.rules.addresses import invalid
from ryu_apps.control.config.rules.draft import RuleError
from ryu_apps.control.config.zones import ZONE


def zone_hints(values: list[str] | None) -> tuple[str, ...]:
    """Raises RuleError: 404 for a zone that there is not, 400 for one that stands twice."""
    found = tuple(values or ())
    for name in found:
        if name != ZONE:
            raise RuleError(
                404, "AvailabilityZoneNotFound",
                f"AvailabilityZone {name} could not be found: there is {ZONE}.",
            )
    if len(set(found)) != len(found):
        raise invalid("availability_zone_hints", f"Duplicate items in the list: '{ZONE}'")
    return found


def flavor(value: str | None) -> str:
    """Raises RuleError 404 for one that there is not."""
    if value and value != DISTRIBUTED:
        raise RuleError(
            404, "FlavorNotFound", f"Flavor {value} could not be found: there is {DISTRIBUTED}."
        )
    return value or ""

"""The limits of ports as objects of the vrouters that have them: meters, and flows through them."""

from __future__ import annotations

from ryu_apps.control.config.qos import NO_LIMITS
from ryu_apps.control.desired.desired import Desired
from ryu_apps.control.vpn.translate import BoundPort
from vrouter_ovs.state import Limits, StateObject
from vrouter_ovs.state.limits import RECEIVED, SENT, limit_pool


def objects_of(place: BoundPort) -> list[StateObject]:
    """What the vrouter of a bound port has of its limits."""
    limits = place.limits
    if limits == NO_LIMITS:
        return []
    found: list[StateObject] = [
        limit_pool(place.port_id, place.ofport, direction, *limit)
        for direction, of in ((SENT, limits.sent), (RECEIVED, limits.received)) for limit in of
    ]
    found.append(Limits(
        place.port_id, place.ofport, tuple(one.unit for one in limits.sent),
        tuple(one.unit for one in limits.received), limits.mark,
    ))
    return found


def put(desired: Desired, place: BoundPort) -> None:
    """Have the vrouter have them, and no others of this port."""
    scope = ("limits", place.port_id)
    found = objects_of(place)
    wanted = {one.key for one in found}
    for key in list(desired.keys(place.element, scope)):
        if key not in wanted:
            desired.delete(place.element, scope, key)
    for one in found:
        desired.put(place.element, scope, one)


def remove(desired: Desired, element: str, port_id: str) -> None:
    """The port has left a vrouter."""
    desired.drop_scope(element, ("limits", port_id))

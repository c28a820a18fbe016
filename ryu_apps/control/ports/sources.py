"""What a vrouter has for a port that may have any MAC behind it: desired state."""

from __future__ import annotations

from ryu_apps.control.desired.desired import Desired
from ryu_apps.control.vpn.translate import BoundPort
from vrouter_ovs.state import Key, KnownSource, LearningPort, StateObject


def replace(desired: Desired, old: BoundPort | None, new: BoundPort | None) -> None:
    """A port is bound to ``new``, and was to ``old``."""
    wanted = _objects(new)
    for key in _objects(old):
        if key not in wanted or _scope(old) != _scope(new):
            desired.delete(*_scope(old), key)
    for item in wanted.values():
        desired.put(*_scope(new), item)


def _scope(bound: BoundPort) -> tuple[str, tuple]:
    return bound.element, ("evi", bound.evi)


def _objects(bound: BoundPort | None) -> dict[Key, StateObject]:
    if bound is None or bound.port_security:
        return {}
    found: list[StateObject] = [LearningPort(bound.port_id, bound.ofport, bound.mac)]
    found += [
        KnownSource(bound.port_id, bound.ofport, one.mac) for one in bound.macs if one.fresh
    ]
    return {item.key: item for item in found}

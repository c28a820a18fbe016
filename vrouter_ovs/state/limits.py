"""Limits of ports: how much may leave one and reach it, and how what it sends is marked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from vrouter_ovs.state.base import Key, StateBase
from vrouter_ovs.state.meters import KILOBITS, PACKETS, MeterPool

NO_MARK = -1
METER_BASE = 0x5600_0000
"""All meters with this in the high byte are those of limits."""
SENT, RECEIVED = "sent", "received"
_NUMBERS = {
    (SENT, KILOBITS): 0, (SENT, PACKETS): 1, (RECEIVED, KILOBITS): 2, (RECEIVED, PACKETS): 3,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Limits(StateBase):
    """What a port sends passes the meters of the units ``sent``, what reaches it those of
    ``received``: KILOBITS, PACKETS; see :func:`limit_meter`.  ``mark``: the DSCP of what it sends,
    or NO_MARK.

    An object of its own: a switch that has no such meter refuses this, and the port works without.
    """

    kind: ClassVar[str] = "limits"
    port_id: str
    ofport: int
    sent: tuple[str, ...] = ()
    received: tuple[str, ...] = ()
    mark: int = NO_MARK

    @property
    def key(self) -> Key:
        return ("limits", self.port_id)


def limit_meter(ofport: int, direction: str, unit: str) -> int:
    """The meter of a port for what it sends or what reaches it: the same on every node and after
    every restart, and no other port's."""
    return METER_BASE | ofport << 2 | _NUMBERS[direction, unit]


def is_limit_meter(meter: int) -> bool:
    """Whether a meter of the switch is a limit's."""
    return meter >> 24 == METER_BASE >> 24


def limit_pool(
    port_id: str, ofport: int, direction: str, unit: str, rate: int, burst: int
) -> MeterPool:
    """The meter: a pool of one."""
    return MeterPool(
        limit_name(port_id, direction, unit), limit_meter(ofport, direction, unit), 1, rate, burst,
        unit,
    )


def limit_name(port_id: str, direction: str, unit: str) -> str:
    """The name of the pool."""
    return f"{port_id} {direction} {unit}"

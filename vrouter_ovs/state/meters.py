"""Meters: how much a second the switch lets through, for each port.

A constant pool of meters is made once for a switch, so plugging a port never waits for a meter, and
one object describes the whole pool.  Such pools exist for what a port asks of the node, for the
connections that it begins, and, where that is limited, for what it sends to groups.  A limit of a
port has meters of its own (:mod:`.limits`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from vrouter_ovs.state.base import Key, StateBase
from vrouter_ovs.state.targets import METER

METERS = 1024
"""Size of a pool: ports share a meter only beyond this many on a hypervisor."""
PUNT_RATE, PUNT_BURST = 50, 100
"""Packets per second, and at once, from one port.  A booting VM sends a dozen in its first second
and a few names a second later; an answer takes the node some 0.1 ms, so a port that does its worst
costs it half a percent of a core."""
BURST_SECONDS = 4
PACKETS, KILOBITS = "packets", "kilobits"
"""What a meter counts: OFPMF_PKTPS, OFPMF_KBPS; a kilobit has 1,000 bits."""
UNLIMITED = 10_000_000
"""A rate that no switch reaches: the meters stay, so that nothing else changes."""


class MeterConfig(NamedTuple):
    """``rate`` of ``unit`` a second pass, and ``burst`` of it at once; all else is dropped."""

    rate: int
    burst: int
    unit: str = PACKETS


@dataclass(frozen=True, slots=True)
class MeterPool(StateBase):
    """``count`` meters with the ids from ``first`` on, each of them a :class:`MeterConfig`.

    Pools of one vrouter share no id.
    """

    kind: ClassVar[str] = "meterpool"
    target: ClassVar[str] = METER
    name: str
    first: int
    count: int
    rate: int
    burst: int
    unit: str = PACKETS

    @property
    def key(self) -> Key:
        return ("meterpool", self.name)

    @property
    def config(self) -> MeterConfig:
        """What each of its meters is."""
        return MeterConfig(self.rate, self.burst, self.unit)

    @property
    def ids(self) -> range:
        """The ids of its meters."""
        return range(self.first, self.first + self.count)


def meter_id(ofport: int) -> int:
    """The meter of a port for what it asks of the node: the same on every node and after every
    restart."""
    return 1 + ofport % METERS


def connect_meter(ofport: int) -> int:
    """The meter of a port for what begins a connection, likewise."""
    return METERS + 1 + ofport % METERS


def storm_meter(ofport: int) -> int:
    """The meter of a port for what it sends to groups, likewise."""
    return 2 * METERS + 1 + ofport % METERS


def meter_pools(new_connections: int, storm: int = 0) -> tuple[MeterPool, ...]:
    """The pools of every vrouter.  ``new_connections``: how many a port may begin a second; 0 is no
    limit.  ``storm``: how many frames to groups it may send; with 0 there is no such pool."""
    rate = new_connections or UNLIMITED
    storms = (MeterPool("storm", storm_meter(0), METERS, storm, storm),) if storm else ()
    return (
        *storms,
        MeterPool("punt", meter_id(0), METERS, PUNT_RATE, PUNT_BURST),
        MeterPool("connect", connect_meter(0), METERS, rate, min(BURST_SECONDS * rate, UNLIMITED)),
    )


def meters(pools: Iterable[MeterPool]) -> dict[int, MeterConfig]:
    """All meters of these pools, by id."""
    return {number: pool.config for pool in pools for number in pool.ids}

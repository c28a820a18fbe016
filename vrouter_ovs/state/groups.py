"""Groups: several ways out of the bridge, of which the switch chooses (OpenFlow 1.4, 5.6)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from vrouter_ovs.state.base import Key, StateBase
from vrouter_ovs.state.targets import GROUP

ALL, SELECT, FAST_FAILOVER = GROUP_TYPES = ("all", "select", "fast_failover")


@dataclass(frozen=True, slots=True, order=True)
class Bucket(StateBase):
    """One way out: the port ``ofport``.  ``weight``: its share, of a SELECT group alone.  A
    FAST_FAILOVER group takes the first bucket whose port is live: its link is up, and BFD where the
    port has it (ovs-ofctl(8), "watch_port")."""

    ofport: int
    weight: int = 0


@dataclass(frozen=True, slots=True)
class Group(StateBase):
    """``group``: its number, 24 bits, that flows name it by.  ``type``: ALL sends to every bucket,
    SELECT to one by a hash of the packet's flow, FAST_FAILOVER to the first that is live.

    A group is there before a flow that names it, and goes after the last of them; both in one step
    with the flows.
    """

    kind: ClassVar[str] = "group"
    target: ClassVar[str] = GROUP
    depends_on_peers: ClassVar[bool] = True
    group: int
    type: str
    buckets: tuple[Bucket, ...]

    @property
    def key(self) -> Key:
        return ("group", self.group)

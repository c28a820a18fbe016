"""How fast ports may send what the switch makes many of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from vrouter_ovs.state.base import Key, StateBase


@dataclass(frozen=True, slots=True)
class StormControl(StateBase):
    """What local ports send to broadcast and multicast addresses passes the meter of the port, for
    those whose :class:`~vrouter_ovs.state.Punt` says so.  One at most."""

    kind: ClassVar[str] = "stormcontrol"

    @property
    def key(self) -> Key:
        return ("stormcontrol",)

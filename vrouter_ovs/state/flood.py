"""What goes to all of an EVI: its local ports, and the VTEPs of all others who have it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, TypeVar

from vrouter_ovs.state.base import Key, StateBase
from vrouter_ovs.state.forwarding import BridgedHop
from vrouter_ovs.state.targets import GROUP

ONE_PASS_PORTS, ONE_PASS_REMOTES = 400, 256
"""What is replicated to in the pass in which a packet arrives.  ovs-vswitchd drops a packet that
has passed 4,096 tables in one pass; a copy to a port passes eight where its rules are untracked,
one to a tunnel three."""
PART = 256
"""Beyond, so many members a part, each with a pass of its own.  What the datapath is to do in a
pass has 64 kB, and ovs-vswitchd leaves out without a word what is more: a copy to a VTEP takes 84
to 130 bytes of it, one to a port whose connections are tracked some 40."""

Member = TypeVar("Member")


def _parts(members: tuple[Member, ...], one_pass: int) -> tuple[tuple[Member, ...], ...]:
    if len(members) <= one_pass:
        return ()
    return tuple(members[i : i + PART] for i in range(0, len(members), PART))


@dataclass(frozen=True, slots=True)
class Flood(StateBase):
    """Where broadcast and multicast of an EVI go: local OpenFlow ports, and then to the EVI's
    :class:`FloodRemotes`.  It depends on no peer: a new port hears the others at once."""

    kind: ClassVar[str] = "flood"
    evi: int
    ports: tuple[int, ...]

    @property
    def key(self) -> Key:
        return ("flood", self.evi)

    @property
    def parts(self) -> tuple[tuple[int, ...], ...]:
        """Its parts, where the list is too long for one pass; their :class:`FloodParts` is there as
        well then."""
        return _parts(self.ports, ONE_PASS_PORTS)


@dataclass(frozen=True, slots=True)
class FloodRemotes(StateBase):
    """The hops that broadcast and multicast of an EVI go to, a copy to each.

    What came from a tunnel goes to local ports only (split horizon, RFC 8365 section 5).
    """

    kind: ClassVar[str] = "floodremotes"
    depends_on_peers: ClassVar[bool] = True
    evi: int
    remotes: tuple[BridgedHop, ...]

    @property
    def key(self) -> Key:
        return ("floodremotes", self.evi)

    @property
    def parts(self) -> tuple[tuple[BridgedHop, ...], ...]:
        """As of a :class:`Flood`."""
        return _parts(self.remotes, ONE_PASS_REMOTES)


@dataclass(frozen=True, slots=True)
class FloodParts(StateBase):
    """The group of type ALL that has each of the ``count`` parts of a long list begin anew, a copy
    of the packet for each: of the :class:`Flood` of an EVI, or (``remote``) of its
    :class:`FloodRemotes`."""

    kind: ClassVar[str] = "floodparts"
    target: ClassVar[str] = GROUP
    evi: int
    remote: bool
    count: int

    @property
    def key(self) -> Key:
        return ("floodparts", self.evi, int(self.remote))

    @property
    def depends_on_peers(self) -> bool:
        return self.remote

    @property
    def group(self) -> int:
        """Its number, as that of a :class:`~vrouter_ovs.state.Group`, whose numbers are others."""
        return self.evi | self.remote << 24


def flood_parts(flood: Flood | FloodRemotes) -> FloodParts | None:
    """The group that a flood list needs; None: none."""
    count = len(flood.parts)
    return FloodParts(flood.evi, type(flood) is FloodRemotes, count) if count else None


def flood_parts_key(flood: Flood | FloodRemotes) -> Key:
    """The key of that group, whether the list needs one or not."""
    return FloodParts(flood.evi, type(flood) is FloodRemotes, 0).key

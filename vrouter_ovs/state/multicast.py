"""Where IP multicast of an EVI goes that snoops (RFC 4541): members of groups, and routers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from vrouter_ovs.state.base import Key, StateBase


@dataclass(frozen=True, slots=True)
class MulticastGroup(StateBase):
    """Packets to ``group`` go to these local OpenFlow ports, and then to the EVI's
    :class:`~vrouter_ovs.state.FloodRemotes`.

    What is known of members is heard again after a start of the node, and not changed before that:
    hence ``depends_on_peers``.
    """

    kind: ClassVar[str] = "multicast"
    depends_on_peers: ClassVar[bool] = True
    evi: int
    group: str
    ports: tuple[int, ...]

    @property
    def key(self) -> Key:
        return ("multicast", self.evi, self.group)


@dataclass(frozen=True, slots=True)
class Snooping(StateBase):
    """An EVI snoops: the node hears of reports and queries of local ports; reports go to the local
    ``routers``, and then to the EVI's :class:`~vrouter_ovs.state.FloodRemotes`, to nobody else.
    ``flood_unregistered``: packets to groups that have no :class:`MulticastGroup` go to all ports;
    otherwise as reports do.  What is of the link alone goes to all."""

    kind: ClassVar[str] = "snooping"
    depends_on_peers: ClassVar[bool] = True
    evi: int
    routers: tuple[int, ...] = ()
    flood_unregistered: bool = True

    @property
    def key(self) -> Key:
        return ("snooping", self.evi)

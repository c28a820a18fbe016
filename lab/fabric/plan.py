"""Racks and their addresses: what a routed fabric looks like, before any of it exists.

The underlay is 198.18.0.0/16, of the range kept for tests of networks (RFC 2544).  It has two
halves, *planes*: path i of a hypervisor runs within plane i, from its own address there to the far
end's.  So a hypervisor needs one route a plane and no routing by source, which Open vSwitch's own
tunnels do not know (ovs-vswitchd looks up the destination alone).  A rack owns a /24 in each plane:
those of the hypervisors whose first uplink goes to it, and those of whose second does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lab.fabric.flat import Uplink

UNDERLAY = "198.18.0.0/16"
PLANES = 2
_PLANE_SIZE = 256 // PLANES
MAX_RACKS = _PLANE_SIZE - 1
"""The first /24 of the underlay numbers the links between switches."""

CHASSIS = "chassis"
SERVICE = 6654
"""The port at which the first physical bridge waits for controllers; the second has the next."""


def plane(path: int) -> str:
    """The prefix within which path ``path`` of every hypervisor runs."""
    return f"198.18.{path * _PLANE_SIZE}.0/17"


def rack_name(rack: int) -> str:
    return f"tor{rack}"


def link_name(one: str, other: str) -> str:
    """The name of the link between two hosts: a hypervisor or chassis, and a rack switch."""
    return f"{one}-{other}"


@dataclass(frozen=True)
class Racks:
    """``count``: top-of-rack switches, joined by one chassis switch.

    ``homes``: hypervisor -> the racks (1..count) of its first and second uplink; ``home`` for those
    that it does not name.  ``paths``: how many of a hypervisor's addresses its database names as
    VTEP addresses.  ``control``: "mgmt", or "underlay" for hypervisors whose only way to the nodes
    is their first uplink.  ``lldp``: whether the switches speak LLDP, and the hypervisors' physical
    bridges let the nodes do so.  ``asn``: of the switches where they speak BGP with the nodes,
    or 0.  Raises ValueError.
    """

    count: int = 2
    homes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    home: tuple[int, ...] = (1, 2)
    paths: int = 1
    control: str = "mgmt"
    lldp: bool = False
    asn: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.count <= MAX_RACKS:
            raise ValueError(f"{self.count} racks: 1 to {MAX_RACKS}")
        if self.control not in ("mgmt", "underlay"):
            raise ValueError(f"control = {self.control!r}: mgmt or underlay")
        for racks in (self.home, *self.homes.values()):
            if not 1 <= len(racks) <= PLANES or not all(1 <= one <= self.count for one in racks):
                raise ValueError(f"{racks}: one or {PLANES} racks of 1 to {self.count}")

    @property
    def racks(self) -> range:
        return range(1, self.count + 1)

    def homes_of(self, host: str) -> tuple[int, ...]:
        """The racks of the hypervisor's uplinks, in the order of its paths."""
        return self.homes.get(host, self.home)

    def subnet(self, rack: int, path: int) -> str:
        """The first three parts of the addresses, with the last dot, that ``rack`` owns."""
        return f"198.18.{path * _PLANE_SIZE + rack}."

    def gateway(self, rack: int, path: int) -> str:
        return f"{self.subnet(rack, path)}1"

    def link(self, rack: int) -> tuple[str, str]:
        """The addresses, with /31, of the link from the chassis to ``rack``: chassis', rack's."""
        return f"198.18.0.{2 * rack}/31", f"198.18.0.{2 * rack + 1}/31"

    def management(self, rack: int) -> str:
        """The last part of a switch's management address; 0: the chassis'."""
        return str(230 - rack)

    def uplinks(self, host: str, number: int) -> tuple[Uplink, ...]:
        return tuple(
            Uplink(
                f"br-phy{path}", f"eth{path}", f"{self.subnet(rack, path)}{number}", 24,
                ((plane(path), self.gateway(rack, path)),), f"ptcp:{SERVICE + path}"
                if self.lldp else "",
            )
            for path, rack in enumerate(self.homes_of(host))
        )

"""Physical segments: how the networks of a vrouter are attached to physical networks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from vrouter_ovs.state.base import Key, StateBase

DHCP4, DHCP6 = SERVERS = ("dhcp4", "dhcp6")
"""What servers on the segment may answer VMs."""
ARP, ASK_DHCP4, ASK_DHCP6, ASK_ROUTER = OUTWARD = ("arp", "dhcp4", "dhcp6", "rs")
"""What a port sends to the segment that else ends in the switch or is answered there: that it
announces its own address, what asks DHCP servers, router solicitations."""


@dataclass(frozen=True, slots=True)
class PhysicalNetwork(StateBase):
    """A physical network that the bridge is attached to by the port ``ofport``.  What comes in by
    it is of one of its :class:`Segment`, or ends."""

    kind: ClassVar[str] = "physical"
    name: str
    ofport: int

    @property
    def key(self) -> Key:
        return ("physical", self.name)


@dataclass(frozen=True, slots=True)
class Segment(StateBase):
    """The EVI ``evi`` is one segment with what is on a physical network: its untagged frames, or
    those of a VLAN.

    ``ofport``: as of the :class:`PhysicalNetwork`.  ``vlan``: the VID, or 0 for untagged frames.
    ``served``: of :data:`SERVERS`, which of them there are to answer VMs.  ``sends``: whether
    anything goes to the segment; else frames of it are taken alone.  ``transparent``: of untagged
    frames, so are those of VLANs that no other segment has.

    What comes from the segment reaches local ports alone: no tunnel, and no segment again.  What a
    local port sends to all, or to a MAC that is not known, goes to the segment too.
    """

    kind: ClassVar[str] = "segment"
    evi: int
    ofport: int
    vlan: int = 0
    served: tuple[str, ...] = ()
    sends: bool = True
    transparent: bool = False

    @property
    def key(self) -> Key:
        return ("segment", self.evi)

"""Ports of VMs on this bridge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from vrouter_ovs.state.base import Key, StateBase

STANDBY, STANDBY_WATCHED = "standby", "watched"
"""A port is at another vrouter, and may come here: this one has all that it needs, but nothing is
sent to it and what it sends ends here.  STANDBY_WATCHED: the node hears of what it sends from its
own MAC, since that tells that the guest runs here from now on."""


@dataclass(frozen=True, slots=True)
class LocalPort(StateBase):
    """A VM port on this bridge.

    ``policy``: the id of its policy set (see :class:`Policy`), 0 where nothing is filtered.
    ``allowed``: the (MAC, address or prefix) pairs it may send from; its own come first.  A pair
    with the address "" allows the MAC alone, one with an IPv6 address the link-local address of the
    MAC (modified EUI-64) as well.  With ``port_security`` off everything is allowed.
    ``shared``: those of ``allowed`` that other ports may have too.  What announces such an address
    (ARP, a neighbor advertisement) goes its way, and the node hears it as well.  An address that is
    not shared is the port's own; all that a prefix or "" allows may be announced only where it is
    nobody's own (see :class:`Neighbor`).
    ``outward``: of :data:`~vrouter_ovs.state.segments.OUTWARD`, where its network has a physical
    segment.
    ``transparent``: as of its :class:`Evi`.
    ``standby``: "" where the port is; else :data:`STANDBY` or :data:`STANDBY_WATCHED`.
    ``parent``, ``vlan``: of a trunk's subport the OpenFlow port that carries it, and in which VLAN;
    its ``ofport`` is one of :data:`~vrouter_ovs.numbers.SUBPORT_NUMBERS`.
    """

    kind: ClassVar[str] = "port"
    port_id: str
    ofport: int
    evi: int
    mac: str
    allowed: tuple[tuple[str, str], ...]
    port_security: bool = True
    policy: int = 0
    shared: tuple[tuple[str, str], ...] = ()
    standby: str = ""
    outward: tuple[str, ...] = ()
    parent: int = 0
    vlan: int = 0
    transparent: bool = False

    @property
    def key(self) -> Key:
        return ("port", self.port_id)


@dataclass(frozen=True, slots=True)
class Trunks(StateBase):
    """This vrouter has subports: what is for one leaves it with a tag, from whatever table."""

    kind: ClassVar[str] = "trunks"

    @property
    def key(self) -> Key:
        return ("trunks",)


@dataclass(frozen=True, slots=True)
class LearningPort(StateBase):
    """A port that may have any MAC behind it: the node hears of each that is not its own and no
    :class:`KnownSource`."""

    kind: ClassVar[str] = "learningport"
    port_id: str
    ofport: int
    mac: str

    @property
    def key(self) -> Key:
        return ("learningport", self.port_id)


@dataclass(frozen=True, slots=True)
class KnownSource(StateBase):
    """A MAC behind such a port that the node need not hear of for now."""

    kind: ClassVar[str] = "source"
    port_id: str
    ofport: int
    mac: str

    @property
    def key(self) -> Key:
        return ("source", self.port_id, self.mac)


@dataclass(frozen=True, slots=True)
class Arrived(StateBase):
    """A port has come here from another vrouter a while ago: TCP segments that begin nothing reach
    it, so that what it brought along goes on."""

    kind: ClassVar[str] = "arrived"
    port_id: str
    ofport: int

    @property
    def key(self) -> Key:
        return ("arrived", self.port_id)


@dataclass(frozen=True, slots=True)
class Punt(StateBase):
    """What a port asks of the network itself (DHCP, router solicitations, DNS), and what a router
    has to answer with an error, reaches the node.  ``counted``: what begins a connection
    of the port passes a meter as well.  ``storm``: so does what it sends to broadcast and multicast
    addresses.

    An object of its own: a switch that has no meters refuses this, and the port works without.
    """

    kind: ClassVar[str] = "punt"
    port_id: str
    ofport: int
    counted: bool = False
    storm: bool = False

    @property
    def key(self) -> Key:
        return ("punt", self.port_id)

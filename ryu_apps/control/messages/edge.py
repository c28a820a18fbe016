"""Ports and the network that answers them: addresses seen, and what is answered or sent."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from ryu_apps.control.messages.base import Effect, Event
from vrouter_ovs.edge import EdgePort
from vrouter_ovs.proxies.dns.dns import DnsView


class Evidence(IntEnum):
    """How an address was seen.  USED: as the sender of an ARP request; ANSWERED: in an answer;
    ANNOUNCED: unasked, to all."""

    USED = 0
    ANSWERED = 1
    ANNOUNCED = 2


@dataclass(frozen=True, slots=True)
class AddressSeen(Event):
    """A port sent ARP or a neighbor advertisement from an address that others may have too.  The
    switch has checked that the port may do so, at the time."""

    element: str
    port_id: str
    mac: str
    address: str
    how: Evidence = Evidence.ANNOUNCED


@dataclass(frozen=True, slots=True)
class GuestSeen(Event):
    """A guest sends through a port of the switch where its port stands by: it has come there."""

    element: str
    ofport: int


@dataclass(frozen=True, slots=True)
class MacSeen(Event):
    """A port without port security sends from a MAC that its switch was to tell of."""

    element: str
    port_id: str
    mac: str


@dataclass(frozen=True, slots=True)
class GroupsReported(Event):
    """A port says by IGMP or MLD which multicast groups it is a member of, or is one no more."""

    element: str
    port_id: str
    joined: tuple[str, ...]
    left: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class QuerierSeen(Event):
    """A multicast router at a port asks who is a member: of all groups, or of ``group``."""

    element: str
    port_id: str
    group: str = ""


@dataclass(frozen=True, slots=True)
class QueryGroups(Effect):
    """Ask the port at ``ofport`` which multicast groups it is a member of, or whether of ``group``;
    it answers within ``response`` seconds, with GroupsReported."""

    element: str
    ofport: int
    response: float
    group: str = ""


@dataclass(frozen=True, slots=True)
class ActivateBinding(Effect):
    """A port has moved to the host of an INACTIVE binding, which is the ACTIVE one from now on.
    ``hosts``: the names of that host."""

    port_id: str
    hosts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EdgeChanged(Effect):
    """What is answered on behalf of the network to the port at ``ofport``; None: nothing."""

    element: str
    ofport: int
    port: EdgePort | None


@dataclass(frozen=True, slots=True)
class DnsChanged(Effect):
    """What ports of a network may resolve, from now on by this view, whose mappings go on changing
    by themselves (:mod:`ryu_apps.control.edge.names`).  None: no port of it is here any more."""

    network_id: str
    view: DnsView | None


@dataclass(frozen=True, slots=True)
class Probe(Effect):
    """Ask the port at ``ofport`` whether it has ``address``; an answer is an AddressSeen."""

    element: str
    ofport: int
    address: str


@dataclass(frozen=True, slots=True)
class SendGratuitousArp(Effect):
    """Notify the ports of this EVI on this element that ``address`` is at ``mac`` now: for IPv4 by
    a gratuitous ARP, for IPv6 by an unsolicited neighbor advertisement.  ``holder_ofport``: the
    OpenFlow port that has the address, which is left out, or 0.  ``router``: it is a router's."""

    element: str
    evi: int
    address: str
    mac: str
    holder_ofport: int = 0
    router: bool = False

"""Elements: what they say of themselves, and whether they are taken in."""

from __future__ import annotations

from dataclasses import dataclass, field

from ryu_apps.control.kinds import Facts
from ryu_apps.control.messages.base import Effect, Event
from ryu_apps.control.ownership.records import OwnerRecord
from vrouter_ovs.state import Endpoint


@dataclass(frozen=True, slots=True)
class Interface:
    """A row of OVSDB's Interface table on the integration bridge that claims a port.

    ``ofport`` is -1 where OVS could not make it, and then ``error`` says why.  ``installed``: it
    bore the mark of :class:`~vrouter_ovs.state.InterfaceInstalled` when it was last told; a change
    of the mark is no change of the interface.
    """

    name: str
    iface_id: str
    ofport: int
    link_up: bool = True
    error: str = ""
    installed: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class TunnelStatus:
    """A tunnel port as OVSDB shows it.  ``bfd``: "up", "down", "init", "admin_down" or "".
    ``egress``: the device that its packets leave by, "" where the switch has no route.
    ``far_bfd``: likewise, what the far end said last; "": it is not known."""

    endpoint: Endpoint
    ofport: int
    bfd: str = ""
    error: str = ""
    egress: str = ""
    far_bfd: str = ""


@dataclass(frozen=True, slots=True)
class ElementInfo:
    """Who an element says it is.

    ``vtep``: the first of its addresses in the underlay, by which others know it;
    ``further_vteps``: the others, one for each further underlay path
    (:mod:`ryu_apps.control.links.paths`).
    ``identity``: tells two apart that have one system-id; for OVS the UUID of the Open_vSwitch row.
    ``address``: the peer address of the connection.  ``facts``: what only its kind has.
    ``controller``: where its switch finds this node, a target as in ovs-vswitchd.conf.db(5), table
    Controller.  ``managers``: how many nodes it was told to connect to.  ``epoch``: which change of
    its owner it has heard of last, 0 for none; see :class:`AcceptElement`.  ``certified``: the
    names that its certificate has; None: it needs none.
    """

    element: str
    hostname: str
    vtep: str
    identity: str
    address: str
    facts: Facts
    controller: str = ""
    managers: int = 1
    epoch: int = 0
    further_vteps: tuple[str, ...] = ()
    certified: frozenset[str] | None = None

    @property
    def hosts(self) -> tuple[str, ...]:
        """The names by which a port's ``binding:host_id`` means it: host name and system-id.  Over
        TLS those only that its certificate has, for it says by itself what its host name is."""
        names = (self.hostname, self.element)
        if self.certified is None:
            return names
        return tuple(name for name in names if name in self.certified)

    @property
    def vteps(self) -> tuple[str, ...]:
        """All of its addresses in the underlay, in the order of the paths."""
        return (self.vtep, *self.further_vteps)

    @property
    def kind(self) -> str:
        """Which southbound it belongs to, such as "ovs"."""
        return self.facts.kind


@dataclass(frozen=True, slots=True)
class ElementConnected(Event):
    """A hypervisor's OVSDB session ``session`` delivered its contents: for the first time, or again
    after :class:`ReconsiderElement`.  An older session of the same hypervisor that is dead was told
    of by :class:`ElementDisconnected` before."""

    session: int
    info: ElementInfo
    interfaces: tuple[Interface, ...]
    tunnels: tuple[TunnelStatus, ...]


@dataclass(frozen=True, slots=True)
class ElementChanged(Event):
    """What the element says of itself changed (hostname, VTEP, facts)."""

    session: int
    info: ElementInfo


@dataclass(frozen=True, slots=True)
class ElementDisconnected(Event):
    session: int
    element: str
    reason: str


@dataclass(frozen=True, slots=True)
class ElementUnusable(Event):
    """A hypervisor's database lacks something, or holds what cannot be used.  ``element``,
    ``hostname``: as far as they can be shown.  ``reason``: empty where it is mended, or the session
    is over."""

    session: int
    address: str
    element: str
    hostname: str
    reason: str


@dataclass(frozen=True, slots=True)
class InterfacesChanged(Event):
    """``changes``: interface name -> its new row, or None where it is gone."""

    session: int
    element: str
    changes: tuple[tuple[str, Interface | None], ...]


@dataclass(frozen=True, slots=True)
class PortStatus(Event):
    """The switch of an element has made the port ``name``, or (``ofport`` None) has it no more."""

    element: str
    name: str
    ofport: int | None


@dataclass(frozen=True, slots=True)
class TunnelsChanged(Event):
    """``changes``: endpoint -> its tunnel's new status, or None where the port is gone."""

    session: int
    element: str
    changes: tuple[tuple[Endpoint, TunnelStatus | None], ...]


@dataclass(frozen=True, slots=True)
class StandbyReady(Event):
    """Whether this node could take over the element, which another owns, without reading anything
    of it first."""

    element: str
    ready: bool


@dataclass(frozen=True, slots=True)
class MastershipLost(Event):
    """The element heeds an owner of a later ``epoch`` than this node's, and takes no change from
    this one."""

    element: str
    epoch: int


@dataclass(frozen=True, slots=True)
class ForgetElement(Event):
    """The operator removed a hypervisor: its claims and paths go."""

    element: str


@dataclass(frozen=True, slots=True)
class AcceptElement(Effect):
    """The session may configure its hypervisor from now on; an older session of it is closed.
    ``info``: as it was when that was decided.  ``epoch``: counts the changes of its owner; the
    element heeds the highest that it has been shown (``generation_id`` of OpenFlow 1.4 section
    6.3.5, and a wait on ``external_ids:vnc-epoch`` in each transaction)."""

    session: int
    info: ElementInfo
    epoch: int = 0


@dataclass(frozen=True, slots=True)
class RefuseElement(Effect):
    """The session may not configure its hypervisor.  ``standby``: nothing is wrong, the hypervisor
    is another's; keep the session.  ``warm``: and know of the element what this node would have to
    know to take it over."""

    session: int
    info: ElementInfo
    reason: str
    standby: bool = False
    warm: bool = False


@dataclass(frozen=True, slots=True)
class ExpectElement(Effect):
    """The element, of that kind, was this node's before its start and will come back, from
    ``address``: keep a place for it."""

    element: str
    address: str
    kind: str


@dataclass(frozen=True, slots=True)
class AssignElement(Effect):
    """Make ``owner`` the owner of the element in the store, if its record is ``expected`` there
    (None: there is none); otherwise nothing, as the record that is there will be heard of.
    ``epoch``: the least that the new record may have.  A later one for the same element replaces
    it; with ``owner`` "" nothing is wanted any more."""

    element: str
    expected: OwnerRecord | None
    owner: str
    epoch: int = 0
    why: str = ""


@dataclass(frozen=True, slots=True)
class ReconsiderElement(Effect):
    """What stood against the session, of an element of that kind, is gone: tell of it again."""

    session: int
    kind: str


@dataclass(frozen=True, slots=True)
class ReleaseElement(Effect):
    """This node is no longer in charge of the element; what its switch holds stays as it is."""

    element: str

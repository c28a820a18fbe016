"""The events that enter the control core and the effects that leave it.

Shells (REST, BGP, OVSDB, OpenFlow, timers) post events to the controller thread; the thread calls
``world.step(event, now)`` and runs the effects it returns.  All are frozen values.  ``now`` is
seconds from a monotonic clock; the core never reads a clock itself.

``element`` is always the system-id of a hypervisor (``external_ids:system-id`` of its OVSDB; each
kind of element has its own place for it).  ``session`` is the number of a connection that an
element has with this node; no two of one process, of whatever kind, have the same number.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, ClassVar

from ryu_apps.control.families import DEFAULT_FAMILIES, Family
from ryu_apps.control.graceful_restart import BY_TCP, Negotiated, SessionEnd
from ryu_apps.control.kinds import Facts
from ryu_apps.control.routes import Nlri, Path
from vrouter_ovs.edge import EdgePort
from vrouter_ovs.proxies.dns.dns import DnsView
from vrouter_ovs.state import TARGET_OF, TARGETS, Endpoint, Key, StateObject


class Event:
    """Something happened; goes to :meth:`World.handle`."""

    __slots__ = ()


class Effect:
    """Something is to be done.  ``ignorable``: a node may have no part that does it."""

    __slots__ = ()
    ignorable: ClassVar[bool] = False


# ---------------------------------------------------------------- events


@dataclass(frozen=True, slots=True)
class ConfigChanged(Event):
    """Committed configuration, in store order.  ``changes``: of
    :class:`~ryu_apps.control.config.model.Change`."""

    changes: tuple
    revision: int


@dataclass(frozen=True, slots=True)
class ConfigLoaded(Event):
    """The whole stored configuration was delivered in the ConfigChanged events before this.

    ``known``: it follows on what this node knew before it was started.  ``remembers``: the node
    would have a record, had it run before."""

    known: bool = True
    remembers: bool = True


@dataclass(frozen=True, slots=True)
class ConfigAccepted(Event):
    """An operator accepted the stored configuration as it is, here or at another node."""


@dataclass(frozen=True, slots=True)
class StatusChanged(Event):
    """Observed-state records of all nodes, from the store: (key, record or None) below
    ``/status/``.  Keys: ``/status/nodes/NAME`` (ephemeral), ``/status/elements/SYSTEM-ID``,
    ``/status/claims/PORT/SYSTEM-ID``."""

    changes: tuple[tuple[str, Any], ...]


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
    """A tunnel port as OVSDB shows it.  ``bfd``: "up", "down", "init", "admin_down" or ""."""

    endpoint: Endpoint
    ofport: int
    bfd: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class ElementInfo:
    """Who an element says it is.

    ``identity``: tells two apart that have one system-id; for OVS the UUID of the Open_vSwitch row.
    ``address``: the peer address of the connection.  ``facts``: what only its kind has.
    """

    element: str
    hostname: str
    vtep: str
    identity: str
    address: str
    facts: Facts

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
class VrouterConnected(Event):
    """The OpenFlow channel of an element is up and its flows have been read back."""

    element: str


@dataclass(frozen=True, slots=True)
class VrouterDisconnected(Event):
    element: str
    reason: str


@dataclass(frozen=True, slots=True)
class VrouterAcked(Event):
    """These targets confirmed every change up to ``revision``, but for what they refused.
    ``recovered``: objects that were refused as they are now, and are there after all."""

    element: str
    revision: int
    targets: tuple[str, ...] = TARGETS
    recovered: tuple[Key, ...] = ()


@dataclass(frozen=True, slots=True)
class ObjectRefused(Event):
    """The target of the object ``key`` refused it; the rest of the revision was applied.

    ``revision``: the last that had been taken in; what changed the object later is not what was
    refused.
    """

    element: str
    key: Key
    reason: str
    revision: int


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
class PathsReceived(Event):
    """From one peer, in order within the event: withdrawals first, then announcements."""

    peer: str
    announced: tuple[Path, ...] = ()
    withdrawn: tuple[Nlri, ...] = ()


@dataclass(frozen=True, slots=True)
class PeerUp(Event):
    """``info``: ``router_id`` and ``remote_as`` of its OPEN, and more for people.  ``families``:
    those of the session, and what its OPEN says of graceful restart for each."""

    peer: str
    info: dict = field(default_factory=dict, hash=False, compare=False)
    families: Mapping[Family, Negotiated] = field(
        default_factory=lambda: dict.fromkeys(DEFAULT_FAMILIES, Negotiated()), hash=False
    )


@dataclass(frozen=True, slots=True)
class PeerDown(Event):
    """Its paths turn stale, or go: :mod:`ryu_apps.control.graceful_restart`."""

    peer: str
    reason: str
    end: SessionEnd = BY_TCP


@dataclass(frozen=True, slots=True)
class EndOfRib(Event):
    """The peer has told its whole table of a family."""

    peer: str
    family: Family


@dataclass(frozen=True, slots=True)
class Tick(Event):
    """Time passed; posted about once a second."""


@dataclass(frozen=True, slots=True)
class ForgetElement(Event):
    """The operator removed a hypervisor: its claims and paths go."""

    element: str


@dataclass(frozen=True, slots=True)
class ClearDuplicate(Event):
    """An operator says that nobody else has the MAC and the addresses of a port any more."""

    port_id: str


# ---------------------------------------------------------------- effects


@dataclass(frozen=True, slots=True)
class Program(Effect):
    """Change a vrouter's desired state.  Within one effect a key stands once; None deletes.

    ``revision`` grows by one per effect and element, from 1 at the node's start.
    """

    element: str
    revision: int
    changes: tuple[tuple[Key, StateObject | None], ...]

    def part(self, *targets: str) -> list[tuple[Key, StateObject | None]]:
        """The changes for these targets (:data:`vrouter_ovs.state.TARGETS`)."""
        return [change for change in self.changes if TARGET_OF[change[0][0]] in targets]


@dataclass(frozen=True, slots=True)
class Defer(Effect):
    """While a vrouter is deferred, it is added to, but nothing of it is deleted, nor are objects
    modified that depend on peers: the node has just started, or the element has just joined, and
    not everything is known yet (the deferral of RFC 4724 section 4.1).  ``deferred=False`` lets it
    converge on what is desired."""

    element: str
    deferred: bool


@dataclass(frozen=True, slots=True)
class AcceptElement(Effect):
    """The session may configure its hypervisor from now on; an older session of it is closed.
    ``info``: as it was when that was decided."""

    session: int
    info: ElementInfo


@dataclass(frozen=True, slots=True)
class RefuseElement(Effect):
    """The session may not configure its hypervisor.  ``standby``: nothing is wrong, the hypervisor
    is another's; keep the session."""

    session: int
    info: ElementInfo
    reason: str
    standby: bool = False


@dataclass(frozen=True, slots=True)
class ExpectElement(Effect):
    """The element, of that kind, was this node's before its start and will come back, from
    ``address``: keep a place for it."""

    element: str
    address: str
    kind: str


@dataclass(frozen=True, slots=True)
class ReconsiderElement(Effect):
    """What stood against the session, of an element of that kind, is gone: tell of it again."""

    session: int
    kind: str


@dataclass(frozen=True, slots=True)
class ReleaseElement(Effect):
    """This node is no longer in charge of the element; what its switch holds stays as it is."""

    element: str


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


@dataclass(frozen=True, slots=True)
class Announce(Effect):
    """Paths of this node, new or in place of what was announced for the same NLRI."""

    ignorable: ClassVar[bool] = True  # without peers nobody hears of routes

    paths: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class Withdraw(Effect):
    """Paths that this node has no longer."""

    ignorable: ClassVar[bool] = True

    nlris: tuple[Nlri, ...]


@dataclass(frozen=True, slots=True)
class SendEndOfRib(Effect):
    """The node has announced everything it knows from before its restart (RFC 4724 section 4.1)."""

    ignorable: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class ConfigDoubted(Effect):
    """``reason``: why the configuration cannot be the one that the hypervisors were programmed
    from, and nothing of theirs is deleted; "": it can, as far as is known.  ``trusted``: it is."""

    reason: str
    trusted: bool


@dataclass(frozen=True, slots=True)
class RecordStatus(Effect):
    """Write (or with None delete) an observed-state record in the store, key below ``/status/``."""

    key: str
    value: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Notice(Effect):
    """Something an operator should read.  ``level``: "info", "warning" or "error"."""

    level: str
    subject: str
    text: str


EFFECTS: frozenset[type[Effect]] = frozenset(
    item for item in list(globals().values())
    if isinstance(item, type) and issubclass(item, Effect) and item is not Effect
)
"""All classes of effects."""

Subscriptions = Mapping[type[Effect], Callable[[Any], None]]
"""Effect class -> what carries out such an effect.  It is called on the controller thread and must
not block; what it raises is logged and counted."""

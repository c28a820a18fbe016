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
from typing import Any

from ryu_apps.control.messages.base import Effect, Event
from ryu_apps.control.messages.bgp import (
    Announce,
    ClearDuplicate,
    EndOfRib,
    PathsReceived,
    PeerDown,
    PeerUp,
    SendEndOfRib,
    SendTable,
    Withdraw,
)
from ryu_apps.control.messages.configuration import (
    CatchUp,
    CaughtUp,
    ConfigAccepted,
    ConfigChanged,
    ConfigDoubted,
    ConfigLoaded,
    Notice,
    ProbeNode,
    RecordLoad,
    RecordStatus,
    StatusChanged,
    Tick,
)
from ryu_apps.control.messages.edge import (
    ActivateBinding,
    AddressSeen,
    DnsChanged,
    EdgeChanged,
    Evidence,
    GroupsReported,
    GuestSeen,
    MacSeen,
    Probe,
    QuerierSeen,
    QueryGroups,
    SendGratuitousArp,
)
from ryu_apps.control.messages.elements import (
    AcceptElement,
    AssignElement,
    ElementChanged,
    ElementConnected,
    ElementDisconnected,
    ElementInfo,
    ElementUnusable,
    ExpectElement,
    ForgetElement,
    Interface,
    InterfacesChanged,
    MastershipLost,
    PortStatus,
    ReconsiderElement,
    RefuseElement,
    ReleaseElement,
    StandbyReady,
    TunnelsChanged,
    TunnelStatus,
)
from ryu_apps.control.messages.vrouters import (
    Defer,
    ObjectRefused,
    Program,
    VrouterAcked,
    VrouterConnected,
    VrouterDisconnected,
)

__all__ = [
    "EFFECTS",
    "AcceptElement",
    "ActivateBinding",
    "AddressSeen",
    "Announce",
    "AssignElement",
    "CatchUp",
    "CaughtUp",
    "ClearDuplicate",
    "ConfigAccepted",
    "ConfigChanged",
    "ConfigDoubted",
    "ConfigLoaded",
    "Defer",
    "DnsChanged",
    "EdgeChanged",
    "Effect",
    "ElementChanged",
    "ElementConnected",
    "ElementDisconnected",
    "ElementInfo",
    "ElementUnusable",
    "EndOfRib",
    "Event",
    "Evidence",
    "ExpectElement",
    "ForgetElement",
    "GroupsReported",
    "GuestSeen",
    "Interface",
    "InterfacesChanged",
    "MacSeen",
    "MastershipLost",
    "Notice",
    "ObjectRefused",
    "PathsReceived",
    "PeerDown",
    "PeerUp",
    "PortStatus",
    "Probe",
    "ProbeNode",
    "Program",
    "QuerierSeen",
    "QueryGroups",
    "ReconsiderElement",
    "RecordLoad",
    "RecordStatus",
    "RefuseElement",
    "ReleaseElement",
    "SendEndOfRib",
    "SendGratuitousArp",
    "SendTable",
    "StandbyReady",
    "StatusChanged",
    "Subscriptions",
    "Tick",
    "TunnelStatus",
    "TunnelsChanged",
    "VrouterAcked",
    "VrouterConnected",
    "VrouterDisconnected",
    "Withdraw",
]  # fmt: skip

EFFECTS: frozenset[type[Effect]] = frozenset(
    item for item in list(globals().values())
    if isinstance(item, type) and issubclass(item, Effect) and item is not Effect
)
"""All classes of effects."""

Subscriptions = Mapping[type[Effect], Callable[[Any], None]]
"""Effect class -> what carries out such an effect.  It is called on the controller thread and must
not block; what it raises is logged and counted."""

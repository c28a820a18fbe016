"""Configuration and status records: what the store has, and what is to be recorded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from ryu_apps.control.messages.base import Effect, Event


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
    ``/status/claims/PORT/SYSTEM-ID``, and those of :mod:`~ryu_apps.control.ownership.records`.
    ``whole``: all that the store had when this node first read it."""

    changes: tuple[tuple[str, Any], ...]
    whole: bool = False


@dataclass(frozen=True, slots=True)
class CaughtUp(Event):
    """The status records that the store had when CatchUp ``token`` was asked for, or a later one,
    were delivered in the StatusChanged events before this; or the store does not answer."""

    token: int


@dataclass(frozen=True, slots=True)
class CatchUp(Effect):
    """Read up to what the store has now, and answer with CaughtUp.  ``token`` grows with each."""

    token: int


@dataclass(frozen=True, slots=True)
class ConfigDoubted(Effect):
    """``reason``: why the configuration cannot be the one that the hypervisors were programmed
    from, and nothing of theirs is deleted; "": it can, as far as is known.  ``trusted``: it is."""

    reason: str
    trusted: bool


@dataclass(frozen=True, slots=True)
class RecordStatus(Effect):
    """Write (or with None delete) an observed-state record in the store, key below ``/status/``.
    ``ephemeral``: it goes when this node does."""

    key: str
    value: dict[str, Any] | None
    ephemeral: bool = False


@dataclass(frozen=True, slots=True)
class RecordLoad(Effect):
    """Tell the other nodes, in the record of this one, how much it does: how many elements it
    owns, and what these have of ports and send of messages a second, both coarse."""

    ignorable: ClassVar[bool] = True
    elements: int
    ports: int
    messages: int


@dataclass(frozen=True, slots=True)
class ProbeNode(Effect):
    """The session with a peer that is the node ended.  If nobody listens at its API any more its
    process is gone: declare it dead, sooner than its lease does.  ``record``: its record."""

    ignorable: ClassVar[bool] = True
    node: str
    record: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Notice(Effect):
    """Something an operator should read.  ``level``: "info", "warning" or "error"."""

    level: str
    subject: str
    text: str


@dataclass(frozen=True, slots=True)
class Tick(Event):
    """Time passed; posted about once a second."""

"""The BGP engine contract.

An engine speaks BGP to peers and nothing else: it has no RIB of received paths, imports nothing,
decides nothing.  It keeps what the node announced, so that it can answer a new session or a
ROUTE-REFRESH without asking.  It runs in a process of its own.

Callbacks come as events of :mod:`ryu_apps.control.messages` (PathsReceived, PeerUp, PeerDown,
EndOfRib) through the ``post`` callable given at construction, on a thread of the engine's own, in
the order in which the peer sent them.

A session begins with PeerUp alone: it is received, kept alive, and nothing is announced in it until
:meth:`Engine.send_table`.
"""

from __future__ import annotations

import abc
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ryu_apps.control.families import DEFAULT_FAMILIES, Family
from ryu_apps.control.messages import (
    Announce,
    SendEndOfRib,
    SendTable,
    Subscriptions,
    Withdraw,
)
from ryu_apps.control.routes import Nlri, Path


@dataclass(frozen=True)
class Peer:
    """A configured neighbour.  ``name`` identifies it in events; default its address.  ``kind``:
    see :mod:`ryu_apps.control.peers`; an engine treats all alike.  ``families``: those that are
    announced to it; a session has what both sides announce.  ``route_targets`` (see
    :class:`~ryu_apps.peering.admission.Targets`) and ``next_hops`` (prefixes): all that is taken
    from it, empty: anything; they are for VPN families alone, as ``max_next_hops`` is, and
    ``max_unicast`` is the most routes of the underlay's families."""

    address: str
    remote_as: int
    port: int = 179
    name: str = ""
    passive: bool = False
    password: str = ""
    hold_time: int = 9
    connect_retry: float = 1.0
    max_prefixes: int = 1_000_000
    families: tuple[Family, ...] = DEFAULT_FAMILIES
    kind: str = "auto"
    route_targets: tuple[str, ...] = ()
    next_hops: tuple[str, ...] = ()
    max_next_hops: int = 1024
    max_unicast: int = 10_000
    enforce_first_as: bool = True

    @property
    def id(self) -> str:
        return self.name or self.address

    @classmethod
    def of(cls, values: dict[str, Any]) -> Peer:
        """Back from :func:`dataclasses.asdict`, as a message between processes has it."""
        return cls(**{**values, "families": tuple(Family(*one) for one in values["families"])})


@dataclass(frozen=True)
class Speaker:
    """This node's side.  ``listen``: (address, port) pairs; ``local_address``: source of active
    connections, "" for any.  ``restart_time``: seconds, RFC 4724 section 3; ``long_lived_time``
    likewise, RFC 9494 section 3.1, 0 for no such capability."""

    local_as: int
    router_id: str
    listen: tuple[tuple[str, int], ...] = (("0.0.0.0", 179),)
    local_address: str = ""
    restart_time: int = 120
    long_lived_time: int = 0
    peers: tuple[Peer, ...] = field(default=())


class Engine(abc.ABC):
    def prepare(self) -> None:
        """Begin what takes a while, and does not depend on anything: :meth:`start` waits for it.
        Raises OSError."""

    @abc.abstractmethod
    def start(self) -> None:
        """Listen and connect.  Returns once it runs; raises OSError if it cannot listen."""

    def subscriptions(self) -> Subscriptions:
        """What of the control core's effects an engine carries out."""
        return {
            Announce: lambda effect: self.announce(effect.paths),
            Withdraw: lambda effect: self.withdraw(effect.nlris),
            SendTable: lambda effect: self.send_table(effect.peer, effect.session),
            SendEndOfRib: lambda effect: self.end_of_rib(),
        }

    @abc.abstractmethod
    def announce(self, paths: Sequence[Path]) -> None:
        """Announce, or replace what was announced for the same NLRI.  Never blocks on a peer."""

    @abc.abstractmethod
    def withdraw(self, nlris: Sequence[Nlri]) -> None:
        """Withdraw; unknown NLRIs are ignored.  Order with ``announce`` is kept."""

    @abc.abstractmethod
    def send_table(self, peer_id: str, session: int) -> None:
        """Send a peer all that is announced, as it is after what was announced and withdrawn until
        now, and go on with what changes.  ``session``: of its PeerUp; nothing happens where that
        session ended, or has the table."""

    @abc.abstractmethod
    def end_of_rib(self) -> None:
        """All that was known before the restart is announced, of all families: peers now get an
        End-of-RIB of each family, and later sessions after their initial table of it.  Until then
        no session sends one."""

    @abc.abstractmethod
    def add_peer(self, peer: Peer) -> None: ...

    @abc.abstractmethod
    def remove_peer(self, peer_id: str) -> None: ...

    @abc.abstractmethod
    def reset_peer(self, peer_id: str) -> None:
        """Drop and re-establish a session (clear)."""

    @abc.abstractmethod
    def status(self) -> list[dict]:
        """One dict a peer: state, uptime, counters of messages and prefixes, last error."""

    def fault(self) -> str:
        """Why the engine does not do its work now, or "".  Waits no longer than :meth:`status`."""
        return ""

    @abc.abstractmethod
    def stop(self) -> None:
        """End the process within 2 s.  TCP is closed without a NOTIFICATION so that helpers of
        graceful restart keep the routes (RFC 4724 section 4.2)."""

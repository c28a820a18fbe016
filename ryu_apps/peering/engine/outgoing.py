"""What is to be handed to the engine's process: routes, commands, and when a table may be sent.

Callers only put what they announce into dicts; one thread sends what has gathered there as one
batch.  Everything announced is kept, by reference to the caller's own paths, so that all of it is
sent again to the process that replaces one that died.
"""

from __future__ import annotations

import collections
import dataclasses
import logging
import threading
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from ryu_apps.control.routes import Nlri, Path
from ryu_apps.peering.base import Peer
from ryu_apps.peering.engine.messages import batches, nlris_of
from ryu_apps.peering.engine.process import EngineProcess

LOG = logging.getLogger(__name__)


class Taken(NamedTuple):
    """What goes together.  ``routes``: what has changed; None: withdrawn.  ``tables``: peer ->
    number of the session.  ``complete``: End-of-RIB is due."""

    routes: dict[Nlri, Path | None]
    tables: dict[str, int]
    complete: bool


class Outgoing:
    """``changed``: guards it, by a lock that a thread may take again, and is notified of work."""

    def __init__(self, changed: threading.Condition) -> None:
        self._changed = changed
        self._announced: dict[Nlri, Path] = {}
        self._dirty: dict[Nlri, Path | None] = {}
        self._commands: collections.deque[list] = collections.deque()
        self._tables: dict[str, int] = {}
        self._complete = False
        self._complete_due = False

    def announce(self, paths: Sequence[Path]) -> None:
        with self._changed:
            announced, dirty = self._announced, self._dirty
            for path in paths:
                announced[path.nlri] = dirty[path.nlri] = path
            self._changed.notify()

    def withdraw(self, nlris: Sequence[Nlri]) -> None:
        with self._changed:
            for nlri in nlris:
                if self._announced.pop(nlri, None) is not None:
                    self._dirty.pop(nlri, None)
                    self._dirty[nlri] = None
            self._changed.notify()

    def send_table(self, peer_id: str, session: int) -> None:
        """After the routes that were announced and withdrawn until now."""
        with self._changed:
            self._tables[peer_id] = session
            self._changed.notify()

    def end_of_rib(self) -> None:
        """After the routes that were announced until now."""
        with self._changed:
            self._complete = self._complete_due = True
            self._changed.notify()

    def command(self, *message: Any) -> None:
        """It waits for no route."""
        with self._changed:
            self._commands.append(list(message))
            self._changed.notify()

    def begin(self, peers: Iterable[Peer]) -> None:
        """A process begins that knows nothing, and has no session."""
        with self._changed:
            self._commands.clear()
            self._commands.extend(["add", dataclasses.asdict(peer)] for peer in peers)
            self._dirty = dict(self._announced)
            self._tables.clear()
            self._complete_due = self._complete

    # -- the writer

    @property
    def waiting(self) -> bool:
        """Whether there is something to send."""
        return bool(self._dirty or self._commands or self._tables or self._complete_due)

    def take(self) -> Taken:
        """What there is to send now, besides commands."""
        with self._changed:
            taken = Taken(self._dirty, self._tables, self._complete_due)
            self._dirty, self._tables, self._complete_due = {}, {}, False
            return taken

    def send(self, process: EngineProcess, taken: Taken) -> None:
        """Commands pass between the batches of routes; a table, and what End-of-RIB closes, is of
        what was announced before it.  Raises OSError when the process is gone."""
        self._send_commands(process)
        try:
            for message in batches(taken.routes):
                self._send_routes(process, message, taken.routes)
                self._send_commands(process)
        except OSError:
            raise
        except Exception:
            LOG.exception("a batch of %d routes could not be handed to BGP", len(taken.routes))
        for peer_id, session in taken.tables.items():
            process.send(["table", peer_id, session])
        if taken.complete:
            process.send(["eor"])

    def _send_routes(self, process: EngineProcess, message: list, dirty: dict[Nlri, Path | None]
                     ) -> None:
        """Send a message of :func:`batches`.  Messages leave whole or not at all; where one cannot
        be packed, its routes go in smaller ones, and what cannot be packed alone is left out."""
        try:
            process.send(message)
        except OSError:
            raise
        except Exception as error:
            nlris = nlris_of(message)
            if len(nlris) == 1:
                LOG.error("cannot be handed to BGP: %s: %s", nlris[0], error)
                if message[0] == "announce":
                    for withdrawal in batches({nlris[0]: None}):
                        self._send_routes(process, withdrawal, dirty)
                return
            for part in (nlris[: len(nlris) // 2], nlris[len(nlris) // 2 :]):
                for smaller in batches({nlri: dirty[nlri] for nlri in part}):
                    self._send_routes(process, smaller, dirty)

    def _send_commands(self, process: EngineProcess) -> None:
        while self._commands:
            process.send(self._commands.popleft())

"""An engine in a process of its own: feeding it, watching it, replacing it.

Three threads: callers only say what there is to send, the writer sends what has gathered
(:mod:`~ryu_apps.peering.engine.outgoing`), the reader turns what the process says into events.
"""

from __future__ import annotations

import dataclasses
import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from ryu_apps.control.families import Family
from ryu_apps.control.graceful_restart import Negotiated, SessionEnd
from ryu_apps.control.messages import EndOfRib, PeerDown, PeerUp
from ryu_apps.control.routes import Nlri, Path
from ryu_apps.peering.base import Engine, Peer, Speaker
from ryu_apps.peering.engine.messages import PathsDecoder
from ryu_apps.peering.engine.outgoing import Outgoing
from ryu_apps.peering.engine.process import STOP_TIMEOUT, EngineProcess
from ryu_apps.supervision import Thread

LOG = logging.getLogger(__name__)

STATUS_TIMEOUT = 1.0
BACKOFF_FIRST, BACKOFF_MAX = 0.1, 10.0
STEADY = 30.0
"""A process that lived this many seconds is started again without growing delay."""
_LEVELS = {"info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


class SubprocessEngine(Engine):
    """The node's half of an engine.  Subclasses name the module that is the other half."""

    MODULE = ""
    ENVIRONMENT: dict[str, str] = {}

    def __init__(self, speaker: Speaker, post: Callable[[Any], None]) -> None:
        self._speaker, self._post = speaker, post
        self._peers = {peer.id: peer for peer in speaker.peers}
        lock = threading.RLock()
        self._condition = threading.Condition(lock)
        """The writer waits for work on it; the other one is for those who wait for an answer."""
        self._answered = threading.Condition(lock)
        self._outgoing = Outgoing(self._condition)
        self._stopping = False
        self._dead = False
        self._up: set[str] = set()
        self._states: tuple[int, list[dict]] = (0, [])
        self._tokens = 0
        self._silent_since = 0.0
        """Since when a question is unanswered; 0 when none is."""
        self._delay = BACKOFF_FIRST
        self._launched = 0.0
        self._decoder = PathsDecoder()
        self._process: EngineProcess | None = None
        self._reader: Thread | None = None
        self._writer: Thread | None = None

    @property
    def listening(self) -> tuple[tuple[str, int], ...]:
        """The (address, port) pairs listened on, port 0 replaced by what the system chose."""
        return self._speaker.listen

    @property
    def pid(self) -> int:
        """Process id of the engine process; 0 while there is none."""
        process = self._process
        return process.pid if process is not None else 0

    # -- Engine

    def prepare(self) -> None:
        """The process imports its modules while the node reads its configuration."""
        self._process = EngineProcess(self.MODULE, self.ENVIRONMENT)

    def start(self) -> None:
        """Raises OSError where an address cannot be listened on or the process does not start."""
        self._launch()
        self._writer = Thread(
            self._write_loop, "bgp-writer", essential=True, may_end=lambda: self._stopping
        )
        self._writer.start()

    def announce(self, paths: Sequence[Path]) -> None:
        self._outgoing.announce(paths)

    def withdraw(self, nlris: Sequence[Nlri]) -> None:
        self._outgoing.withdraw(nlris)

    def send_table(self, peer_id: str, session: int) -> None:
        self._outgoing.send_table(peer_id, session)

    def end_of_rib(self) -> None:
        self._outgoing.end_of_rib()

    def add_peer(self, peer: Peer) -> None:
        with self._condition:
            self._peers[peer.id] = peer
        self._outgoing.command("add", dataclasses.asdict(peer))

    def remove_peer(self, peer_id: str) -> None:
        with self._condition:
            self._peers.pop(peer_id, None)
        self._outgoing.command("remove", peer_id)

    def reset_peer(self, peer_id: str) -> None:
        self._outgoing.command("reset", peer_id)

    def status(self) -> list[dict]:
        """Waits at most a second for the process; then, and on the engine's own threads, returns
        what it last said.  A peer of which it never spoke is in the state "Unknown"."""
        states = {state["peer"]: state for state in self._ask_status()}
        if self._silent_since:
            unknown = {"state": "Unknown", "last_error": "the BGP process does not answer"}
            states = {peer: state | unknown for peer, state in states.items()}
        with self._condition:
            return [states.get(peer.id) or {
                "peer": peer.id, "address": peer.address, "remote_as": peer.remote_as,
                "state": "Established" if peer.id in self._up else "Unknown", "uptime": 0.0,
                "prefixes_received": 0, "pending": 0, "last_error": "",
                "dial_error": "", "refused": {}, "counters": {}}
                for peer in self._peers.values()]

    def fault(self) -> str:
        """The process is gone, or it is stopped or hangs: then it answers no question."""
        if self._process is None or self._dead:
            return "the BGP process ended; it is started again"
        self._ask_status()
        silent = time.monotonic() - self._silent_since if self._silent_since else 0.0
        if silent < 2 * STATUS_TIMEOUT:
            return ""
        return f"the BGP process {self.pid} has not answered for {silent:.0f} s"

    def _ask_status(self) -> list[dict]:
        with self._condition:
            if self._process is None or threading.current_thread() in (self._reader, self._writer):
                return self._states[1]
            if not self._silent_since:  # else the last question waits still
                self._tokens += 1
                self._outgoing.command("status", self._tokens)
            token = self._tokens
            asked = time.monotonic()
            answered = self._answered.wait_for(
                lambda: self._states[0] >= token or self._stopping or self._dead, STATUS_TIMEOUT)
            if answered:
                self._silent_since = 0.0
            elif not self._silent_since:
                self._silent_since = asked
            return self._states[1]

    def stop(self) -> None:
        with self._condition:
            self._stopping = True
            self._condition.notify()
            self._answered.notify_all()
        self._end_process()
        for thread in (self._writer, self._reader):
            if thread is not None and thread is not threading.current_thread():
                thread.join(STOP_TIMEOUT)

    # -- the process

    def _launch(self) -> None:
        """Start the process and its reader; raises OSError."""
        # Known at once, so that stop() can end a process that does not get on with its start.
        process = self._process or EngineProcess(self.MODULE, self.ENVIRONMENT)
        self._process = process
        try:
            listening = process.init(
                dataclasses.replace(self._speaker, peers=tuple(self._peers.values())))
        except OSError:
            self._end_process()
            raise
        self._launched = time.monotonic()
        self._silent_since = 0.0
        self._speaker = dataclasses.replace(self._speaker, listen=listening)
        with self._condition:
            self._dead = False
            self._outgoing.begin(self._peers.values())
        self._reader = Thread(self._read_loop, "bgp-reader", (process,))
        self._reader.start()

    def _end_process(self) -> int | None:
        """Its status, if there was one."""
        process, self._process = self._process, None
        return process.end() if process is not None else None

    def _restart(self) -> None:
        """On the writer thread: report the sessions lost, and try until a process runs again."""
        LOG.error("the BGP process ended (status %s); it is started again", self._end_process())
        if self._reader is not None:
            self._reader.join(STOP_TIMEOUT)
        for peer in sorted(self._up):
            self._post(PeerDown(peer, "the BGP process ended"))
        self._up.clear()
        if time.monotonic() - self._launched > STEADY:
            self._delay = BACKOFF_FIRST
        while True:
            with self._condition:
                if self._condition.wait_for(lambda: self._stopping, self._delay):
                    return
            self._delay = min(self._delay * 2, BACKOFF_MAX)
            try:
                self._launch()
            except OSError as error:
                LOG.error("the BGP process does not start, next attempt in %.1f s: %s",
                          self._delay, error)
                continue
            if self._stopping:  # stop() came while it was starting
                self._end_process()
            LOG.info("the BGP process runs again")
            return

    # -- the writer

    def _write_loop(self) -> None:
        while True:
            with self._condition:
                self._condition.wait_for(
                    lambda: self._outgoing.waiting or self._stopping or self._dead)
                if self._stopping:
                    return
                dead = self._dead
                process = self._process
                if not dead:
                    taken = self._outgoing.take()
            if dead:
                self._restart()
                continue
            try:
                if process is None:
                    raise OSError("no process")
                self._outgoing.send(process, taken)
            except OSError as error:
                LOG.error("writing to the BGP process: %s", error)
                with self._condition:
                    self._dead = True
            except Exception:
                LOG.exception("a command could not be handed to BGP")

    # -- the reader

    def _read_loop(self, process: EngineProcess) -> None:
        handlers = {"paths": self._paths, "up": self._peer_up, "down": self._peer_down,
                    "eor": self._eor, "status": self._status, "log": self._log}
        try:
            for kind, *arguments in process.messages():
                handlers[kind](*arguments)
        except OSError as error:
            if not self._stopping:
                LOG.error("reading from the BGP process: %s", error)
        except Exception:
            LOG.exception("an event of the BGP process could not be taken; it is started again")
        with self._condition:
            if process is self._process:
                self._dead = True
            self._condition.notify()
            self._answered.notify_all()

    def _paths(self, *arguments: Any) -> None:
        self._post(self._decoder.event(*arguments))

    def _peer_up(self, peer: str, info: dict, families: tuple, session: int = 0) -> None:
        self._up.add(peer)
        self._post(PeerUp(peer, info, {
            Family(*family): Negotiated(*restart) for family, restart in families}, session))

    def _peer_down(self, peer: str, reason: str, *end: Any) -> None:
        self._up.discard(peer)
        self._post(PeerDown(peer, reason, SessionEnd(*end)))

    def _eor(self, peer: str, family: tuple) -> None:
        self._post(EndOfRib(peer, Family(*family)))

    def _status(self, token: int, states: tuple) -> None:
        with self._condition:
            self._states = (token, list(states))
            self._answered.notify_all()

    @staticmethod
    def _log(level: str, text: str) -> None:
        LOG.log(_LEVELS[level], "bgp: %s", text)

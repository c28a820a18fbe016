"""Long-running processes of a lab: start, wait for ready, stop by id, read the log."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from lab.journal import Journal, process_start
from lab.net import Namespace
from lab.wait import LabTimeout, tail, wait_until


def children(pid: int) -> list[int]:
    """The process ids of the direct children of one, the oldest first."""
    found = []
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            try:
                fields = Path(f"/proc/{entry.name}/stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[1]) == pid:
                found.append(int(entry.name))
    return sorted(found)


class Daemon:
    """One process with its own run directory, log and pid file.

    The pid file ``<name>.process`` holds the id and the start time, so another process can
    stop the right one later, also after a crash of the one that started it.
    """

    def __init__(
        self,
        journal: Journal,
        name: str,
        argv: Sequence[str],
        directory: Path,
        space: Namespace | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.argv = list(argv)
        self.directory = directory
        self.log = directory / f"{name}.log"
        self._journal = journal
        self._record = directory / f"{name}.process"
        self._space = space
        self._env = dict(env or {})
        self._child: subprocess.Popen[bytes] | None = None

    def start(self, pass_fds: Sequence[int] = ()) -> None:
        """Start it; its output is appended to its log.  Raises RuntimeError when it runs."""
        if self.alive:
            raise RuntimeError(f"{self.name} is running already")
        self.directory.mkdir(parents=True, exist_ok=True)
        prefix = self._space.prefix if self._space else []
        with open(self.log, "ab") as log:
            self._child = subprocess.Popen(
                [*prefix, *self.argv], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={**os.environ, **self._env}, start_new_session=True, pass_fds=pass_fds,
            )
        record = {"pid": self._child.pid, "start": process_start(self._child.pid)}
        self._journal.add("process", name=self.name, **record)
        self._record.write_text(json.dumps(record))

    @property
    def pid(self) -> int:
        """Its process id, or 0 when it does not run."""
        if self._child is not None:
            return self._child.pid if self._child.poll() is None else 0
        try:
            record = json.loads(self._record.read_text())
        except (OSError, ValueError):
            return 0
        return record["pid"] if process_start(record["pid"]) == record["start"] else 0

    @property
    def alive(self) -> bool:
        return self.pid != 0

    def wait_ready(self, check: Callable[[], object], what: str, timeout: float = 20.0) -> None:
        """Wait until ``check`` is true; an end of the process ends the wait at once.

        Raises LabTimeout with the tail of the log.
        """

        def ready() -> object:
            if not self.alive:
                raise LabTimeout(f"{self.name} ended while waiting for {what}\n{self.tail()}")
            return check()

        wait_until(ready, f"{self.name}: {what}", timeout, log=self.log)

    def signal(self, number: int) -> None:
        pid = self.pid
        if pid:
            os.kill(pid, number)

    def kill(self, timeout: float = 5.0) -> None:
        """kill -9, and wait until it is gone: a switch with thousands of devices takes its time."""
        self.signal(signal.SIGKILL)
        self._wait_gone(timeout)

    def stop(self, timeout: float = 10.0) -> bool:
        """SIGTERM; SIGKILL after ``timeout`` seconds.  Returns whether it ended by itself."""
        self.signal(signal.SIGTERM)
        try:
            self._wait_gone(timeout)
        except LabTimeout:
            self.kill()
            return False
        return True

    def _wait_gone(self, timeout: float) -> None:
        wait_until(lambda: not self.alive, f"the end of {self.name}", timeout, log=self.log)

    def tail(self, lines: int = 15) -> str:
        return f"--- tail of {self.log}\n{tail(self.log, lines)}"

"""What a lab created, written down before it is used, so that it can be removed after a crash.

One JSON object a line in ``/run/vnc-lab/<name>/journal``.  Removal goes by this file alone: a
namespace is deleted only if it still is the one that was made (same inode), a process is killed
only if it still is the one that was started (same start time) or runs inside such a namespace.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

NETNS_DIR = Path("/run/netns")
# It is part of the names of namespaces, and of paths of Unix sockets, which are short.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}")


class LabBusy(Exception):
    """Another process is working on the lab of this name."""


def base_directory() -> Path:
    """Where all labs keep their state: ``$VNC_LAB_DIR`` or ``/run/vnc-lab``."""
    return Path(os.environ.get("VNC_LAB_DIR", "/run/vnc-lab"))


def process_start(pid: int) -> int:
    """Start time of process ``pid`` in clock ticks since boot, or 0 when it is gone or a zombie.

    Source: proc(5), /proc/[pid]/stat, field 22.
    """
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0
    fields = text.rpartition(")")[2].split()
    return 0 if fields[0] in "ZX" else int(fields[19])


def netns_inode(name: str) -> int:
    """Inode of the named network namespace, or 0 when there is none."""
    try:
        return (NETNS_DIR / name).stat().st_ino
    except OSError:
        return 0


class Journal:
    """The record of one lab.  Entries: ``{"kind": "netns"|"process"|..., ...}``."""

    def __init__(self, name: str) -> None:
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} cannot name a lab (LAB): letters and digits, at most 32")
        self.directory = base_directory() / name
        self._path = self.directory / "journal"
        self._lock_path = base_directory() / f"{name}.lock"
        self._lock_file: Any = None

    def lock(self) -> None:
        """Hold the lab for this process.  Raises LabBusy when another process holds it."""
        base_directory().mkdir(parents=True, exist_ok=True)
        handle = open(self._lock_path, "a+")  # noqa: SIM115 - held until unlock()
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            handle.seek(0)
            holder = handle.read().strip()
            handle.close()
            raise LabBusy(
                f"the lab {self.directory} is in use by process {holder or '?'}; wait for it, or "
                "choose another name (LAB=...)"
            ) from None
        handle.truncate(0)
        handle.write(str(os.getpid()))
        handle.flush()
        self._lock_file = handle

    @property
    def is_locked(self) -> bool:
        """Whether this process holds the lab."""
        return self._lock_file is not None

    def unlock(self) -> None:
        if self._lock_file is not None:
            self._lock_path.unlink(missing_ok=True)
            self._lock_file.close()
            self._lock_file = None

    def add(self, kind: str, **fields: Any) -> None:
        """Append one entry.  Safe from several threads: one short write each."""
        self.directory.mkdir(parents=True, exist_ok=True)
        line = json.dumps({"kind": kind, **fields}) + "\n"
        with open(self._path, "a") as handle:
            handle.write(line)

    def entries(self, kind: str | None = None) -> Iterator[dict[str, Any]]:
        """Entries in the order written; a last line cut short by a crash is skipped."""
        try:
            lines = self._path.read_text().splitlines()
        except OSError:
            return
        for line in lines:
            try:
                entry = json.loads(line)
            except ValueError:
                continue
            if kind is None or entry["kind"] == kind:
                yield entry

    @property
    def exists(self) -> bool:
        return self._path.exists()

    def namespaces(self) -> dict[str, int]:
        """Namespaces of this lab that still are the ones made: name -> inode."""
        found = {}
        for entry in self.entries("netns"):
            inode = netns_inode(entry["name"])
            if inode and inode == entry["inode"]:
                found[entry["name"]] = inode
        return found

    def keep(self) -> None:
        """It is left running for somebody: :meth:`refuse_kept` says so to whoever comes next."""
        self.add("kept", since=time.time())

    def refuse_kept(self) -> None:
        """Raises LabBusy, and lets go of the lab, when it was kept and something of it runs."""
        kept = [entry["since"] for entry in self.entries("kept")]
        if not kept or not any(
            process_start(entry["pid"]) == entry["start"] for entry in self.entries("process")
        ):
            return
        self.unlock()
        name = self.directory.name
        since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(kept[-1]))
        raise LabBusy(
            f"the lab {name} is kept and runs since {since}; remove it first: make demo-down "
            f"LAB={name}, or choose another name (LAB=...) and other ports (API_PORTS=0,0)"
        )

    def remove_all(self) -> list[str]:
        """End every process and delete every namespace and file of this lab.

        Returns what was removed, as text, for the log.
        """
        if not self.exists:
            return []
        spaces = self.namespaces()
        removed = []
        victims = {
            entry["pid"]
            for entry in self.entries("process")
            if process_start(entry["pid"]) == entry["start"]
        } | processes_in(set(spaces.values()))
        victims.discard(os.getpid())
        for pid in victims:
            _kill(pid)
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline and any(process_start(pid) for pid in victims):
            _reap()
            time.sleep(0.01)
        if victims:
            removed.append(f"{len(victims)} processes")
        if spaces:
            batch = "".join(f"netns delete {name}\n" for name in spaces)
            subprocess.run(["ip", "-batch", "-"], input=batch, text=True, check=True, timeout=60)
            removed.append(f"{len(spaces)} namespaces")
        shutil.rmtree(self.directory)
        return removed


def processes_in(inodes: set[int]) -> set[int]:
    """Ids of the processes whose network namespace is one of ``inodes``."""
    found = set()
    for entry in os.listdir("/proc") if inodes else []:
        if entry.isdigit():
            try:
                inode = os.stat(f"/proc/{entry}/ns/net").st_ino
            except OSError:
                continue
            if inode in inodes:
                found.add(int(entry))
    return found


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def _reap() -> None:
    """Collect ended children without blocking; Popen objects cope with a lost exit status."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass

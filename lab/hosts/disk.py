"""A small disk for one program: a tmpfs in a mount namespace, which a process of its own keeps."""

from __future__ import annotations

import os
from pathlib import Path

from lab.journal import Journal
from lab.net import run
from lab.process import Daemon


class Disk:
    """``path``: where the programs that are started behind :attr:`prefix`, and they alone, see it.
    ``size``: in the words of tmpfs(5), such as "8m"."""

    def __init__(self, journal: Journal, name: str, path: Path, size: str) -> None:
        self.path = path
        script = 'mount -t tmpfs -o size="$2" tmpfs "$1" && echo ready && exec sleep infinity'
        self._holder = Daemon(
            journal, f"disk-{name}",
            ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh",
             str(path), size],
            journal.directory / f"disk-{name}",
        )

    def start(self) -> None:
        self.path.mkdir(parents=True, exist_ok=True)
        self._holder.start()
        self._holder.wait_ready(lambda: "ready" in self._holder.log.read_text(), "its disk")

    @property
    def prefix(self) -> list[str]:
        """The words before a command that is to have the disk."""
        return ["nsenter", f"--mount=/proc/{self._holder.pid}/ns/mnt", "--"]

    @property
    def _outside(self) -> Path:
        """The same directory as others reach it."""
        return Path(f"/proc/{self._holder.pid}/root{self.path}")

    def fill(self) -> None:
        """Take all the room there is."""
        with open(self._outside / "filler", "ab", buffering=0) as file:
            for size in (1 << 20, 1 << 12):
                try:
                    while True:
                        file.write(b"x" * size)
                except OSError:
                    continue

    def free(self) -> None:
        """Give it back."""
        os.unlink(self._outside / "filler")

    def read_only(self, yes: bool) -> None:
        """For who opens it from now on.  Raises CommandError while a file is open for writing."""
        run([*self.prefix, "mount", "-o", f"remount,{'ro' if yes else 'rw'}", str(self.path)])

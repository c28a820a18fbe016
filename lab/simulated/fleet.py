"""Simulated hypervisors in a process of their own, and the pipe to it."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any


class Fleet:
    """``count`` hypervisors that connect to ``managers``, targets as of ovs-vsctl set-manager with
    commas between.  They have the numbers from ``first`` on."""

    def __init__(self, count: int, managers: str, first: int = 0) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "lab.simulated", "--managers", managers, "--count", str(count),
             "--first", str(first)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        self.pid = self._process.pid

    def __enter__(self) -> Fleet:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def ask(self, **command: Any) -> dict[str, Any]:
        """What it answers to a command; see :mod:`lab.simulated.__main__`."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(30)

"""Runs of stestr, by which tempest and openstacksdk have their tests run, and what it prints."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

from lab.conformance.outcome import Outcome, excluded

_COUNT = re.compile(r"^ - (Passed|Skipped|Failed|Unexpected Success): (\d+)", re.MULTILINE)
_NEXT = re.compile(r"^\{\d+\} |^Captured (pythonlogging|logging)", re.MULTILINE)
"""Where what a test has said ends."""
_NONE = "doesn't match with anything"


class Runner:
    """``python``: the interpreter of the environment with the programs.  ``where``: their working
    directory.  ``environment``: their variables."""

    def __init__(self, python: Path, where: Path, environment: Mapping[str, str]) -> None:
        self._python = python
        self._where = where
        self._environment = {**environment, "PATH": f"{python.parent}:{environment['PATH']}"}

    def run(self, program: str, *words: str) -> Outcome:
        """Run tests by a program that ends as stestr does, without those that are excluded.
        Raises CalledProcessError where they cannot be run."""
        patterns = self._where / "excluded"
        patterns.write_text("".join(f"{pattern}\n" for pattern, _ in excluded()))
        done = self.call(program, *words, "--exclude-list", str(patterns))
        if _NONE in done.stdout + done.stderr:
            return Outcome(0, 0, ())
        counts = {name: int(count) for name, count in _COUNT.findall(done.stdout)}
        if not counts:
            raise subprocess.CalledProcessError(
                done.returncode, done.args, done.stdout[-4000:], done.stderr[-4000:])
        failing = self.call("stestr", "failing", "--list").stdout.splitlines()
        names = sorted(line for line in failing if line.strip())
        return Outcome(counts.get("Passed", 0), counts.get("Skipped", 0),
                       tuple((name, why(done.stdout, name)) for name in names))

    def call(
        self, program: str, *words: str, check: bool = False
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self._python.with_name(program)), *words], cwd=self._where,
            env=self._environment, capture_output=True, text=True, check=check,
            stdin=subprocess.DEVNULL,
        )


def why(output: str, test: str) -> str:
    """What a test that failed has said at last."""
    told = output.partition(f" {test.partition('[')[0]} [")[2]
    told = _NEXT.split(told, maxsplit=1)[0]
    lines = [line.strip() for line in told.splitlines()[1:] if line.strip()]
    said = [line for line in lines if line.startswith(("Details:", "MismatchError"))]
    return (said or lines or ["it said nothing"])[-1][:300]

"""Steady traffic as tests and the demo use it: begun, asked for laps, ended."""

from __future__ import annotations

import dataclasses
import json
import os
import select
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from lab.traffic.steady.agent import VERIFYING
from lab.traffic.steady.plan import Plan
from lab.traffic.steady.report import Report, from_json
from lab.traffic.steady.writes import TIMEOUT
from lab.wait import LabTimeout

ROOT = Path(__file__).resolve().parents[3]


class Steady:
    """Runs a :class:`~lab.traffic.steady.plan.Plan` from :meth:`start` to :meth:`stop`; also a
    context manager, with :attr:`report` after its end::

        with Steady(plan(vms=vms, urls=[node.url])) as traffic:
            node.kill()
            during = traffic.lap()
        assert during.lost == {} == traffic.report.lost

    ``warm_up``: seconds within which everything must have been answered once.
    """

    def __init__(self, plan: Plan, warm_up: float = 20.0) -> None:
        self._plan, self._warm_up = plan, warm_up
        self._process: subprocess.Popen[bytes] | None = None
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
        self._buffer = b""
        self.report = Report()
        """The last lap's."""

    def __enter__(self) -> Steady:
        self.start()
        return self

    def __exit__(self, kind: object, *_: Any) -> None:
        if kind is not None:
            self.end()
        elif self._process is not None:
            self.stop()

    def start(self) -> None:
        """Begin; returns when everything was answered once.  Raises LabTimeout with what was
        not."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "lab.traffic.steady.agent", str(self._warm_up)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors,
            env={**os.environ, "PYTHONPATH": str(ROOT)}, cwd=ROOT, bufsize=0,
        )  # fmt: skip
        try:
            self._say(json.dumps(dataclasses.asdict(self._plan)))
            event, content = self._heard(self._warm_up + 10)
            if event != "ready":
                raise LabTimeout(f"no answer within {self._warm_up:g} s: {', '.join(content)}")
        except BaseException:
            self.end()
            raise

    def lap(self) -> Report:
        """What went on since the last lap.  Takes half a second, and a few seconds where something
        that was sent may still be answered; the traffic goes on meanwhile and belongs to the next
        lap."""
        self._say("lap")
        return self._report(self._plan.settle + 15)

    def stop(self) -> Report:
        """End it; returns what went on since the last lap.  Acknowledged writes of all laps are
        looked for now."""
        self._say("stop")
        self.report = self._report(self._plan.settle + TIMEOUT + VERIFYING + 15)
        self.end()
        return self.report

    def end(self) -> None:
        """End it at once, without a report."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()
        self._errors.close()

    def _say(self, line: str) -> None:
        assert self._process is not None and self._process.stdin is not None
        data = line.encode() + b"\n"
        try:
            while data:
                data = data[self._process.stdin.write(data) or 0 :]
        except BrokenPipeError:
            raise LabTimeout(self._trouble("ended")) from None

    def _report(self, timeout: float) -> Report:
        return from_json(self._heard(timeout)[1])

    def _heard(self, timeout: float) -> tuple[str, Any]:
        assert self._process is not None and self._process.stdout is not None
        deadline = time.monotonic() + timeout
        while b"\n" not in self._buffer:
            wait = max(0.0, deadline - time.monotonic())
            if not select.select([self._process.stdout], [], [], wait)[0]:
                raise LabTimeout(self._trouble(f"said nothing for {timeout:g} s"))
            data = os.read(self._process.stdout.fileno(), 1 << 16)
            if not data:
                raise LabTimeout(self._trouble("ended"))
            self._buffer += data
        line, self._buffer = self._buffer.split(b"\n", 1)
        message = json.loads(line)
        return message["event"], message["content"]

    def _trouble(self, what: str) -> str:
        self._errors.seek(0)
        return f"the steady traffic {what}\n{self._errors.read().decode(errors='replace')}"

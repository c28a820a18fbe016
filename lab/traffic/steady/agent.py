"""The process that sends and counts: a plan comes on its standard input, then commands.

``python -m lab.traffic.steady.agent``: the first line is the plan as JSON; "lap" reports what went
on since the lap before, "stop" does so for the last time and ends.  Each answer is a line of JSON.
The end of its input ends it too.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

from lab.traffic.steady.connections import Connections, Denied
from lab.traffic.steady.loop import READ, Loop
from lab.traffic.steady.pings import Pings
from lab.traffic.steady.renewals import Renewals
from lab.traffic.steady.streams import Streams
from lab.traffic.steady.turned import Turned
from lab.traffic.steady.writes import Writes

VERIFYING = 20.0
LATE = 0.5
"""Seconds after the end of a lap, within which what came already may come a second time."""


class Agent:
    def __init__(self, plan: dict[str, Any], warm_up: float) -> None:
        self._loop = Loop()
        loop = self._loop
        self._parts: dict[str, Any] = {
            "pings": Pings(loop, plan["pings"], plan["ping_rate"]),
            "streams": Streams(loop, plan["streams"]),
            "connections": Connections(loop, plan["connections"], plan["connection_rate"]),
            "denied": Denied(loop, plan["denied"], plan["denied_rate"]),
            "renewals": Renewals(loop, plan["clients"], plan["renewal_rate"]),
            "writes": Writes(plan["urls"], plan["write_rate"]),
        }
        self._settle = plan["settle"]
        self._warm_until = time.monotonic() + warm_up
        self._input = b""
        self._begun = time.monotonic()

    def run(self) -> None:
        os.set_blocking(0, False)
        self._loop.watch(0, READ, self._read)
        for part in self._parts.values():
            part.start()
        self._loop.after(0.05, self._warm)
        self._loop.run()

    def _warm(self) -> None:
        """Counting begins when everything has been answered once."""
        missing = [what for part in self._parts.values() for what in part.missing()]
        if missing and time.monotonic() < self._warm_until:
            self._loop.after(0.05, self._warm)
            return
        # What is under way is counted in the warm-up.
        turned = self._turn()
        self._once_settled(turned, lambda: [one.result() for one in turned.values()])
        _say("failed" if missing else "ready", missing)

    def _turn(self) -> dict[str, Turned]:
        self._begun = time.monotonic()
        return {name: part.turn() for name, part in self._parts.items()}

    def _once_settled(self, turned: dict[str, Turned], call: Callable[[], object]) -> None:
        """Call when nothing of a lap can be answered any more, or is given up."""
        now = time.monotonic()
        earliest, latest = now + min(LATE, self._settle), now + self._settle

        def look() -> None:
            now = time.monotonic()
            waits = now < earliest or any(one.waits() for one in turned.values())
            if waits and now < latest:
                self._loop.after(0.05, look)
            else:
                call()

        look()

    def _read(self) -> None:
        try:
            data = os.read(0, 4096)
        except BlockingIOError:
            return
        if not data:
            self._loop.stop()
        *lines, self._input = (self._input + data).split(b"\n")
        for line in lines:
            self._lap(last=line == b"stop")

    def _lap(self, last: bool) -> None:
        if last:
            for part in self._parts.values():
                part.stop()
        seconds = time.monotonic() - self._begun
        turned = self._turn()
        self._once_settled(turned, lambda: self._report(turned, seconds, last))

    def _report(self, turned: dict[str, Turned], seconds: float, last: bool) -> None:
        report = {name: one.result() for name, one in turned.items()}
        if last:
            report["writes"].update(self._parts["writes"].verify(VERIFYING))
            self._loop.stop()
        _say("report", {"seconds": seconds, **report})


def _say(event: str, content: Any) -> None:
    print(json.dumps({"event": event, "content": content}), flush=True)


if __name__ == "__main__":
    Agent(json.loads(sys.stdin.buffer.raw.readline()), float(sys.argv[1])).run()

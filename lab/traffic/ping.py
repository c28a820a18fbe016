"""Pings between VMs: single ones, many at once, and a stream in the background."""

from __future__ import annotations

import itertools
import os
import re
import signal
import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field

from lab.net import Namespace
from lab.wait import wait_until

_REPLY = re.compile(r"^\[(\d+\.\d+)\].*icmp_seq=(\d+).*time=([\d.]+) ms")
_SUMMARY = re.compile(r"(\d+) packets transmitted, (\d+) received")

IN_FLIGHT = 5
"""So many of a stopped stream's last packets may be unanswered still."""


@dataclass
class PingResult:
    """``replies``: sequence number -> (time of day in seconds, round trip in ms)."""

    sent: int = 0
    received: int = 0
    replies: dict[int, tuple[float, float]] = field(default_factory=dict)
    output: str = ""

    @property
    def ok(self) -> bool:
        """Something was sent and all of it came back."""
        return 0 < self.sent == self.received

    @property
    def lost(self) -> int:
        """How many got no answer; the very last ones, on their way when a stream was stopped,
        do not count."""
        last = self.sent - max(self.replies, default=0)
        return self.sent - self.received - (last if last <= IN_FLIGHT else 0)

    @property
    def median_ms(self) -> float:
        times = sorted(time for _, time in self.replies.values())
        return times[len(times) // 2] if times else float("nan")

    def longest_gap(self) -> float:
        """The longest time between two replies, in seconds."""
        times = sorted(when for when, _ in self.replies.values())
        return max((b - a for a, b in itertools.pairwise(times)), default=0.0)


def _parse(output: str) -> PingResult:
    result = PingResult(output=output)
    for line in output.splitlines():
        if match := _REPLY.match(line):
            result.replies[int(match[2])] = (float(match[1]), float(match[3]))
        elif match := _SUMMARY.search(line):
            result.sent, result.received = int(match[1]), int(match[2])
    return result


class PingStream:
    """A ping that runs until :meth:`stop`.  It writes to a file: a full pipe would stop it."""

    def __init__(
        self, space: Namespace, address: str, interval: float = 0.01, count: int = 0,
        wait: float = 1.0, size: int = 56,
    ) -> None:
        limit = ["-c", str(count)] if count else []
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the ping
        self._process = subprocess.Popen(
            [*space.prefix, "ping", "-n", "-D", "-i", f"{interval:g}", "-W", f"{wait:g}",
             "-s", str(size), *limit, address],
            stdout=self._file, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def stop(self) -> PingResult:
        """End it and return what it saw."""
        self._process.send_signal(signal.SIGINT)
        return self.wait()

    def wait(self, timeout: float = 60.0) -> PingResult:
        """Wait for its end by itself (with ``count``)."""
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        result = self.result()
        self._file.close()
        return result

    def result(self) -> PingResult:
        """What it saw until now; ``sent`` and ``received`` are known only after its end."""
        # pread: the file's offset belongs to the ping process too.
        descriptor = self._file.fileno()
        text = os.pread(descriptor, os.fstat(descriptor).st_size, 0).decode(errors="replace")
        return _parse(text)

    def wait_reply(self, timeout: float = 20.0) -> float:
        """Block until there is a reply; returns the time of day of the first, in seconds.

        Raises LabTimeout.
        """
        replies = wait_until(
            lambda: self.result().replies, "a first ping reply", timeout, interval=0.005
        )
        return min(when for when, _ in replies.values())


def ping(
    space: Namespace, address: str, count: int = 3, interval: float = 0.05, wait: float = 1.0,
    size: int = 56,
) -> PingResult:
    """Ping ``address`` from ``space``: ``interval`` and ``wait`` in seconds."""
    return PingStream(space, address, interval, count, wait, size).wait()


def ping_all(
    pairs: Iterable[tuple[Namespace, str]], count: int = 3, interval: float = 0.05,
    wait: float = 1.0, at_once: int = 24,
) -> list[PingResult]:
    """Ping many (from, address) pairs, ``at_once`` of them side by side; results in order."""
    results: list[PingResult] = []
    pending = list(pairs)
    for begin in range(0, len(pending), at_once):
        streams = [
            PingStream(space, address, interval, count, wait)
            for space, address in pending[begin : begin + at_once]
        ]
        results += [stream.wait() for stream in streams]
    return results


def reach_all(pairs: Iterable[tuple[Namespace, str]]) -> list[PingResult]:
    """:func:`ping_all` for pairs that must reach each other.

    Those that lost a packet are tried once more, one by one with more patience: on a machine that
    is overloaded a late answer is no fault of the network.
    """
    pairs = list(pairs)
    results = ping_all(pairs, 2, 0.02)
    for index, (space, address) in enumerate(pairs):
        if not results[index].ok:
            results[index] = ping(space, address, count=3, interval=0.1, wait=3)
    return results

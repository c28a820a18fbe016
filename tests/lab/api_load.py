"""Changes and reads over a node's API that go on, each with its outcome and how long it took."""

from __future__ import annotations

import http.client
import threading
import time
from typing import Any, NamedTuple

from lab.client import ApiError, Client
from lab.hosts.node import Node
from lab.wait import wait_until

GONE = -1
"""In place of a status: there was no answer."""


class Done(NamedTuple):
    """``names``: of what was asked for.  ``status``: 0 where it was done, or GONE."""

    names: tuple[str, ...]
    status: int
    seconds: float
    text: str = ""


class ApiLoad:
    """``writers`` threads create networks, five with every tenth request, all or none; one more
    reads."""

    def __init__(self, node: Node, label: str, writers: int = 2) -> None:
        self.label = label
        self.client: Client = node.client
        self.writes: list[Done] = []
        self.reads: list[Done] = []
        self.faults: list[Exception] = []
        self._ended = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(self._write, number))
            for number in range(writers)
        ]
        self._threads.append(threading.Thread(target=self._run, args=(self._read, 0)))
        for thread in self._threads:
            thread.start()

    def _run(self, step: Any, number: int) -> None:
        count = 0
        try:
            while not self._ended.is_set():
                step(number, count)
                count += 1
                time.sleep(0.01)
        except Exception as error:  # the thread's boundary: the test must hear of it
            self.faults.append(error)

    def _write(self, number: int, count: int) -> None:
        many = 5 if count % 10 == 9 else 1
        names = tuple(f"{self.label}-{number}-{count}-{part}" for part in range(many))
        self.writes.append(self._timed(names, lambda: self.client.create_many(
            "network", [{"name": name} for name in names])))

    def _read(self, number: int, count: int) -> None:
        path = ("/v2.0/networks?limit=5", "/v1/nodes", "/v2.0/security-groups?project_id=p")
        self.reads.append(self._timed((path[count % 3],),
                                      lambda: self.client.get(path[count % 3])))

    @staticmethod
    def _timed(names: tuple[str, ...], call: Any) -> Done:
        begun = time.monotonic()
        try:
            call()
        except ApiError as error:
            return Done(names, error.status, time.monotonic() - begun, str(error.body))
        except (OSError, http.client.HTTPException) as error:  # the node went
            return Done(names, GONE, time.monotonic() - begun, f"outcome is unknown: {error!r}")
        return Done(names, 0, time.monotonic() - begun)

    # ---- what the test asks

    @property
    def done(self) -> int:
        return sum(one.status == 0 for one in self.writes)

    @property
    def refused(self) -> list[Done]:
        return [one for one in self.writes if one.status]

    def wait_writes(self, more: int = 20) -> None:
        """Wait for so many more that are done."""
        goal = self.done + more
        wait_until(lambda: self.faults or self.done >= goal, "changes that are done", 60)
        assert not self.faults, self.faults

    def stop(self) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()
        assert not self.faults, self.faults
        assert [one for one in self.reads if one.status not in (0, GONE)] == []

    def slowest(self) -> str:
        return (f"{len(self.writes)} writes, {len(self.refused)} refused, the slowest "
                f"{max(one.seconds for one in self.writes):.2f} s; {len(self.reads)} reads, the "
                f"slowest {max(one.seconds for one in self.reads):.2f} s")

    def check(self, client: Client) -> None:
        """What was acknowledged is there, once; what was refused is there whole or not at all,
        and not at all where the answer did not say that the outcome is unknown."""
        there: dict[str, int] = {}
        for network in client.list("network"):
            if network["name"].startswith(f"{self.label}-"):
                there[network["name"]] = there.get(network["name"], 0) + 1
        for one in self.writes:
            found = [there.pop(name, 0) for name in one.names]
            if one.status == 0:
                assert found == [1] * len(found), (one, found)
            elif "outcome is unknown" in one.text:
                assert len(set(found)) == 1 and found[0] <= 1, (one, found)
            else:
                assert not any(found), (one, found)
        assert not there

"""Changes through the REST API at a steady rate; those that were acknowledged are looked for."""

from __future__ import annotations

import http.client
import itertools
import threading
import time
import uuid
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from lab.client import ApiError, Client
from lab.traffic.steady.turned import Turned

PATH = "/v2.0/security-groups"
"""What is written: groups that no port has, so that no switch is touched."""
TIMEOUT = 15.0
KEPT = 20
"""So many groups are left standing until the end; the older ones are deleted again."""
SHOWN = 10


@dataclass
class _Group:
    """``may``: the descriptions that it may have, None for a deleted one: the last that was
    acknowledged, and those of later changes without an answer or with a status of 500 and above,
    which may or may not have been made."""

    id: str
    may: list[str | None]


@dataclass
class _Lap:
    attempted: int = 0
    acknowledged: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0
    slowest_failure: float = 0.0


class _Writer(threading.Thread):
    """Creates, changes and deletes in turn at one node."""

    def __init__(self, url: str, project: str, rate: float) -> None:
        super().__init__(name=f"writes to {url}", daemon=True)
        self.client = Client(url, TIMEOUT)
        self._project, self._interval = project, 1 / rate
        self.groups: list[_Group] = []
        self.lap = _Lap()
        self.lock = threading.Lock()
        self._stopped = threading.Event()

    def run(self) -> None:
        planned = time.monotonic()
        for number in itertools.count():
            planned = max(planned + self._interval, time.monotonic() - self._interval)
            if self._stopped.wait(max(0.0, planned - time.monotonic())):
                return
            standing = [one for one in self.groups if None not in one.may]
            if number % 2 and standing:
                self._change(standing[-1], f"change {number}")
            elif len(standing) > KEPT:
                self._delete(standing[0])
            else:
                self._create(f"creation {number}")

    def _create(self, text: str) -> None:
        body = {"security_group": {
            "name": "steady", "description": text, "project_id": self._project}}
        answer = self._call("POST", PATH, body)
        if answer is not None:
            self.groups.append(_Group(answer["security_group"]["id"], [text]))

    def _change(self, group: _Group, text: str) -> None:
        body = {"security_group": {"description": text}}
        self._call("PUT", f"{PATH}/{group.id}", body, group, text)

    def _delete(self, group: _Group) -> None:
        self._call("DELETE", f"{PATH}/{group.id}", None, group, None)

    def _call(
        self, method: str, path: str, body: Any, group: _Group | None = None,
        becomes: str | None = None,
    ) -> Any:
        """The answer, or None where it failed.  ``becomes``: what it makes of ``group``."""
        begun = time.monotonic()
        failed, answer = "", None
        try:
            answer = self.client.request(method, path, body) or {}
        except ApiError as error:
            failed = str(error.status)
        except (OSError, http.client.HTTPException):
            failed = "no answer"
        if group is not None and not failed:
            group.may = [becomes]
        elif group is not None and not failed.startswith("4"):
            group.may.append(becomes)
        seconds = time.monotonic() - begun
        with self.lock:
            self.lap.attempted += 1
            if failed:
                self.lap.failed[failed] += 1
                self.lap.slowest_failure = max(self.lap.slowest_failure, seconds)
            else:
                self.lap.acknowledged += 1
                self.lap.slowest = max(self.lap.slowest, seconds)
        return answer

    def turn(self) -> _Lap:
        with self.lock:
            lap, self.lap = self.lap, _Lap()
        return lap

    def stop(self) -> None:
        self._stopped.set()


class Writes:
    """``rate``: a second, at each of ``urls``."""

    def __init__(self, urls: list[str], rate: float) -> None:
        self._project = uuid.uuid4().hex
        self._writers = [_Writer(url, self._project, rate) for url in urls if rate > 0]

    def start(self) -> None:
        for writer in self._writers:
            writer.start()

    def missing(self) -> list[str]:
        return [writer.name for writer in self._writers if not writer.lap.acknowledged]

    def stop(self) -> None:
        for writer in self._writers:
            writer.stop()

    def turn(self) -> Turned:
        laps = [writer.turn() for writer in self._writers]
        failed: Counter[str] = sum((lap.failed for lap in laps), Counter())
        return Turned(lambda: {
            "attempted": sum(lap.attempted for lap in laps),
            "acknowledged": sum(lap.acknowledged for lap in laps),
            "failed": dict(failed),
            "slowest": max((lap.slowest for lap in laps), default=0.0),
            "slowest_failure": max((lap.slowest_failure for lap in laps), default=0.0),
        })

    def verify(self, timeout: float) -> dict[str, Any]:
        """Look for everything acknowledged at the first node that answers, and remove what is
        left; bounded by ``timeout`` seconds.  Blocks."""
        for writer in self._writers:
            writer.join(TIMEOUT + 1)
        groups = [group for writer in self._writers for group in writer.groups]
        deadline = time.monotonic() + timeout
        while groups and time.monotonic() < deadline:
            for writer in self._writers:
                found = self._found(writer.client)
                if found is not None:
                    self._remove(writer.client, found)
                    return _compared(groups, found)
            time.sleep(0.2)
        wrong = ["no node answered"] if groups else []
        return {"verified": 0, "wrong": wrong}

    def _found(self, client: Client) -> dict[str, str] | None:
        try:
            answer = client.get(PATH, project_id=self._project, fields=["id", "description"])
        except (ApiError, OSError, http.client.HTTPException):
            return None
        return {one["id"]: one["description"] for one in answer["security_groups"]}

    @staticmethod
    def _remove(client: Client, found: dict[str, str]) -> None:
        for group in found:
            try:
                client.delete(f"{PATH}/{group}")
            except (ApiError, OSError, http.client.HTTPException):
                pass  # The default group of a project stays; a lab is removed as a whole.


def _compared(groups: list[_Group], found: dict[str, str]) -> dict[str, Any]:
    wrong = [
        f"{group.id} is {found.get(group.id, 'deleted')!r}, not one of {group.may}"
        for group in groups if found.get(group.id) not in group.may
    ]
    return {"verified": len(groups), "wrong": wrong[:SHOWN]}

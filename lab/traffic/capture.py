"""Catch packets in a namespace and show them decoded; watch the changes of a flow table and of a
database."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from lab.hosts.hypervisor import OPENFLOW, Hypervisor
from lab.net import Namespace
from lab.wait import LabTimeout, wait_until

ENCAPSULATED_ICMP = "udp dst port 4789 and udp[39] = 1"
"""VXLAN with ICMP over IPv4 inside: UDP 8 + VXLAN 8 + Ethernet 14, then byte 9 of IPv4."""


class Capture:
    """A tcpdump that takes ``count`` packets; use it as a context manager around the traffic."""

    def __init__(
        self, space: Namespace, interface: str, expression: str = "", count: int = 1
    ) -> None:
        self._space = space
        self._argv = [
            "tcpdump", "-i", interface, "-U", "--immediate-mode", "-n", "-c", str(count),
        ]
        self._expression = expression
        self._directory = tempfile.TemporaryDirectory(prefix="vnc-lab-")
        self.file = Path(self._directory.name) / "packets.pcap"
        self._errors = Path(self._directory.name) / "stderr"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Capture:
        with open(self._errors, "wb") as errors:
            self._process = subprocess.Popen(
                [*self._space.prefix, *self._argv, "-Z", "root", "-w", str(self.file),
                 self._expression],
                stdout=subprocess.DEVNULL, stderr=errors,
            )  # fmt: skip
        wait_until(
            lambda: b"listening on" in self._errors.read_bytes(), "tcpdump to listen", 10,
            log=self._errors,
        )
        return self

    def __exit__(self, *_: Any) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(5)
        self._directory.cleanup()

    @property
    def done(self) -> bool:
        """Whether all of them have come."""
        return self._process is not None and self._process.poll() is not None

    def wait(self, timeout: float = 10.0) -> None:
        """Wait for all ``count`` packets.  Raises LabTimeout when they do not come."""
        assert self._process is not None
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise LabTimeout(f"no packet in {timeout:g} s: {self._expression}") from None

    def text(self) -> str:
        """The packets as tcpdump shows them (-n -e -vv), inner frame included."""
        # In the namespace, as only the numbers of interfaces are in the file.
        argv = ["tcpdump", "-r", str(self.file), "-n", "-e", "-vv", "-t"]
        return self._space.run(argv).stdout.strip()


EVENTS = re.compile(r"^(\d{4}-\S+ [\d:.]+): |event=(\w+)", re.MULTILINE)
"""In what ``ovs-ofctl --timestamp monitor`` prints: when a message came (UTC), an event in it."""


class FlowMonitor:
    """Counts the changes of a bridge's flows from now on (ovs-ofctl(8), monitor ... watch:).
    ``last``: when the last one was told (time.time()), once it is stopped; 0: there was none."""

    def __init__(self, hypervisor: Hypervisor, bridge: str = "br-int") -> None:
        self.last = 0.0
        self._file = tempfile.NamedTemporaryFile(prefix="vnc-lab-", suffix=".monitor")  # noqa: SIM115
        # The monitor request is a Nicira extension of OpenFlow 1.0 to 1.3 and 1.4 of its own.
        self._process = subprocess.Popen(
            [*hypervisor.space.prefix, "ovs-ofctl", "-O", OPENFLOW, "--timestamp", "monitor",
             bridge, "watch:!initial"],
            env={**os.environ, **hypervisor.env}, stdout=self._file, stderr=subprocess.STDOUT,
        )  # fmt: skip
        wait_until(
            lambda: b"FLOW_MONITOR" in self._read() or b"flow_monitor" in self._read().lower(),
            "the flow monitor's first reply", 10, log=self._file.name,
        )

    def _read(self) -> bytes:
        return Path(self._file.name).read_bytes()

    def wait(self, event: str, timeout: float) -> None:
        """Wait until one was told: ADDED, DELETED or MODIFIED.  Raises LabTimeout."""
        told = f"event={event}".encode()
        wait_until(lambda: told in self._read(), f"a flow to be {event}", timeout)

    def stop(self) -> dict[str, int]:
        """End it; returns how many events of each kind came: ADDED, DELETED, MODIFIED."""
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(5)
        self.text = self._read().decode(errors="replace")
        self._file.close()
        counts = {"ADDED": 0, "DELETED": 0, "MODIFIED": 0}
        told = ""
        for when, event in EVENTS.findall(self.text):
            told = when or told
            if event:
                counts[event] = counts.get(event, 0) + 1
                self.last = datetime.fromisoformat(f"{told}+00:00").timestamp()
        return counts


class DatabaseMonitor:
    """Lists the changes of a hypervisor's database from now on (ovsdb-client(1), monitor), but for
    what Open vSwitch itself says of its state: columns that the schema calls ephemeral."""

    def __init__(self, hypervisor: Hypervisor) -> None:
        self._file = tempfile.NamedTemporaryFile(prefix="vnc-lab-", suffix=".ovsdb")  # noqa: SIM115
        server = f"unix:{hypervisor.directory}/db.sock"
        self._state = _state_columns(hypervisor.run(["ovsdb-client", "get-schema", server]))
        self._process = subprocess.Popen(
            [*hypervisor.space.prefix, "ovsdb-client", "--format=json", "monitor", server,
             "Open_vSwitch", "ALL"],
            env={**os.environ, **hypervisor.env}, stdout=self._file, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        # What there is comes first.
        wait_until(lambda: b"initial" in self._read(), "the first reply of the database", 10)

    def _read(self) -> bytes:
        return Path(self._file.name).read_bytes()

    def stop(self) -> list[str]:
        """End it; each change as "table: what: value", a line for each column."""
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(5)
        text = self._read().decode(errors="replace")
        self._file.close()
        return [change for line in text.splitlines() if line.startswith("{")
                for change in _changes(json.loads(line), self._state)]


def _state_columns(schema: str) -> set[tuple[str, str]]:
    """(table, column) of what ovs-vswitchd and ovsdb-server write of themselves."""
    tables = json.loads(schema)["tables"]
    return {
        (table, column) for table, found in tables.items()
        for column, one in found["columns"].items() if one.get("ephemeral")
    }


def _changes(update: dict[str, Any], state: set[tuple[str, str]]) -> Iterator[str]:
    """Of one table that ovsdb-client prints.  A row that changes is two, the former with the values
    of what is another now."""
    table, names = update["caption"], update["headings"]
    former: dict[str, Any] = {}
    for values in update["data"]:
        row = dict(zip(names, values, strict=True))
        action = row["action"]
        if action == "old":
            former = row
        elif action in ("insert", "delete"):
            yield f"{table}: {action}: {values}"
        elif action == "new":
            for column in names[2:]:
                if former.get(column) is not None and column != "_version" \
                        and (table, column) not in state:
                    yield f"{table}: {column}: {former[column]} -> {row[column]}"

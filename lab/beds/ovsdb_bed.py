"""A hypervisor for tests: a real ovsdb-server and a real ovs-vswitchd with dummy datapaths.

Everything lives in a temporary directory and ends with :meth:`Hypervisor.stop`.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from lab.beds.option_values import ovsdb_settings
from lab.hosts.open_vswitch import schema_path
from ryu_apps.control.messages import ElementConnected, ElementDisconnected
from ryu_apps.southbound.ovsdb.sessions import OvsdbSessions
from vrouter_ovs.state import Endpoint, InterfaceInstalled, Key, StateObject, TunnelPort

LIMIT = 20.0


class Hypervisor:
    """``remotes``: extra ovsdb-server remotes, such as "tcp:127.0.0.1:6640"."""

    def __init__(self, name: str, vtep: str | None = None, tls: Path | None = None) -> None:
        self.name = name
        self.vtep = vtep
        self.tls = tls
        self.directory = Path(tempfile.mkdtemp(prefix=f"db{os.getpid()}-{name}-"))
        self.database = self.directory / "conf.db"
        self.socket = self.directory / "db.sock"
        self._server: subprocess.Popen | None = None
        self._switch: subprocess.Popen | None = None
        self.environment = {
            **os.environ,
            "OVS_RUNDIR": str(self.directory),
            "OVS_LOGDIR": str(self.directory),
            "OVS_DBDIR": str(self.directory),
        }

    # ------------------------------------------------------------ processes

    def start(self, switch: bool = True) -> Hypervisor:
        self.start_database()
        if switch:
            self.start_switch()
        return self

    def start_database(self) -> None:
        """Make the database if there is none, and serve it."""
        fresh = not self.database.exists()
        if fresh:
            subprocess.run(["ovsdb-tool", "create", self.database, schema_path()], check=True)
        command = [
            "ovsdb-server", str(self.database), f"--remote=punix:{self.socket}",
            "--remote=db:Open_vSwitch,Open_vSwitch,manager_options",
            f"--unixctl={self.directory}/server.ctl", "--log-file", "-vconsole:off",
            f"--pidfile={self.directory}/server.pid",
        ]
        if self.tls is not None:
            command += [
                f"--private-key={self.tls}/hypervisor.key",
                f"--certificate={self.tls}/hypervisor.pem",
                f"--ca-cert={self.tls}/ca.pem",
            ]
        self._server = self._spawn(command)
        until(self._listens, "ovsdb-server's socket")
        if fresh:
            self.vsctl("--no-wait", "init")
            self.identify()

    def _listens(self) -> bool:
        # The socket's file is there before it can be connected to.
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(str(self.socket)) == 0

    def identify(self) -> None:
        settings = [f"external_ids:system-id={self.name}", f"external_ids:hostname={self.name}.lan"]
        if self.vtep is not None:
            settings.append(f"external_ids:vnc-encap-ip={self.vtep}")
        self.vsctl("--no-wait", "set", "Open_vSwitch", ".", "ovs_version=3.1.0", *settings)

    def start_switch(self) -> None:
        self._switch = self._spawn([
            "ovs-vswitchd", f"unix:{self.socket}", "--enable-dummy=override", "--disable-system",
            f"--unixctl={self.directory}/switch.ctl", "--log-file", "-vconsole:off",
            f"--pidfile={self.directory}/switch.pid",
        ])
        until((self.directory / "switch.ctl").exists, "ovs-vswitchd")

    def _spawn(self, command: list[str]) -> subprocess.Popen:
        return subprocess.Popen(
            command, env=self.environment, cwd=self.directory,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )

    @staticmethod
    def _end(process: subprocess.Popen | None, how: int) -> None:
        if process is not None and process.poll() is None:
            process.send_signal(how)
            process.wait(10)

    def stop_switch(self, how: int = signal.SIGKILL) -> None:
        self._end(self._switch, how)
        self._switch = None
        (self.directory / "switch.ctl").unlink(missing_ok=True)

    def stop_database(self, how: int = signal.SIGKILL) -> None:
        self._end(self._server, how)
        self._server = None
        self.socket.unlink(missing_ok=True)

    def pause_database(self, paused: bool) -> None:
        assert self._server is not None
        self._server.send_signal(signal.SIGSTOP if paused else signal.SIGCONT)

    def wipe(self) -> None:
        """Remove the database, as a reinstalled host does; start again with the same name."""
        self.stop_database()
        self.database.unlink()
        self.start_database()

    def stop(self) -> None:
        self.stop_switch()
        if self._server is not None and self._server.poll() is None:
            self._server.send_signal(signal.SIGCONT)
        self.stop_database()
        shutil.rmtree(self.directory, ignore_errors=True)

    # ------------------------------------------------------------ the operator's hands

    def vsctl(self, *arguments: str) -> str:
        return subprocess.run(
            ["ovs-vsctl", f"--db=unix:{self.socket}", "--timeout=20", *arguments],
            check=True, capture_output=True, text=True, env=self.environment,
        ).stdout.strip()

    def ofctl(self, *arguments: str) -> str:
        return subprocess.run(
            ["ovs-ofctl", *arguments], check=True, capture_output=True, text=True,
            env=self.environment, cwd=self.directory,
        ).stdout.strip()

    def join(self, *bound: tuple[str, str, int]) -> None:
        """The one command that an operator runs."""
        self.vsctl("--no-wait", "set-manager",
                   *(f"{scheme}:{address}:{port}" for scheme, address, port in bound))

    def add_port(self, name: str, iface_id: str, bridge: str = "br-int") -> None:
        self.vsctl("--no-wait", "--", "add-port", bridge, name, "--", "set", "Interface", name,
                   "type=dummy", f"external_ids:iface-id={iface_id}")

    def find(self, table: str, *columns: str, where: str | None = None) -> list[dict]:
        """Rows as dicts of OVSDB JSON values."""
        text = self.vsctl("--format=json", f"--columns={','.join(columns)}", "find", table,
                          *([where] if where else []))
        data = json.loads(text)
        return [dict(zip(data["headings"], row, strict=True)) for row in data["data"]]

    @contextlib.contextmanager
    def watch_writes(self) -> Iterator[list[str]]:
        """Every change that anybody commits while the block runs, as lines of ovsdb-client."""
        lines: list[str] = []
        process = subprocess.Popen(
            ["ovsdb-client", "--format=csv", "--timestamp", "monitor", f"unix:{self.socket}",
             "Open_vSwitch", "ALL"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=self.environment,
        )
        started = threading.Event()

        def read() -> None:
            assert process.stdout is not None
            for line in process.stdout:
                lines.append(line.rstrip())
                started.set()

        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        started.wait(LIMIT)
        count = -1
        while count != len(lines):
            count = len(lines)
            time.sleep(0.1)
        lines.clear()
        try:
            yield lines
        finally:
            time.sleep(0.2)
            process.terminate()
            process.wait(10)
            reader.join(5)


def until(condition: Callable[[], object], what: str, limit: float = LIMIT) -> object:
    """Wait for ``condition`` to be true and return its value; AssertionError after ``limit`` s."""
    end = time.monotonic() + limit
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"never came: {what}"
        time.sleep(0.01)


class Node:
    """A running OvsdbSessions and what it posted; accepts every element unless told not to."""

    def __init__(self, accept: bool = True, **settings: object) -> None:
        settings.setdefault("listen", ("ptcp:0:127.0.0.1",))
        self.events: list[object] = []
        self.accepts = accept
        self.revision = 0
        self._tunnels: dict[str, dict[Key, TunnelPort]] = {}
        self.shell = OvsdbSessions(self._post, ovsdb_settings(**settings))
        self.shell.start()

    def _post(self, event: object) -> None:
        self.events.append(event)
        if self.accepts and isinstance(event, ElementConnected):
            self.shell.accept(event.session, event.info.element)

    def program(self, element: str, *objects: StateObject, delete: Iterable[Key] = ()) -> int:
        """Change what is asked of an element's database; the revision."""
        self.revision += 1
        changes = [(item.key, item) for item in objects] + [(key, None) for key in delete]
        self.shell.program(element, self.revision, changes)
        return self.revision

    def set_tunnels(self, element: str, endpoints: Iterable[Endpoint]) -> int:
        """The tunnel ports of an element are these from now on, and it is not deferred."""
        asked = {item.key: item for item in map(TunnelPort, endpoints)}
        gone = self._tunnels.get(element, {}).keys() - asked.keys()
        self._tunnels[element] = asked
        revision = self.program(element, *asked.values(), delete=gone)
        self.shell.defer(element, False)
        return revision

    def mark(self, element: str, interface: str, installed: bool = True) -> int:
        """Say that an interface is installed, or is not."""
        return self.program(element, InterfaceInstalled(interface, installed))

    @property
    def bound(self) -> list[tuple[str, str, int]]:
        return self.shell.bound

    def of(self, kind: type) -> list:
        return [event for event in list(self.events) if type(event) is kind]

    def connected(self, element: str) -> ElementConnected:
        """The connected session of ``element``, when there is one."""
        return until(lambda: self._current(element), f"{element} connected")  # type: ignore

    def _current(self, element: str) -> ElementConnected | None:
        current = None
        for event in list(self.events):
            if isinstance(event, ElementConnected) and event.info.element == element:
                current = event
            elif isinstance(event, ElementDisconnected) and current is not None \
                    and event.session == current.session:
                current = None
        return current

    def state(self, element: str) -> dict:
        for row in self.shell.status():
            if row["element"] == element:
                return row
        return {}

    def stop(self) -> None:
        self.shell.stop()

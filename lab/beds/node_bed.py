"""A whole node on loopback, as a process, and what it takes of the machine (proc(5))."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from lab.beds.openflow_bed import free_port
from lab.client import ApiError, Client
from lab.wait import wait_until

ADDRESS = "127.0.0.1"


class Taken(NamedTuple):
    """``rss``: bytes."""

    threads: int
    descriptors: int
    rss: int


class LoopbackNode:
    """``directory``: for its configuration, database and log.  ``peers``: values of ``[bgp] peer``.
    ``ports``: of its listeners: "api", "ovsdb", "openflow" and, with peers, "bgp".  ``settings``:
    more of the configuration file.  ``token``: of who asks it."""

    def __init__(
        self, directory: Path, peers: Iterable[str] = (), settings: str = "", token: str = "",
    ) -> None:
        peers = list(peers)
        self.ports = {name: free_port() for name in ("api", "ovsdb", "openflow", "bgp")}
        self.log = directory / "node.log"
        ports, config = self.ports, directory / "node.conf"
        bgp = [f"router_id = {ADDRESS}", f"listen = {ADDRESS}:{ports['bgp']}"] if peers else []
        config.write_text("\n".join([
            "[DEFAULT]", f"ofp_listen_host = {ADDRESS}",
            f"ofp_tcp_listen_port = {ports['openflow']}",
            "[node]", "name = loopback",
            "[store]", "backend = sqlite", f"path = {directory}/config.db",
            "[ovsdb]", f"listen = ptcp:{ports['ovsdb']}:{ADDRESS}",
            f"controller_target = tcp:{ADDRESS}:{ports['openflow']}",
            "[bgp]", *bgp, *(f"peer = {peer}" for peer in peers),
            "[api]", f"host = {ADDRESS}", f"port = {ports['api']}", settings, "",
        ]))
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "ryu_apps.manager", "ryu_apps.vnc_node", "--config-file",
                 str(config), "--ofp-tcp-listen-port", str(ports["openflow"])],
                stdout=log, stderr=log,
            )
        self.client = Client(f"http://{ADDRESS}:{ports['api']}", timeout=300, token=token)

    def __enter__(self) -> LoopbackNode:
        def up() -> bool:
            with contextlib.suppress(OSError, ApiError):
                self.client.health()
                return True
            return False

        try:
            wait_until(up, "the node's API", 60, 0.1, log=self.log)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    @property
    def ovsdb_target(self) -> str:
        return f"tcp:{ADDRESS}:{self.ports['ovsdb']}"

    def taken(self) -> Taken:
        """By the node's own process."""
        proc = Path(f"/proc/{self.process.pid}")
        return Taken(
            len(os.listdir(proc / "task")), len(os.listdir(proc / "fd")),
            int((proc / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE"),
        )

    def logged(self, text: str) -> int:
        """How many lines of its log have ``text``."""
        return sum(text in line for line in self.log.read_text(errors="replace").splitlines())

"""A whole node on loopback, as a process, and what it takes of the machine (proc(5))."""

from __future__ import annotations

import contextlib
import os
import ssl
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


def _openflow(port: int, tls: Path | None) -> list[str]:
    if tls is None:
        return [f"ofp_tcp_listen_port = {port}"]
    return [f"ofp_ssl_listen_port = {port}", f"ctl_privkey = {tls}/node.key",
            f"ctl_cert = {tls}/node.pem", f"ca_certs = {tls}/hypervisors.pem"]


def _ovsdb(tls: Path | None) -> list[str]:
    if tls is None:
        return []
    return [f"private_key = {tls}/node.key", f"certificate = {tls}/node.pem",
            f"ca_cert = {tls}/hypervisors.pem"]


def _api(tls: Path | None) -> list[str]:
    if tls is None:
        return []
    return [f"cert_file = {tls}/node.pem", f"key_file = {tls}/node.key",
            f"client_ca_file = {tls}/ca.pem"]


class LoopbackNode:
    """``directory``: for its configuration, database and log.  ``peers``: values of ``[bgp] peer``.
    ``ports``: of its listeners: "api", "ovsdb", "openflow" and, with peers, "bgp".  ``settings``:
    more of the configuration file.  ``token``: of who asks it.  ``tls``: a directory as ``vnctl pki
    export node`` makes it; without, there is no TLS.  ``client_tls``: for its API."""

    def __init__(
        self, directory: Path, peers: Iterable[str] = (), settings: str = "", token: str = "",
        tls: Path | None = None, client_tls: ssl.SSLContext | None = None,
    ) -> None:
        peers = list(peers)
        self._scheme = "ssl" if tls else "tcp"
        self.ports = {name: free_port() for name in ("api", "ovsdb", "openflow", "bgp")}
        self.log = directory / "node.log"
        ports, config = self.ports, directory / "node.conf"
        bgp = [f"router_id = {ADDRESS}", f"listen = {ADDRESS}:{ports['bgp']}"] if peers else []
        config.write_text("\n".join([
            "[DEFAULT]", f"ofp_listen_host = {ADDRESS}",
            *_openflow(ports["openflow"], tls),
            "[node]", "name = loopback",
            "[store]", "backend = sqlite", f"path = {directory}/config.db",
            "[ovsdb]", f"listen = p{self._scheme}:{ports['ovsdb']}:{ADDRESS}", *_ovsdb(tls),
            f"controller_target = {self._scheme}:{ADDRESS}:{ports['openflow']}",
            "[bgp]", *bgp, *(f"peer = {peer}" for peer in peers),
            "[api]", f"host = {ADDRESS}", f"port = {ports['api']}", *_api(tls), settings, "",
        ]))
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "ryu_apps.manager", "ryu_apps.vnc_node", "--config-file",
                 str(config)],
                stdout=log, stderr=log,
            )
        self.url = f"http{'s' if tls else ''}://{ADDRESS}:{ports['api']}"
        self.client = Client(self.url, timeout=300, token=token, tls=client_tls)

    def __enter__(self) -> LoopbackNode:
        def up() -> bool:
            with contextlib.suppress(OSError, ApiError):
                self.client.get("/")
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
        return f"{self._scheme}:{ADDRESS}:{self.ports['ovsdb']}"

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

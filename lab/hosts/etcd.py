"""A one-member etcd in a namespace on the management network."""

from __future__ import annotations

from lab.journal import Journal
from lab.net import Fabric, Namespace
from lab.process import Daemon

MAX_TXN_OPS = 10240
"""Room for bulk requests; the nodes are told the same number (``[store] max_operations``)."""


class Etcd:
    """``address``: its IPv4 address on the management network."""

    def __init__(self, lab: str, address: str, fabric: Fabric, journal: Journal) -> None:
        self.address = address
        self.url = f"http://{address}:2379"
        self.space = Namespace(lab, "etcd")
        self._fabric = fabric
        self._journal = journal
        directory = journal.directory / "etcd"
        self.daemon = Daemon(
            journal, "etcd",
            [
                "etcd", "--name", "lab", "--data-dir", f"{directory}/data",
                "--listen-client-urls", self.url, "--advertise-client-urls", self.url,
                "--listen-peer-urls", "http://127.0.0.1:2380",
                "--initial-advertise-peer-urls", "http://127.0.0.1:2380",
                "--initial-cluster", "lab=http://127.0.0.1:2380",
                f"--max-txn-ops={MAX_TXN_OPS}", "--max-request-bytes=16777216",
                "--logger=zap", "--log-level=warn",
            ],
            directory, self.space,
        )

    def start(self) -> None:
        self.space.create(self._journal)
        self._fabric.attach(self.space, "mgmt0", "mgmt", f"{self.address}/24")
        self.restart()

    def restart(self) -> None:
        self.daemon.start()
        self.daemon.wait_ready(self.healthy, "a healthy answer")

    def healthy(self) -> bool:
        done = self.space.run(
            ["etcdctl", "--endpoints", self.url, "--command-timeout=2s", "endpoint", "health"],
            check=False,
            env={"ETCDCTL_API": "3", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
        )
        return done.returncode == 0

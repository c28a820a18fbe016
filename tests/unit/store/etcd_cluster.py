"""A real etcd of one or three members in a temporary directory, for the store's tests."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from pathlib import Path

ETCD = shutil.which("etcd")


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


class Cluster:
    """Members are numbered from 0.  The data stands on a RAM disk where there is one, which only
    tests may do: it is as durable as the machine is up."""

    def __init__(self, directory: Path, members: int = 1, options: tuple[str, ...] = ()) -> None:
        self.directory = directory
        self.options = options
        ports = free_ports(2 * members)
        self.urls = [f"http://127.0.0.1:{port}" for port in ports[:members]]
        self.peers = [f"http://127.0.0.1:{port}" for port in ports[members:]]
        self.processes: list[subprocess.Popen | None] = [None] * members

    def start(self, *which: int) -> Cluster:
        for member in which or range(len(self.urls)):
            log = (self.directory / f"m{member}.log").open("ab")
            self.processes[member] = subprocess.Popen(
                [
                    ETCD or "etcd",
                    f"--name=m{member}",
                    f"--data-dir={self.directory / f'm{member}'}",
                    f"--listen-client-urls={self.urls[member]}",
                    f"--advertise-client-urls={self.urls[member]}",
                    f"--listen-peer-urls={self.peers[member]}",
                    f"--initial-advertise-peer-urls={self.peers[member]}",
                    "--initial-cluster="
                    + ",".join(f"m{i}={url}" for i, url in enumerate(self.peers)),
                    "--heartbeat-interval=50",
                    "--election-timeout=500",
                    *self.options,
                ],
                stdout=log,
                stderr=log,
            )
            log.close()
        for member in which or range(len(self.urls)):
            self.wait_ready(member)
        return self

    def wait_ready(self, member: int) -> None:
        deadline = time.monotonic() + 30
        while True:
            try:
                with urllib.request.urlopen(f"{self.urls[member]}/health", timeout=1) as answer:
                    if json.load(answer)["health"] == "true":
                        return
            except (OSError, ValueError):
                pass
            if time.monotonic() > deadline:
                log = (self.directory / f"m{member}.log").read_text()[-2000:]
                raise RuntimeError(f"etcd did not start: {log}")
            time.sleep(0.05)

    def call(self, path: str, request: dict, member: int = 0, token: str = "") -> dict:
        asked = urllib.request.Request(
            self.urls[member] + path, json.dumps(request).encode(),
            {"Authorization": token} if token else {},
        )  # fmt: skip
        with urllib.request.urlopen(asked, timeout=5) as answer:
            return json.load(answer)

    def compact(self, revision: int) -> None:
        self.call("/v3/kv/compaction", {"revision": str(revision), "physical": True})

    def leader(self) -> int:
        for member in range(len(self.urls)):
            answer = self.call("/v3/maintenance/status", {}, member)
            if answer["leader"] == answer["header"]["member_id"]:
                return member
        raise RuntimeError("no leader")

    def signal(self, member: int, number: int) -> None:
        process = self.processes[member]
        assert process is not None
        process.send_signal(number)
        if number == signal.SIGKILL:
            process.wait()
            self.processes[member] = None

    def kill(self, *which: int) -> None:
        for member in which or range(len(self.urls)):
            if self.processes[member] is not None:
                self.signal(member, signal.SIGCONT)
                self.signal(member, signal.SIGKILL)

    def snapshot(self, path: Path) -> None:
        self.etcdctl("snapshot", "save", str(path))

    def restore(self, path: Path) -> None:
        """Make the first member's data from a snapshot: a new cluster."""
        self.etcdctl(
            "snapshot", "restore", str(path), f"--data-dir={self.directory / 'm0'}", "--name=m0",
            f"--initial-cluster=m0={self.peers[0]}",
            f"--initial-advertise-peer-urls={self.peers[0]}",
        )

    def etcdctl(self, *arguments: str) -> None:
        subprocess.run(
            ["etcdctl", f"--endpoints={self.urls[0]}", *arguments], check=True, timeout=30,
            env=os.environ | {"ETCDCTL_API": "3"}, capture_output=True,
        )  # fmt: skip

    def wipe(self, member: int) -> None:
        shutil.rmtree(self.directory / f"m{member}")


def ram_directory() -> str | None:
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None

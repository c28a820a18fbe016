"""etcd on the management network: one member, or several, each in a namespace of its own.

A member can be killed, paused, started again and replaced by a new one.
"""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterable
from typing import Any

from lab.fabric.flat import Fabric
from lab.hosts.disk import Disk
from lab.journal import Journal
from lab.net import CommandError, Namespace
from lab.process import Daemon
from lab.wait import wait_until

MAX_TXN_OPS = 10240
"""Room for bulk requests; the nodes are told the same number (``[store] max_operations``)."""
FIRST_ADDRESS = 240
"""Of the members, in the management network."""
ELECTION = ("--heartbeat-interval=100", "--election-timeout=600", "--pre-vote")
"""Of several members: a leader that is gone is replaced within a second or so.  docs/operations.md
recommends the same."""


class EtcdMember:
    """``address``: its IPv4 address on the management network."""

    def __init__(
        self, lab: str, name: str, address: str, fabric: Fabric, journal: Journal
    ) -> None:
        self.name = name
        self.address = address
        self.url = f"http://{address}:2379"
        self.peer_url = f"http://{address}:2380"
        self.space = Namespace(lab, name)
        self.directory = journal.directory / name
        self.data = self.directory / "data"
        self._fabric = fabric
        self._journal = journal

    def prepare(self, members: Iterable[EtcdMember], joins: bool = False) -> None:
        """``members``: of the cluster that it is made for; ``joins``: which exists already."""
        members = list(members)
        self.daemon = Daemon(
            self._journal, self.name,
            [
                "etcd", "--name", self.name, "--data-dir", str(self.data),
                "--listen-client-urls", self.url, "--advertise-client-urls", self.url,
                "--listen-peer-urls", self.peer_url,
                "--initial-advertise-peer-urls", self.peer_url,
                "--initial-cluster", ",".join(f"{one.name}={one.peer_url}" for one in members),
                "--initial-cluster-state", "existing" if joins else "new",
                f"--max-txn-ops={MAX_TXN_OPS}", "--max-request-bytes=16777216",
                "--logger=zap", "--log-level=warn", *(ELECTION if len(members) > 1 else ()),
            ],
            self.directory, self.space,
        )
        self.space.create(self._journal)
        self._fabric.attach(self.space, "mgmt0", "mgmt", f"{self.address}/24")

    def use_disk(self, size: str) -> Disk:
        """Keep the data on a small disk, before the first start; see :class:`Disk`."""
        disk = Disk(self._journal, self.name, self.data, size)
        disk.start()
        self.daemon.argv = [*disk.prefix, *self.daemon.argv]
        return disk

    def start(self, wait: bool = True) -> None:
        """For the first time, or again.  ``wait``: until it answers, for which it needs a
        majority."""
        self.daemon.start()
        if wait:
            self.wait_healthy()

    def restart(self, wait: bool = True) -> None:
        """Start it again after :meth:`kill`."""
        self.start(wait)

    def wait_healthy(self) -> None:
        self.daemon.wait_ready(self.healthy, "a healthy answer")

    def kill(self) -> None:
        """kill -9, also of a paused one."""
        self.daemon.kill()

    def pause(self) -> None:
        """SIGSTOP: it takes connections and answers nothing."""
        self.daemon.signal(signal.SIGSTOP)

    def resume(self) -> None:
        self.daemon.signal(signal.SIGCONT)

    def healthy(self) -> bool:
        """Whether a read that needs the majority succeeds here."""
        try:
            self.ctl("endpoint", "health")
        except CommandError:
            return False
        return True

    def status(self) -> dict[str, Any]:
        """What it says of itself (etcd's maintenance API).  Raises CommandError."""
        (found,) = json.loads(self.ctl("endpoint", "status", "-w", "json"))
        return found["Status"]

    def ctl(self, *words: str) -> str:
        """The output of etcdctl at this member.  Raises CommandError."""
        return self.space.run(
            ["etcdctl", "--endpoints", self.url, "--command-timeout=2s", *words],
            env={"ETCDCTL_API": "3", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
        ).stdout


class Etcd:
    """The cluster; ``urls``: of the members that it began with, which is what nodes are told."""

    def __init__(
        self, lab: str, network: str, count: int, fabric: Fabric, journal: Journal
    ) -> None:
        """``network``: the first three bytes of the management network, with the dot."""
        self._made = 0
        self._new = lambda name: EtcdMember(
            lab, name, f"{network}{FIRST_ADDRESS + self._made}", fabric, journal
        )
        self.members: list[EtcdMember] = []
        for number in range(1, count + 1):
            self._add(f"etcd{number}" if count > 1 else "etcd")
        self.urls = [one.url for one in self.members]

    def _add(self, name: str) -> EtcdMember:
        member = self._new(name)
        self._made += 1
        self.members.append(member)
        return member

    def start(self) -> None:
        for member in self.members:
            member.prepare(self.members)
        for member in self.members:
            member.start(wait=False)
        for member in self.members:
            member.wait_healthy()

    def leader(self) -> EtcdMember:
        """Waits until a member that runs says that it is the leader."""
        found: list[EtcdMember] = []

        def look() -> bool:
            for member in self.members:
                try:
                    if member.daemon.alive and self._leads(member):
                        found.append(member)
                        return True
                except CommandError:
                    continue
            return False

        wait_until(look, "a leader of etcd", 20)
        return found[0]

    @staticmethod
    def _leads(member: EtcdMember) -> bool:
        status = member.status()
        return status["leader"] == status["header"]["member_id"]

    def followers(self) -> list[EtcdMember]:
        leader = self.leader()
        return [one for one in self.members if one is not leader]

    def heal(self) -> None:
        """All members run and are healthy."""
        for member in self.members:
            member.resume()
            if not member.daemon.alive:
                member.start(wait=False)
        for member in self.members:
            member.wait_healthy()

    def replace(
        self, member: EtcdMember, prepared: Callable[[EtcdMember], object] = lambda fresh: None
    ) -> EtcdMember:
        """A new member, at another address, in place of one that is gone for good; the other
        members are told as etcd's manual says (remove, then add).  They refuse that until they
        have been connected to each other for five seconds.  ``prepared``: is given the new one
        before it starts."""
        member.kill()
        self.members.remove(member)
        other = self.members[0]
        ids = {one["name"]: one["ID"] for one in _listed(other)}
        wait_until(lambda: _without(other, ids[member.name]), "etcd to take the member out", 30)
        fresh = self._add(f"etcd{self._made + 1}")
        wait_until(lambda: _with(other, fresh), "etcd to take the new member in", 30)
        fresh.prepare(self.members, joins=True)
        prepared(fresh)
        fresh.start()
        return fresh


def _listed(member: EtcdMember) -> list[dict[str, Any]]:
    return json.loads(member.ctl("member", "list", "-w", "json"))["members"]


def _without(member: EtcdMember, id: int) -> bool:
    """Remove a member; whether it is removed.  An answer may be late, and the cluster busy."""
    try:
        if any(one["ID"] == id for one in _listed(member)):
            member.ctl("member", "remove", f"{id:x}")
    except CommandError:
        return False
    return True


def _with(member: EtcdMember, fresh: EtcdMember) -> bool:
    """The same of one that is added."""
    try:
        if not any(fresh.peer_url in one["peerURLs"] for one in _listed(member)):
            member.ctl("member", "add", fresh.name, f"--peer-urls={fresh.peer_url}")
    except CommandError:
        return False
    return True

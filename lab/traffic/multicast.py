"""Multicast in VMs: members that write down what they hear, and senders.

Runs inside of a VM's namespace: ``python -m lab.traffic.multicast listen INTERFACE GROUP...`` is a
member of the groups until it ends, and prints the text of each datagram; ``... send INTERFACE RATE
COUNT GROUP...`` sends COUNT numbered datagrams to each group, RATE a second.  Needs nothing but the
standard library.
"""

from __future__ import annotations

import select
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from lab.hosts.vm import Vm

ROOT = Path(__file__).resolve().parents[2]
PORT = 5007


class Member:
    """A VM that is a member of groups, until :meth:`leave`."""

    def __init__(self, vm: Vm, *groups: str) -> None:
        self._heard = tempfile.NamedTemporaryFile(prefix="vnc-lab-", mode="w+b")  # noqa: SIM115
        self._process = subprocess.Popen(
            [*vm.space.prefix, sys.executable, "-u", "-m", "lab.traffic.multicast", "listen",
             "eth0", *groups],
            cwd=ROOT, stdout=self._heard.fileno(),
        )  # fmt: skip

    def heard(self) -> Counter[str]:
        """"GROUP NUMBER" -> how often it came."""
        text = Path(self._heard.name).read_text()
        return Counter(text.split("\n")[:-1])

    def leave(self) -> None:
        self._process.terminate()
        self._process.wait()


def start(vm: Vm, rate: int, count: int, *groups: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [*vm.space.prefix, sys.executable, "-m", "lab.traffic.multicast", "send", "eth0",
         str(rate), str(count), *groups],
        cwd=ROOT,
    )  # fmt: skip


def send(vm: Vm, count: int, *groups: str) -> set[str]:
    """Send so many to each group, at once; returns what members hear."""
    assert start(vm, 200, count, *groups).wait() == 0
    return {f"{group} {number}" for group in groups for number in range(count)}


def _listen(interface: str, groups: list[str]) -> None:
    index = socket.if_nametoindex(interface)
    links = []
    for family in (socket.AF_INET, socket.AF_INET6):
        link = socket.socket(family, socket.SOCK_DGRAM)
        if family == socket.AF_INET6:
            link.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        link.bind(("", PORT))
        links.append(link)
    for group in groups:
        if ":" in group:
            member = socket.inet_pton(socket.AF_INET6, group) + struct.pack("@I", index)
            links[1].setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, member)
        else:
            member = struct.pack("=4s4si", socket.inet_aton(group), bytes(4), index)
            links[0].setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
    while True:
        for link in select.select(links, [], [])[0]:
            print(link.recv(2000).decode())


def _send(interface: str, rate: int, count: int, groups: list[str]) -> None:
    index = socket.if_nametoindex(interface)
    four = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    four.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, struct.pack(
        "=4s4si", bytes(4), bytes(4), index))
    six = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    six.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
    for number in range(count):
        for group in groups:
            link = six if ":" in group else four
            link.sendto(f"{group} {number}".encode(), (group, PORT))
        time.sleep(1 / rate)


if __name__ == "__main__":
    what, interface, *more = sys.argv[1:]
    if what == "listen":
        _listen(interface, more)
    else:
        _send(interface, int(more[0]), int(more[1]), more[2:])

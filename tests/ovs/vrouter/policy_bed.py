"""VMs as network namespaces on one vrouter with the userspace datapath, for real packets."""

from __future__ import annotations

import ctypes
import os
import socket
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from lab.beds.sandbox import BRIDGE, OpenFlow, Sandbox
from vrouter_ovs.state import Evi, Flood, LocalPort, Neighbor, StateObject, Vrouter
from vrouter_ovs.wire import encode

CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)
EVI = 100
NAMES = f"sg{os.getpid()}"


def mac(number: int) -> str:
    return f"52:54:00:00:00:{number:02x}"


def ip4(number: int) -> str:
    return f"10.1.0.{number}"


def ip6(number: int) -> str:
    return f"fd01::{number:x}"


def command(*words: str) -> str:
    done = subprocess.run(words, capture_output=True, text=True, timeout=30)
    if done.returncode:
        raise RuntimeError(f"{' '.join(words)}: {done.stderr.strip()}")
    return done.stdout


class Bed(Sandbox):
    """VM n has OpenFlow port n, ``mac(n)``, ``ip4(n)`` and ``ip6(n)``."""

    def __init__(self, vms: int) -> None:
        super().__init__()
        self.space = f"{NAMES}-hv"
        self.vms = range(1, vms + 1)
        self.spaces: list[str] = []
        self.openflow: OpenFlow | None = None
        self.installed: dict[bytes, encode.Encoded] = {}

    def _spawn(self, *words: str) -> None:
        super()._spawn("ip", "netns", "exec", self.space, *words)

    def _new_space(self, name: str) -> None:
        command("ip", "netns", "add", name)
        self.spaces.append(name)
        command("ip", "-n", name, "link", "set", "lo", "up")

    def start(self) -> None:
        self._new_space(self.space)
        super().start()
        self.vsctl("set", "bridge", BRIDGE, "datapath_type=netdev")
        # With another datapath it is another bridge.
        self.ofctl("set-frags", "nx-match")
        for number in self.vms:
            self._plug(number)
        self.openflow = self.connect()

    def _plug(self, number: int) -> None:
        vm, end = self.vm(number), f"v{number}"
        self._new_space(vm)
        command(
            "ip", "-n", vm, "link", "add", "eth0", "address", mac(number), "type", "veth",
            "peer", "name", end, "netns", self.space,
        )  # fmt: skip
        command("ip", "netns", "exec", vm, "ethtool", "-K", "eth0", "tx", "off", "tso", "off")
        for setting in (
            "ipv6.conf.eth0.accept_dad=0", "ipv6.conf.eth0.router_solicitations=0",
            "ipv4.icmp_ratelimit=0", "ipv4.icmp_msgs_per_sec=100000", "ipv6.icmp.ratelimit=0",
            "ipv4.icmp_echo_ignore_broadcasts=0", "ipv4.ip_local_port_range=1024 65000",
        ):  # fmt: skip
            command("ip", "netns", "exec", vm, "sysctl", "-qw", f"net.{setting}")
        command("ip", "-n", vm, "address", "add", f"{ip4(number)}/24", "brd", "+", "dev", "eth0")
        command("ip", "-n", vm, "address", "add", f"{ip6(number)}/64", "dev", "eth0", "nodad")
        command("ip", "-n", vm, "link", "set", "eth0", "up")
        command("ip", "-n", self.space, "link", "set", end, "up")
        self.vsctl(
            "add-port", BRIDGE, end, "--", "set", "interface", end, f"ofport_request={number}"
        )

    def stop(self) -> None:
        if self.openflow is not None:
            self.openflow.close()
        super().stop()
        for name in reversed(self.spaces):
            subprocess.run(("ip", "netns", "delete", name), capture_output=True, timeout=30)

    @staticmethod
    def vm(number: int) -> str:
        return f"{NAMES}-vm{number}"

    # -------------------------------------------------------- flows

    def base(self, policies: dict[int, int]) -> list[StateObject]:
        """The network of all VMs; ``policies``: the policy set of each VM that has one."""
        objects: list[StateObject] = [
            Vrouter("02:00:00:00:00:01"),
            Evi(EVI),
            Flood(EVI, tuple(self.vms)),
        ]
        for n in self.vms:
            allowed = ((mac(n), ip4(n)), (mac(n), ip6(n)))
            objects += (
                LocalPort(f"p{n}", n, EVI, mac(n), allowed, policy=policies.get(n, 0)),
                Neighbor(EVI, ip4(n), mac(n)),
                Neighbor(EVI, ip6(n), mac(n)),
            )
        return objects

    def program(self, objects: Iterable[StateObject]) -> None:
        """Make the switch hold these objects and nothing else, and all of them as they are."""
        wanted = {flow.key: flow for obj in objects for flow in encode.encode_object(obj)}
        gone = [flow for key, flow in self.installed.items() if key not in wanted]
        new = [flow for key, flow in wanted.items() if self.installed.get(key) != flow]
        errors = self.openflow.flow_mods(encode.DELETE_STRICT, gone)
        errors += self.openflow.flow_mods(encode.ADD, new)
        assert not errors, [encode.decode_error(error) for error in errors]
        self.installed = wanted
        # The datapath's cache follows the tables within half a second; here at once.
        self.appctl("revalidator/purge")

    def forget(self) -> None:
        """Forget all connections."""
        self.appctl("dpctl/flush-conntrack")

    def alive(self) -> bool:
        return all(process.poll() is None for process in self.processes)

    # -------------------------------------------------------- sockets

    @contextmanager
    def inside(self, number: int) -> Iterator[None]:
        """This thread is in the namespace of a VM; a socket made there stays in it."""
        with open("/proc/thread-self/ns/net") as own, open(
            Path("/var/run/netns") / self.vm(number)
        ) as other:
            _enter(other.fileno())
            try:
                yield
            finally:
                _enter(own.fileno())

    def socket(
        self, number: int, kind: int = socket.SOCK_STREAM, version: int = 4
    ) -> socket.socket:
        family = socket.AF_INET if version == 4 else socket.AF_INET6
        with self.inside(number):
            return socket.socket(family, kind)


def _enter(descriptor: int) -> None:
    if LIBC.setns(descriptor, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")

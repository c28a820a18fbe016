"""What steady traffic is to run: from VMs to flows of pings, streams, connections, clients."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from lab.hosts.vm import Vm
from lab.traffic.steady.connections import PATIENCE
from lab.traffic.steady.guard import GUARDED, PORT, STREAM_PORT

Pair = tuple[Vm, Vm]


@dataclass
class Plan:
    """Rates are in total and a second; ``write_rate`` is at each node.  Lists may be added to.

    ``settle``: seconds after the end of a lap, within which what was sent in it may still be
    answered, unless all of it has been; less than the patience of a connection counts those under
    way as failed.

    ``pings``: {"source": namespace, "name", "address"}; ``streams``, ``connections`` and
    ``denied``: {"source", "target": namespaces, "name", "address", "port"}; ``clients`` of DHCP:
    {"space", "mac", "address"}; ``urls``: the APIs of nodes.
    """

    ping_rate: float = 200.0
    connection_rate: float = 10.0
    denied_rate: float = 10.0
    renewal_rate: float = 2.0
    write_rate: float = 2.0
    settle: float = PATIENCE + 0.2
    pings: list[dict[str, Any]] = field(default_factory=list)
    streams: list[dict[str, Any]] = field(default_factory=list)
    connections: list[dict[str, Any]] = field(default_factory=list)
    denied: list[dict[str, Any]] = field(default_factory=list)
    clients: list[dict[str, Any]] = field(default_factory=list)
    urls: list[str] = field(default_factory=list)

    def ping(self, source: Vm, address: str, name: str = "") -> None:
        self.pings.append({
            "source": source.space.name, "address": address,
            "name": name or f"{source.name} > {address}",
        })

    def stream(self, source: Vm, target: Vm, address: str, port: int = STREAM_PORT) -> None:
        self.streams.append(_connection(source, target, address, port))

    def connect(self, source: Vm, target: Vm, address: str, port: int = PORT) -> None:
        self.connections.append(_connection(source, target, address, port))

    def deny(self, source: Vm, target: Vm, address: str, port: int = GUARDED) -> None:
        """``target``: where it would arrive, which may be another tenant's with that address."""
        self.denied.append(_connection(source, target, address, port))

    def client(self, vm: Vm) -> None:
        self.clients.append({"space": vm.space.name, "mac": vm.port.mac, "address": vm.ip})


def plan(
    pairs: Iterable[Pair] = (), vms: Sequence[Vm] = (), urls: Iterable[str] = (),
    guarded: bool = False, dhcp: bool = False, **rates: float,
) -> Plan:
    """The usual: pings and new connections for each pair in each family that both have, a stream
    for the first pair in each.

    ``pairs``: or each of ``vms`` to the one after it, the last to the first.  ``guarded``: the VMs
    are in the group of :func:`~lab.traffic.steady.guard.guard`, so that attempts at another port
    must fail.  ``dhcp``: each source renews its lease.  ``rates``: and
    ``settle``, see :class:`Plan`.
    """
    made = Plan(**rates, urls=list(urls))
    pairs = list(pairs) or list(itertools.pairwise([*vms, *vms[:1]]))
    for number, (source, target) in enumerate(pairs):
        for address in filter(None, (target.ip, target.ip6 if source.ip6 else "")):
            made.ping(source, address, f"{source.name} > {target.name} {address}")
            made.connect(source, target, address)
            if guarded:
                made.deny(source, target, address)
            if number == 0:
                made.stream(source, target, address)
    if dhcp:
        for source in dict.fromkeys(source for source, _ in pairs):
            made.client(source)
    return made


def _connection(source: Vm, target: Vm, address: str, port: int) -> dict[str, Any]:
    return {
        "source": source.space.name, "target": target.space.name, "address": address, "port": port,
        "name": f"{source.name} > {target.name} [{address}]:{port}",
    }

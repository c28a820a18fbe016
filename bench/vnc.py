"""Our system under the standard load: hypervisors shared out to two nodes and one etcd."""

from __future__ import annotations

import http.client
import select
import time
from collections.abc import Mapping, Sequence
from typing import Any

from bench.bare import take_flows
from bench.load import NETWORKS, PREFIX, Slot, System, inside
from lab.client import ApiError, Client
from lab.hosts.hypervisor import Hypervisor
from lab.hosts.node import API_PORT, Node
from lab.net import Namespace
from lab.process import children
from lab.topology import Lab
from lab.wait import LabTimeout, wait_until
from vrouter_ovs.state import INGRESS, Rule

TCP = 6
UNUSED_SETS = 0x7FFF0000
"""Numbers of policy sets from here on are no port's: a set's number is a hash."""


class _InsideConnection(http.client.HTTPConnection):
    def __init__(self, space: Namespace, host: str, port: int, timeout: float) -> None:
        super().__init__(host, port, timeout=timeout)
        self._space = space

    def connect(self) -> None:
        with inside(self._space):
            super().connect()


class DirectClient(Client):
    """A client on the node's own management network: the lab's way in from the host is a process
    of its own, which would be measured too."""

    def __init__(self, node: Node) -> None:
        super().__init__(f"http://{node.address}:{API_PORT}", timeout=300)
        self._space = node.space

    def _connection(self) -> http.client.HTTPConnection:
        kept = getattr(self._local, "connection", None)
        if kept is not None and kept.sock is not None and not _ended(kept):
            return kept
        self.close()
        self._local.connection = _InsideConnection(
            self._space, self._host, self._port, self._timeout
        )
        return self._local.connection


def _ended(connection: http.client.HTTPConnection) -> bool:
    """Whether an idle connection has something to read, which can only be its end."""
    return bool(select.select([connection.sock], [], [], 0)[0])


def owners(hypervisors: int, nodes: int) -> dict[str, tuple[str, ...]]:
    """Node name -> its hypervisors, neighbours together: hv1 and hv2 at node1, hv3 and hv4 ..."""
    nodes = min(nodes, hypervisors)
    found: dict[str, tuple[str, ...]] = {}
    for number in range(hypervisors):
        node = f"node{number * nodes // hypervisors + 1}"
        found[node] = (*found.get(node, ()), f"hv{number + 1}")
    return found


class Vnc(System):
    """``groups``: whether every tenant has its security group."""

    name = "ours"
    controller = "node"

    def __init__(
        self, lab: str, hypervisors: int = 4, groups: bool = False,
        devices: str = "veth", nodes: int = 2, dhcp: bool = False,
    ) -> None:
        super().__init__(Lab(f"{lab}-vnc", owners(hypervisors, nodes)), groups, devices)
        self.dhcp = dhcp
        self.networks: list[dict[str, Any]] = []
        self.subnets: list[dict[str, Any]] = []
        self.security_groups: list[str] = []
        self.clients: list[Client] = []
        self.ports = 0
        self.bound: set[str] = set()

    @property
    def api(self) -> Client:
        return self.clients[0]

    def connect(self) -> None:
        self.lab.wait_converged()
        self.clients = [DirectClient(node) for node in self.lab.nodes.values()]

    # ------------------------------------------------------------ configuration

    def create_tenants(self, count: int) -> None:
        for tenant in range(self.tenants, self.tenants + count):
            router = self.api.create("router", name=f"r{tenant}")
            networks = self.api.create_many(
                "network", [{"name": f"t{tenant}n{i}"} for i in range(NETWORKS)]
            )
            subnets = self.api.create_many("subnet", [
                {"network_id": network["id"], "ip_version": 4, "enable_dhcp": self.dhcp,
                 "cidr": f"10.{i}.0.0/{PREFIX}",
                 "allocation_pools": [{"start": f"10.{i}.0.2", "end": f"10.{i}.199.254"}]}
                for i, network in enumerate(networks)
            ])
            for subnet in subnets:
                self.api.add_router_interface(router["id"], subnet["id"])
                self.ports += 1
            self.networks += networks
            self.subnets += subnets
            if self.groups:
                self.security_groups.append(self._create_group(tenant))
        self.tenants += count

    def _create_group(self, tenant: int) -> str:
        group = self.api.post(
            "/v2.0/security-groups", {"security_group": {"name": f"g{tenant}"}}
        )["security_group"]["id"]
        self._create_rules([
            {"security_group_id": group, "remote_group_id": group, "direction": "ingress",
             "ethertype": "IPv4", **more}
            for more in (
                {"protocol": "tcp", "port_range_min": 22, "port_range_max": 22},
                {"protocol": "icmp"},
            )
        ])
        return group

    def _policy(self, tenant: int) -> dict[str, Any]:
        """What filters a port: its tenant's group, or nothing."""
        if self.groups:
            return {"security_groups": [self.security_groups[tenant]]}
        return {"security_groups": [], "port_security_enabled": False}

    def _create_rules(self, rules: list[dict[str, Any]]) -> None:
        self.api.post("/v2.0/security-group-rules", {"security_group_rules": rules})

    def create_ports(self, wanted: Sequence[Slot], fixed: bool = False) -> list[str]:
        bodies = []
        for slot in wanted:
            place = slot.tenant * NETWORKS + slot.network
            body: dict[str, Any] = {
                "network_id": self.networks[place]["id"], "name": slot.name,
                **self._policy(slot.tenant),
            }
            if fixed:
                body["mac_address"] = slot.mac
                body["fixed_ips"] = [
                    {"subnet_id": self.subnets[place]["id"], "ip_address": slot.ip}
                ]
            bodies.append(body)
        made = [port["id"] for port in self.api.create_many("port", bodies)]
        self.ports += len(made)
        self.bound.update(made)
        return made

    def remove_port(self, port_id: str) -> None:
        self.api.remove("port", port_id)
        self.ports -= 1
        self.bound.discard(port_id)

    def add_rules(self, number: int, tenants: Sequence[int]) -> float:
        begun = time.monotonic()
        self._create_rules([
            {"security_group_id": group, "remote_group_id": group, "direction": "ingress",
             "ethertype": "IPv4", "protocol": "tcp", "port_range_min": 10000 + number,
             "port_range_max": 10000 + number}
            for group in (self.security_groups[tenant] for tenant in tenants)
        ])
        return self.wait_settled() - begun

    def bare_rules(self, number: int) -> float:
        """Seconds in which the switches take what a rule in every group is to them."""
        return take_flows(self.hypervisors, [
            Rule(UNUSED_SETS + tenant, INGRESS, 4, TCP, 10000 + number, 10000 + number,
                 group="group", page=1 + tenant, bit=0)
            for tenant in range(self.tenants)
        ])

    # ------------------------------------------------------------ waiting

    def counts(self) -> list[Mapping[str, int]]:
        return [client.v1("counts") for client in self.clients]

    def settled(self) -> bool:
        """Every node has every port, every port is active at its owner, all is confirmed by the
        switches, and every node has every route."""
        counts = self.counts()
        active = sum(one["active_ports"] for one in counts) == len(self.bound)
        if active and not self.up_at:
            self.up_at = time.monotonic()
        return (
            active
            and all(one["ports"] == self.ports and not one["unconfirmed"] for one in counts)
            and len({one["paths"] for one in counts}) == 1
            and counts[0]["paths"] == sum(one["local_paths"] for one in counts)
        )

    def wait_settled(self, timeout: float = 300.0, interval: float = 0.002) -> float:
        """Two looks in a row have to find it so; the time of the first counts.

        A look costs the nodes CPU time.  So there are fewer of them the longer it takes: what is
        returned is at most ``interval`` or a fiftieth of the wait too late.
        """
        begun = time.monotonic()
        deadline = begun + timeout
        self.up_at = 0.0
        while True:
            if self.settled():
                seen = time.monotonic()
                if self.settled():
                    return seen
            if time.monotonic() > deadline:
                raise LabTimeout(
                    f"not settled after {timeout:g} s: {self.ports} ports, {len(self.bound)} "
                    f"bound, counts {self.counts()}"
                )
            time.sleep(max(interval, (time.monotonic() - begun) / 50))

    # ------------------------------------------------------------ faults

    def _first(self) -> Node:
        return next(iter(self.lab.nodes.values()))

    def kill_controller(self) -> list[Hypervisor]:
        node = self._first()
        node.kill()
        return [self.lab.hypervisors[name] for name in self.lab.owners[node.name]]

    def restart_controller(self) -> None:
        """Returns when it is well again."""
        node = self._first()
        node.restart(wait=False)
        node.wait_ready(120)

        def well() -> bool:
            try:
                return self.clients[0].health()["status"] == "ok"
            except (ApiError, http.client.HTTPException):
                return False

        wait_until(well, f"{node.name} to be well again", 300, 0.05, log=node.daemon.log)

    def processes(self) -> dict[str, int]:
        found = {}
        for name, node in self.lab.nodes.items():
            found[name] = node.daemon.pid
            for child in children(node.daemon.pid)[:1]:
                found[f"{name} bgp"] = child
        assert self.lab.etcd is not None
        found["etcd"] = self.lab.etcd.members[0].daemon.pid
        for hypervisor in self.hypervisors:
            found[f"{hypervisor.name} ovsdb-server"] = hypervisor.database.pid
            found[f"{hypervisor.name} ovs-vswitchd"] = hypervisor.switch.pid
        return found

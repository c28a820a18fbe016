"""The system that is broken, and the model of who may reach whom in it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

from lab.chaos.reach import Listeners, Probe
from lab.client import ApiError, Client
from lab.fabric.plan import Racks
from lab.hosts.vm import Vm
from lab.tenants import Tenant, new_tenant
from lab.topology import Lab
from lab.traffic.steady import Plan, guard, plan

HYPERVISORS = ("hv1", "hv2", "hv3", "hv4")
LAYOUT = (
    ("web1", "hv1"), ("web2", "hv2"), ("web3", "hv3"), ("web4", "hv4"),
    ("db1", "hv1"), ("db2", "hv2"), ("db3", "hv3"),
)  # fmt: skip
STEADY = ("web1", "web3", "db2", "web4", "db1")
"""Between these traffic goes on; the others are moved and replaced."""
MOVABLE = ("web2", "db3")
OPEN, SHUT, TOGGLED = 7010, 7011, 7012
"""TCP ports that a rule opens, that none does, that one opens and shuts again."""


class System:
    """Three nodes, three members of etcd, four hypervisors at two racks, two tenants with the same
    addresses.  ``name``: of the lab."""

    movable = MOVABLE

    def __init__(self, name: str) -> None:
        self.lab = Lab(
            name, nodes={"node1": HYPERVISORS, "node2": (), "node3": ()}, etcd_members=3,
            racks=Racks(paths=2), peer_options="hold-time 9",
            settings={"ovsdb": ("bfd_interval = 300",)},
        )
        self.tenants: dict[str, Tenant] = {}
        self.groups: dict[str, str] = {}
        self._rules: list[str] = []
        self._homes = {vm: home for vm, home in LAYOUT}
        self._ports = (OPEN, SHUT, TOGGLED)
        self._listeners: Listeners | None = None

    # ------------------------------------------------------------ life

    def up(self, progress: Callable[[str], None]) -> None:
        lab = self.lab
        lab.up(progress)
        targets = [node.ovsdb_target for node in lab.nodes.values()]
        for hypervisor in lab.hypervisors.values():
            hypervisor.join(targets)
        lab.wait_converged()
        for name, node in (("red", "node1"), ("blue", "node2")):
            progress(f"tenant {name}")
            client = lab.nodes[node].client
            tenant = new_tenant(name, client, ipv6=True)
            tenant.create_vms(lab, LAYOUT)
            self.tenants[name] = tenant
            self.groups[name] = guard(client, tenant.project_id, tenant.vms.values())
            self._let_in(client, self.groups[name], OPEN)
            tenant.wait_active(60)
            tenant.wait_reachable(60)
        self._listeners = Listeners(self.vms(), self._ports)

    def down(self) -> None:
        if self._listeners is not None:
            self._listeners.close()
        self.lab.down()

    def vms(self) -> Iterator[Vm]:
        for tenant in self.tenants.values():
            yield from tenant.vms.values()

    def api(self) -> Client:
        """The client of a node that runs."""
        for node in self.lab.nodes.values():
            try:
                node.client.get("/v1/health/live")
            except ApiError:
                pass
            except OSError:
                continue
            return node.client
        raise OSError("no node runs")

    # ------------------------------------------------------------ traffic and the model

    def traffic(self) -> Plan:
        """Between VMs that stay where they are."""
        made = Plan(urls=[node.url for node in self.lab.nodes.values()], write_rate=1.0)
        for tenant in self.tenants.values():
            vms = [tenant.vms[name] for name in STEADY]
            part = plan(vms=vms, guarded=True)
            for name in ("pings", "streams", "connections", "denied"):
                getattr(made, name).extend(getattr(part, name))
        return made

    def probes(self) -> Iterator[Probe]:
        """Everybody to everybody of the same tenant, in both families: the tenants have the same
        addresses, so whoever answers must be of one's own."""
        for tenant in self.tenants.values():
            for source, target in itertools.permutations(tenant.vms.values(), 2):
                for address in filter(None, (target.ip, target.ip6)):
                    yield Probe(source, address, OPEN, target.name)
                    yield Probe(source, address, SHUT, "")
                    opened = target.name if self._rules else ""
                    yield Probe(source, address, TOGGLED, opened)

    def unreachable(self) -> list[str]:
        """Where the data plane is not as the model."""
        assert self._listeners is not None
        return self._listeners.check(self.probes())

    # ------------------------------------------------------------ changes

    def toggle_rule(self) -> Callable[[], object]:
        """Open or shut a port in all groups."""
        client = self.api()
        if self._rules:
            for rule in self._rules:
                client.delete(f"/v2.0/security-group-rules/{rule}")
            self._rules = []
        else:
            self._rules = [
                rule for group in self.groups.values()
                for rule in self._let_in(client, group, TOGGLED)
            ]
        return lambda: None

    @staticmethod
    def _let_in(client: Client, group: str, port: int) -> list[str]:
        """Rules of ``group`` for a TCP port in both families; their ids."""
        return [
            client.post("/v2.0/security-group-rules", {"security_group_rule": {
                "security_group_id": group, "direction": "ingress", "ethertype": ethertype,
                "protocol": "tcp", "port_range_min": port, "port_range_max": port,
            }})["security_group_rule"]["id"]
            for ethertype in ("IPv4", "IPv6")
        ]

    def move_vm(self, name: str) -> Callable[[], object]:
        """To the next hypervisor, for good, in both tenants."""
        at = (HYPERVISORS.index(self._homes[name]) + 1) % len(HYPERVISORS)
        self._homes[name] = HYPERVISORS[at]
        for tenant in self.tenants.values():
            tenant.vms[name].move(self.lab.hypervisors[HYPERVISORS[at]])
        return lambda: None

    def replace_vm(self, name: str) -> Callable[[], object]:
        """Delete it with its port in both tenants; the way back makes another with its address."""
        assert self._listeners is not None
        for tenant in self.tenants.values():
            self._listeners.forget(tenant.vms[name])
            tenant.client = self.api()
            tenant.remove_vm(self.lab, name)

        def back() -> None:
            assert self._listeners is not None
            for label, tenant in self.tenants.items():
                tenant.client = self.api()
                vm = tenant.create_vm(self.lab, name, self._homes[name])
                tenant.client.update("port", vm.port.id, security_groups=[self.groups[label]])
                self._listeners.add(vm, self._ports)

        return back

    def drain(self, node: str, draining: bool) -> None:
        """Ask for maintenance of a node, or end it."""
        self.api().post(f"/v1/nodes/{node}/{'drain' if draining else 'undrain'}", {})

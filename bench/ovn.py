"""OVN under the standard load: ovn-northd and its two databases, one ovn-controller a hypervisor.

From Debian's packages ovn-central and ovn-host; their services are not used.
"""

from __future__ import annotations

import shutil
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from bench.load import NETWORKS, PREFIX, Slot, System
from bench.ovsdb import Operation, OvsdbClient, Tables
from lab.hosts.hypervisor import Hypervisor
from lab.net import Namespace, run
from lab.process import Daemon
from lab.topology import MGMT, Lab

SCHEMAS = Path("/usr/share/ovn")
CENTRAL = f"{MGMT}1"
SOUTHBOUND = f"tcp:{CENTRAL}:6642"
PROBE_MS = 180_000
"""Inactivity probes: the defaults (5 s and 60 s) reset sessions of a busy ovn-controller."""


def program(name: str) -> str:
    """Absolute path of one of OVN's programs.  Raises SystemExit with what to install."""
    found = shutil.which(name)
    if found is None:
        raise SystemExit(f"{name} is not installed: apt-get install ovn-central ovn-host")
    return found


def rows(values: Iterable[str]) -> list[Any]:
    """A set of rows named in the same transaction."""
    return ["set", [["named-uuid", value] for value in values]]


class OvnLab(Lab):
    """The lab's fabric and hypervisors, with OVN in the place of nodes."""

    def __init__(self, name: str, hypervisors: int, wait_before_clear: int = 8000) -> None:
        names = tuple(f"hv{number + 1}" for number in range(hypervisors))
        super().__init__(name, {"central": names}, store="memory")
        self.nodes.clear()
        self._wait_before_clear = wait_before_clear
        self.space = Namespace(name, "central")
        self.central = self.directory / "central"
        self.databases = {
            one: Daemon(
                self.journal, f"{one}-ovsdb-server",
                [
                    program("ovsdb-server"), f"{self.central}/{one}.db",
                    f"--remote=punix:{self.central}/{one}.sock",
                    f"--unixctl={self.central}/{one}.ctl", *more,
                ],
                self.central, self.space,
            )
            for one, more in (
                ("nb", ()), ("sb", ("--remote=db:OVN_Southbound,SB_Global,connections",)),
            )
        }
        self.northd = Daemon(
            self.journal, "ovn-northd",
            [
                program("ovn-northd"), f"--ovnnb-db=unix:{self.central}/nb.sock",
                f"--ovnsb-db=unix:{self.central}/sb.sock", f"--unixctl={self.central}/northd.ctl",
            ],
            self.central, self.space,
        )
        self.controllers = {
            name: Daemon(
                self.journal, "ovn-controller",
                [program("ovn-controller"), f"unix:{one.directory}/db.sock"],
                one.directory, one.space, {**one.env, "OVN_RUNDIR": str(one.directory)},
            )
            for name, one in self.hypervisors.items()
        }

    def start_nodes(self, progress: Callable[[str], None]) -> None:
        progress("OVN: ovn-northd and its databases")
        self.space.create(self.journal)
        self.fabric.attach(self.space, "mgmt0", "mgmt", f"{CENTRAL}/24")
        self.central.mkdir(parents=True, exist_ok=True)
        for name, daemon in self.databases.items():
            run(["ovsdb-tool", "create", f"{self.central}/{name}.db",
                 str(SCHEMAS / f"ovn-{name}.ovsschema")])
            daemon.start()
            daemon.wait_ready((self.central / f"{name}.sock").exists, "its socket")
        self._ctl("nb", "init", "--", "set", "NB_Global", ".",
                  f"options:northd_probe_interval={PROBE_MS}")
        self._ctl("sb", "init", "--", f"--inactivity-probe={PROBE_MS}", "set-connection",
                  f"ptcp:6642:{CENTRAL}")
        self.northd.start()

    def _ctl(self, database: str, *words: str) -> None:
        run([program(f"ovn-{database}ctl"), f"--db=unix:{self.central}/{database}.sock",
             "--timeout=20", *words])

    def join_all(self, progress: Callable[[str], None]) -> None:
        progress(f"{', '.join(self.controllers)}: ovn-controller")
        for name, hypervisor in self.hypervisors.items():
            hypervisor.vsctl(
                "set", "Open_vSwitch", ".", f"external_ids:ovn-remote={SOUTHBOUND}",
                "external_ids:ovn-encap-type=geneve",
                f"external_ids:ovn-encap-ip={hypervisor.vtep}",
                "external_ids:ovn-bridge-datapath-type=netdev",
                f"external_ids:ovn-remote-probe-interval={PROBE_MS}",
                f"external_ids:ovn-openflow-probe-interval={PROBE_MS // 1000}",
                # As operators of large deployments and OVN's own scale tests have it: each
                # controller reads the whole southbound database instead of asking for parts.
                "external_ids:ovn-monitor-all=true",
                f"external_ids:ovn-ofctrl-wait-before-clear={self._wait_before_clear}",
            )
            self.controllers[name].start()
        for hypervisor in self.hypervisors.values():
            hypervisor.wait_bridge()


class Ovn(System):
    """``groups``: whether every tenant has a port group with Neutron's ACLs."""

    name = "ovn"
    controller = "ovn-controller"

    def __init__(
        self, lab: str, hypervisors: int = 4, groups: bool = False, devices: str = "veth",
        dhcp: bool = False, wait_before_clear: int = 8000,
    ) -> None:
        self.ovn = OvnLab(f"{lab}-ovn", hypervisors, wait_before_clear)
        super().__init__(self.ovn, groups, devices)
        self.dhcp = dhcp
        self.switches: list[str] = []
        self.port_groups: list[str] = []
        self.dhcp_options: list[str] = []
        self.rows: dict[str, tuple[str, str, str]] = {}
        """Port id -> (row, row of its switch, row of its tenant's group)."""
        self.drop_group = ""
        self.bound: set[str] = set()

    def connect(self) -> None:
        path = self.ovn.central / "nb.sock"
        self.nb = OvsdbClient(path, "OVN_Northbound")
        self.nb.monitor({
            "NB_Global": ["nb_cfg", "hv_cfg"], "Logical_Switch_Port": ["name", "up", "type"],
        })
        sb = OvsdbClient(self.ovn.central / "sb.sock", "OVN_Southbound")
        sb.monitor({"Chassis": ["name"]})
        sb.wait(lambda tables: len(tables.get("Chassis", ())) == len(self.hypervisors),
                "all ovn-controllers to register", 30)
        sb.close()
        if self.groups:
            (made,) = self.nb.transact([
                {"op": "insert", "table": "Port_Group", "row": {"name": "drop"}},
            ])
            self.drop_group = made["uuid"][1]
            self._acls(self.drop_group, [
                ("from-lport", 1001, "inport == @drop && ip", "drop"),
                ("to-lport", 1001, "outport == @drop && ip", "drop"),
            ])
        self.wait_settled(30)

    # ------------------------------------------------------------ configuration

    def create_tenants(self, count: int) -> None:
        operations: list[Operation] = []
        for tenant in range(self.tenants, self.tenants + count):
            operations += self._tenant(tenant)
        results = self.nb.transact(operations)
        for operation, result in zip(operations, results, strict=True):
            made = {"Logical_Switch": self.switches, "Port_Group": self.port_groups,
                    "DHCP_Options": self.dhcp_options}.get(operation["table"])
            if made is not None:
                made.append(result["uuid"][1])
        if self.groups:
            for tenant in range(self.tenants, self.tenants + count):
                group = f"pg{tenant}"
                source = f"outport == @{group} && ip4 && ip4.src == ${group}_ip4"
                self._acls(self.port_groups[tenant], [
                    ("from-lport", 1002, f"inport == @{group} && ip4", "allow-related"),
                    ("from-lport", 1002, f"inport == @{group} && ip6", "allow-related"),
                    ("to-lport", 1002, f"{source} && tcp && tcp.dst == 22", "allow-related"),
                    ("to-lport", 1002, f"{source} && icmp4", "allow-related"),
                ])
        self.tenants += count

    def _tenant(self, tenant: int) -> list[Operation]:
        operations: list[Operation] = []
        router_ports = []
        for network in range(NETWORKS):
            number = tenant * NETWORKS + network
            mac = f"0a:{tenant >> 8:02x}:{tenant & 255:02x}:{network:02x}:00:01"
            cidr = f"10.{network}.0.0/{PREFIX}"
            operations += [
                {"op": "insert", "table": "Logical_Router_Port", "uuid-name": f"rp{number}",
                 "row": {"name": f"rp{number}", "mac": mac,
                         "networks": f"10.{network}.0.1/{PREFIX}"}},
                {"op": "insert", "table": "Logical_Switch_Port", "uuid-name": f"sp{number}",
                 "row": {"name": f"sp{number}", "type": "router", "addresses": "router",
                         "options": ["map", [["router-port", f"rp{number}"]]]}},
                {"op": "insert", "table": "Logical_Switch", "uuid-name": f"ls{number}",
                 "row": {"name": f"t{tenant}n{network}", "ports": rows([f"sp{number}"])}},
            ]
            if self.dhcp:
                operations.append({
                    "op": "insert", "table": "DHCP_Options",
                    "row": {"cidr": cidr, "options": ["map", [
                        ["server_id", f"10.{network}.0.1"], ["server_mac", mac],
                        ["lease_time", "86400"], ["router", f"10.{network}.0.1"],
                        ["mtu", "1442"]]]},
                })
            router_ports.append(f"rp{number}")
        operations.append({"op": "insert", "table": "Logical_Router", "row": {
            "name": f"r{tenant}", "ports": rows(router_ports),
            # What Neutron sets.
            "options": ["map", [["always_learn_from_arp_request", "false"],
                                ["dynamic_neigh_routers", "true"],
                                ["mac_binding_age_threshold", "300"]]]}})
        if self.groups:
            operations.append(
                {"op": "insert", "table": "Port_Group", "row": {"name": f"pg{tenant}"}}
            )
        return operations

    def _acls(self, group: str, acls: Iterable[tuple[str, int, str, str]]) -> None:
        self.nb.transact(_acl_operations(group, acls))

    def create_ports(self, wanted: Sequence[Slot], fixed: bool = False) -> list[str]:
        """``fixed`` changes nothing: OVN is always told the MAC and the address."""
        operations: list[Operation] = []
        members: dict[tuple[str, str], list[str]] = {}
        ids = []
        for number, slot in enumerate(wanted):
            port_id = str(uuid.uuid4())
            ids.append(port_id)
            place = slot.tenant * NETWORKS + slot.network
            addresses = f"{slot.mac} {slot.ip}"
            row: dict[str, Any] = {
                "name": port_id, "addresses": addresses, "port_security": addresses,
            }
            if self.dhcp:
                row["dhcpv4_options"] = ["uuid", self.dhcp_options[place]]
            operations.append({"op": "insert", "table": "Logical_Switch_Port",
                               "uuid-name": f"p{number}", "row": row})
            members.setdefault(("Logical_Switch", self.switches[place]), []).append(f"p{number}")
            if self.groups:
                for group in (self.port_groups[slot.tenant], self.drop_group):
                    members.setdefault(("Port_Group", group), []).append(f"p{number}")
        results = self.nb.transact(operations + [
            {"op": "mutate", "table": table, "where": [["_uuid", "==", ["uuid", row_id]]],
             "mutations": [["ports", "insert", rows(names)]]}
            for (table, row_id), names in members.items()
        ])
        for slot, port_id, result in zip(wanted, ids, results, strict=False):
            self.rows[port_id] = (
                result["uuid"][1], self.switches[slot.tenant * NETWORKS + slot.network],
                self.port_groups[slot.tenant] if self.groups else "",
            )
        self.bound.update(ids)
        return ids

    def remove_port(self, port_id: str) -> None:
        row, switch, group = self.rows.pop(port_id)
        places = [("Logical_Switch", switch)]
        if group:
            places += [("Port_Group", group), ("Port_Group", self.drop_group)]
        self.nb.transact([
            {"op": "mutate", "table": table, "where": [["_uuid", "==", ["uuid", place]]],
             "mutations": [["ports", "delete", ["uuid", row]]]}
            for table, place in places
        ])
        self.bound.discard(port_id)

    def add_rules(self, number: int, tenants: Sequence[int]) -> float:
        begun = time.monotonic()
        self.nb.transact([
            operation for tenant in tenants for operation in _acl_operations(
                self.port_groups[tenant],
                [("to-lport", 1002, f"outport == @pg{tenant} && ip4 && ip4.src == $pg{tenant}_ip4"
                  f" && tcp && tcp.dst == {10000 + number}", "allow-related")],
                f"t{tenant}_",
            )
        ])
        return self.wait_settled() - begun

    # ------------------------------------------------------------ waiting

    def wait_settled(self, timeout: float = 300.0, interval: float = 0.002) -> float:
        """All ports up, and after that what ``ovn-nbctl --wait=hv sync`` waits for."""
        deadline = time.monotonic() + timeout

        def all_up(tables: Tables) -> bool:
            ports = tables.get("Logical_Switch_Port", {}).values()
            return sum(port["up"] is True and port["type"] == "" for port in ports) >= len(
                self.bound
            )

        self.nb.wait(all_up, f"all {len(self.bound)} ports to be up", timeout)
        self.up_at = time.monotonic()
        results = self.nb.transact([
            {"op": "mutate", "table": "NB_Global", "where": [],
             "mutations": [["nb_cfg", "+=", 1]]},
            {"op": "select", "table": "NB_Global", "where": [], "columns": ["nb_cfg"]},
        ])
        wanted = results[1]["rows"][0]["nb_cfg"]
        self.nb.wait(
            lambda tables: next(iter(tables["NB_Global"].values()))["hv_cfg"] >= wanted,
            f"all ovn-controllers to reach nb_cfg {wanted}", deadline - time.monotonic(),
        )
        return time.monotonic()

    # ------------------------------------------------------------ faults

    def kill_controller(self) -> list[Hypervisor]:
        self.ovn.controllers["hv1"].kill()
        return self.hypervisors[:1]

    def restart_controller(self) -> None:
        self.ovn.controllers["hv1"].start()

    def processes(self) -> dict[str, int]:
        found = {"ovn-northd": self.ovn.northd.pid}
        for name, daemon in self.ovn.databases.items():
            found[f"{name} ovsdb-server"] = daemon.pid
        for hypervisor in self.hypervisors:
            found[f"{hypervisor.name} ovn-controller"] = self.ovn.controllers[hypervisor.name].pid
            found[f"{hypervisor.name} ovsdb-server"] = hypervisor.database.pid
            found[f"{hypervisor.name} ovs-vswitchd"] = hypervisor.switch.pid
        return found


def _acl_operations(
    group: str, acls: Iterable[tuple[str, int, str, str]], prefix: str = "a"
) -> list[Operation]:
    """(direction, priority, match, action) ACLs for the port group's row ``group``."""
    operations: list[Operation] = []
    names = []
    for number, (direction, priority, match, action) in enumerate(acls):
        names.append(f"{prefix}{number}")
        operations.append({"op": "insert", "table": "ACL", "uuid-name": names[-1], "row": {
            "direction": direction, "priority": priority, "match": match, "action": action}})
    operations.append({"op": "mutate", "table": "Port_Group",
                       "where": [["_uuid", "==", ["uuid", group]]],
                       "mutations": [["acls", "insert", rows(names)]]})
    return operations

"""``make demo``: the product at work on this machine, checked as it goes.

Builds the lab (two VNC nodes, three hypervisors, etcd), creates two tenants with the same
addresses through the REST API, and shows and checks what must be true.  Exit status 0 when every
check passed.  Environment: ``KEEP=1`` leaves it running, ``LAB`` names it, ``API_PORTS``;
``STATIC=1`` puts the addresses into the VMs instead of letting them ask by DHCP.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections import defaultdict
from typing import Any

from lab.__main__ import api_ports
from lab.capture import ENCAPSULATED_ICMP, Capture, FlowMonitor
from lab.checks import Report
from lab.client import ApiError
from lab.journal import LabBusy
from lab.net import CommandError, run
from lab.ping import PingStream, ping, ping_all, reach_all
from lab.tenants import Tenant, new_tenant, relation, vm_address
from lab.topology import Lab
from lab.vm import PortSpec, Vm
from lab.wait import LabTimeout, wait_until

FIRST_PINGS = 5
ROUTE_TYPES = {2: "MAC/IP", 3: "flood", 5: "prefix"}
"""EVPN route types (RFC 7432 section 7, RFC 9136 section 3)."""


def main() -> int:
    if os.geteuid() != 0:
        print("The demo makes network namespaces and needs root: sudo make demo", file=sys.stderr)
        return 2
    report = Report()
    keep = os.environ.get("KEEP", "") not in ("", "0")
    lab = Lab(os.environ.get("LAB") or "vnc", api_ports=api_ports())
    try:
        show(lab, report)
        report.table()
        if keep:
            what_next(lab)
    except LabBusy as error:
        print(f"demo: {error}", file=sys.stderr)
        keep = False  # It is not ours: down() leaves alone what another process holds.
        return 1
    except KeyboardInterrupt:
        keep = False
        return 130
    except BaseException:
        keep = False
        raise
    finally:
        if keep:
            lab.journal.unlock()
        else:
            lab.down()
    return 0 if report.passed else 1


def show(lab: Lab, report: Report) -> None:
    """Build the lab and go through the steps; what goes wrong on the way becomes a failed check."""
    try:
        lab.up(report.say)
        steps(lab, report)
    except (ApiError, CommandError, LabTimeout, OSError) as error:
        report.check("the demo ran to its end", False, str(error).splitlines()[0])
        report.show(str(error))
        for node in lab.nodes.values():
            report.show(node.log())


def steps(lab: Lab, report: Report) -> None:
    """The demo's script."""
    joined(lab, report)
    red, blue = tenants(lab, report)
    pings_within(lab, report, red, blue)
    gateways(report, red)
    isolation(lab, report, red, blue)
    packet(lab, report, red)
    trace(lab, report, red)
    routes(lab, report)
    flows(lab, report)
    first_ping(lab, report, red)
    node_killed(lab, report, red)


# ---------------------------------------------------------------- steps


def joined(lab: Lab, report: Report) -> None:
    """Every hypervisor joined and the nodes are BGP peers."""
    lab.wait_converged()

    def connected() -> list[dict[str, Any]]:
        elements = next(iter(lab.nodes.values())).client.v1("elements")
        return elements if len(elements) == len(lab.hypervisors) else []

    elements = wait_until(connected, "all hypervisors in /v1/elements", 20)
    owners = {element["element"]: element.get("owner") for element in elements}
    expected = {hv: node for node, hvs in lab.owners.items() for hv in hvs}
    text = ", ".join(f"{hv} -> {owner}" for hv, owner in sorted(owners.items()))
    report.check("hypervisors joined with ovs-vsctl set-manager", owners == expected, text)
    report.check("the nodes are BGP peers", True, "established")


def tenants(lab: Lab, report: Report) -> tuple[Tenant, Tenant]:
    """Two tenants with overlapping subnets, each through another node's API."""
    nodes = list(lab.nodes.values())
    made = []
    for name, node in (("red", nodes[0]), ("blue", nodes[-1])):
        report.say(f"tenant {name} through {node.url}: networks web 10.0.1.0/24 and db "
                   "10.0.2.0/24, one router, 7 ports on 3 hypervisors")
        tenant = new_tenant(name, node.client, dhcp=os.environ.get("STATIC", "") in ("", "0"))
        tenant.create_vms(lab)
        made.append(tenant)
    for tenant in made:
        tenant.wait_active()
    ports = sum(len(tenant.vms) for tenant in made)
    report.check("ports ACTIVE: claimed, and confirmed by their switch", True,
                 f"{ports} of {ports}")
    if all(tenant.dhcp for tenant in made):
        leases(report, [vm for tenant in made for vm in tenant.vms.values()])
    return made[0], made[1]


def leases(report: Report, vms: list[Vm]) -> None:
    """Every VM has the address of its port, the route and the MTU, from DHCP alone."""
    good = 0
    for vm in vms:
        assert vm.dhcp is not None
        lease = vm.dhcp.wait()
        good += (lease["ip"], lease["router"]) == (vm.ip, vm.port.gateway)
    said = {word: lease[word] for word in ("ip", "mask", "router", "mtu", "lease", "serverid")}
    report.say(f"what udhcpc was told in {vms[-1].name}: "
               + ", ".join(f"{word} {value}" for word, value in said.items()))
    report.check("VMs got address, route and MTU by DHCP", good == len(vms),
                 f"{good} of {len(vms)}")


def pings_within(lab: Lab, report: Report, red: Tenant, blue: Tenant) -> None:
    """Every VM reaches every other of its tenant, and nobody else's."""
    for tenant in (red, blue):
        try:
            tenant.wait_reachable()
        except LabTimeout as error:
            report.say(str(error))  # The checks that follow show which pairs fail.
    before = blue.echo_requests()
    groups: dict[tuple[str, str], list[bool]] = defaultdict(list)
    times: dict[tuple[str, str], list[float]] = defaultdict(list)
    ping_tenant(lab, red, groups, times)
    crossed = blue.echo_requests() - before
    ping_tenant(lab, blue, groups, times)
    for key in sorted(groups, reverse=True):
        good = sum(groups[key])
        report.check(f"ping {key[0]}, {key[1]}", good == len(groups[key]),
                     f"{good} of {len(groups[key])}, median {statistics.median(times[key]):.2f} ms"
                     if times[key] else f"{good} of {len(groups[key])}")
    report.check("red's pings seen by blue's VMs with the same addresses", crossed == 0,
                 str(crossed))


def ping_tenant(
    lab: Lab, tenant: Tenant, groups: dict[tuple[str, str], list[bool]],
    times: dict[tuple[str, str], list[float]],
) -> None:
    pairs = tenant.pairs()
    results = reach_all((tenant.vms[a].space, tenant.vms[b].ip) for a, b in pairs)
    for (a, b), result in zip(pairs, results, strict=True):
        key = relation(lab, tenant.vms[a], tenant.vms[b])
        groups[key].append(result.ok)
        if result.replies:
            times[key].append(result.median_ms)


def gateways(report: Report, tenant: Tenant) -> None:
    """The gateway's address answers on every hypervisor."""
    results = reach_all((vm.space, vm.port.gateway) for vm in tenant.vms.values())
    good = sum(result.ok for result in results)
    report.check("ping the gateway address, on every hypervisor", good == len(results),
                 f"{good} of {len(results)}")


def isolation(lab: Lab, report: Report, red: Tenant, blue: Tenant) -> None:
    """Red must not reach an address that only blue has, even when it knows the MAC."""
    target = blue.create_vm(lab, "web9", "hv3", "10.0.1.99")
    blue.wait_active()
    inside = wait_until(
        lambda: ping(blue.vms["web1"].space, target.ip, count=1, wait=0.3).ok,
        "blue's own ping to 10.0.1.99", 10,
    )
    before = blue.echo_requests()
    attempts = [(red.vms[vm].space, target.ip) for vm in ("web1", "web4", "db1", "db3")]
    for vm in ("web1", "web4"):
        red.vms[vm].space.batch(
            [f"neigh replace {target.ip} lladdr {target.port.mac} dev eth0 nud permanent"]
        )
    results = ping_all(attempts, count=5, interval=0.05, wait=0.5)
    answered = sum(result.received for result in results)
    arrived = blue.echo_requests() - before
    for vm in ("web1", "web4"):
        red.vms[vm].space.batch([f"neigh delete {target.ip} dev eth0"])
    report.check("red cannot reach blue's 10.0.1.99, not even by its MAC",
                 bool(inside) and answered == 0 and arrived == 0,
                 f"{answered} of {sum(result.sent for result in results)} answered, "
                 f"{arrived} arrived")
    blue.remove_vm(lab, "web9")


def packet(lab: Lab, report: Report, red: Tenant) -> None:
    """One encapsulated packet, inner and outer headers."""
    source, target = red.vms["web1"], red.vms["db3"]
    assert source.hypervisor is not None
    vni = red.router["vpn:vni"]
    with Capture(source.hypervisor.space, "eth0", ENCAPSULATED_ICMP) as capture:
        ping(source.space, target.ip, count=2)
        capture.wait()
        text = capture.text()
    report.say(f"one packet of {source.name} ({source.ip}) to {target.name} ({target.ip}) on the "
               "underlay:")
    report.show(text)
    found = f"vni {vni}" in text and f"{source.ip} > {target.ip}" in text
    report.check("VXLAN on the underlay carries the router's VNI", found,
                 f"VNI {vni}")


def trace(lab: Lab, report: Report, red: Tenant) -> None:
    """The way of the same packet, as ``vnctl trace`` finds it in the switches."""
    name, address = red.vms["web1"].name, red.vms["db3"].ip
    report.say(f"vnctl trace {name} {address}")
    done = run(
        [sys.executable, "-m", "ryu_apps.cli.vnctl", "trace", name, address], check=False,
        env={**os.environ, "VNCTL_URL": red.client.url,
             "VNCTL_EXEC": f"{lab.exec_script} {{host}}"},
    )  # fmt: skip
    report.show(done.stdout + done.stderr)
    verdict = (done.stdout or done.stderr).strip().rpartition("\n")[2]
    report.check("vnctl trace ends where the ping did",
                 done.returncode == 0 and "DELIVERED" in verdict and "on hv3" in verdict, verdict)


def routes(lab: Lab, report: Report) -> None:
    """The RIB as each node sees it."""
    counts = {}
    for node in lab.nodes.values():
        paths = node.client.v1("rib")
        counts[node.name] = len(paths)
        local = [path for path in paths if path["peer"] == "local"]
        report.say(f"{node.name} knows {len(paths)} paths: {len(local)} local, "
                   f"{len(paths) - len(local)} from peers; some of them:")
        report.show("\n".join(path_line(path) for path in sample(paths)))
    report.check("both nodes know the same number of routes", len(set(counts.values())) == 1,
                 ", ".join(f"{name} {count}" for name, count in counts.items()))


def sample(paths: list[dict[str, Any]], count: int = 6) -> list[dict[str, Any]]:
    """A few paths, of different kinds first."""
    kinds: dict[tuple[Any, bool], list[dict[str, Any]]] = defaultdict(list)
    for path in paths:
        kinds[(path["type"], path["peer"] == "local")].append(path)
    chosen: list[dict[str, Any]] = []
    while len(chosen) < min(count, len(paths)):
        for group in kinds.values():
            if group and len(chosen) < count:
                chosen.append(group.pop(0))
    return chosen


def path_line(path: dict[str, Any]) -> str:
    """One path on one line: type, RD, what it is about, where it leads."""
    about = " ".join(str(path[key]) for key in ("mac", "ip", "prefix") if path.get(key))
    labels = ",".join(map(str, path["labels"]))
    return (
        f"{'*' if path['best'] else ' '} {ROUTE_TYPES.get(path['type'], path['type']):<8} "
        f"{path['rd']:<17} {about:<30} via {path['next_hop']:<11} VNI {labels:<10} "
        f"rt {','.join(path['rts'])}  from {path['peer']}"
    )


def flows(lab: Lab, report: Report) -> None:
    """Flows of each hypervisor."""
    counts = {name: len(hv.flows()) for name, hv in lab.hypervisors.items()}
    text = ", ".join(f"{name} {count}" for name, count in counts.items())
    report.check("flows on every hypervisor (ovs-ofctl dump-flows)", all(counts.values()), text)


def first_ping(lab: Lab, report: Report, red: Tenant) -> None:
    """Time from the API call to the first reply, the VM being ready to be plugged."""
    times = []
    for number in range(FIRST_PINGS):
        times.append(time_first_ping(lab, red, f"web{50 + number}"))
        red.remove_vm(lab, f"web{50 + number}")
    report.check("time from API call to first ping", True,
                 f"median {statistics.median(times) * 1000:.0f} ms of "
                 + ", ".join(f"{value * 1000:.0f}" for value in times))


def time_first_ping(lab: Lab, tenant: Tenant, name: str, hypervisor: str = "hv2") -> float:
    """Seconds from POST /v2.0/ports to the first echo reply from a VM on another node."""
    mac = f"fa:16:3e:99:00:{int(name.lstrip('web')):02x}"
    address = vm_address(name)
    gateway = tenant.gateway("web")
    vm = Vm(lab.name, f"{tenant.name}-{name}",
            PortSpec(f"{name:x<11}", mac, f"{address}/24", gateway), lab.journal)
    vm.create()
    vm.wire(lab.hypervisors[hypervisor])
    stream = PingStream(tenant.vms["web4"].space, address, interval=0.005)
    time.sleep(0.1)
    start = time.time()
    port = tenant.client.create("port", **tenant.port_body(name, mac_address=mac))
    vm.adopt(port["id"])
    vm.claim(wait=False)
    tenant.vms[name] = lab.vms[vm.name] = vm
    try:
        answered = stream.wait_reply()
    finally:
        stream.stop()
    return answered - start


def node_killed(lab: Lab, report: Report, red: Tenant) -> None:
    """kill -9 of a node and its restart, under traffic between two nodes' hypervisors."""
    node = next(iter(lab.nodes.values()))
    report.say(f"kill -9 of {node.name} and restart, under a routed ping at more than 100/s")
    monitors = [FlowMonitor(lab.hypervisors[name]) for name in lab.owners[node.name]]
    stream = PingStream(red.vms["web1"].space, red.vms["db3"].ip, interval=0.008)
    time.sleep(0.5)
    node.kill()
    time.sleep(0.5)
    node.restart()
    red.wait_active()
    lab.wait_converged()
    node.client.wait_healthy()
    result = stream.stop()
    changes: dict[str, int] = defaultdict(int)
    for monitor in monitors:
        for event, count in monitor.stop().items():
            changes[event] += count
    report.check("no packet lost while a node is killed and restarted",
                 result.sent > 100 and result.lost == 0, f"{result.lost} of {result.sent} lost")
    report.check("flows deleted or added by the restart",
                 changes["DELETED"] == 0 and changes["ADDED"] == 0,
                 f"{changes['DELETED']} deleted, {changes['ADDED']} added")


def what_next(lab: Lab) -> None:
    first = next(iter(lab.nodes.values()))
    bindir = os.path.dirname(sys.executable)
    urls = ", ".join(f"{node.name} {node.url}" for node in lab.nodes.values())
    print(f"""
The lab keeps running ({urls}).  Try:

  curl -s '{first.url}/v2.0/ports?name=red-web1'
  curl -s {first.url}/v1/elements
  {bindir}/openstack --os-auth-type none --os-endpoint {first.url} network list
  export VNCTL_URL={first.url} VNCTL_EXEC='{lab.exec_script} {{host}}'
  {bindir}/vnctl status
  {bindir}/vnctl trace red-web1 {vm_address("db3")}
  {lab.exec_script} red-web1 ping {vm_address("db3")}
  {lab.exec_script} hv1 ovs-ofctl -O OpenFlow14 --names dump-flows br-int
  tail -f {first.daemon.log}

Remove it with: make demo-down""")


if __name__ == "__main__":
    sys.exit(main())

"""Source translation on a gateway: what connections, packets and a full table cost.

    python -m bench snat [--pipelines bare,tracked,ours] [--rate 3000] [--seconds 10] [--runs 3]

A client and a host outside at one switch with the userspace datapath, by turns through a bare
bridge with two flows, one that tracks connections alone, and the flows of our gateway port.  The
client opens TCP connections at a rate, sends a byte and closes them, in turns by FIN and by RST,
from so few ports that each is used again while its last connection is known.  Then many UDP
flows are tracked at once, and connections open until no port of the address is left.  Needs root.
"""

from __future__ import annotations

import argparse
import contextlib
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from bench import compare, dataplane, processes, tables
from bench.bare import BareLab
from lab.beds.sandbox import OpenFlow
from lab.hosts.hypervisor import Hypervisor
from lab.hosts.vm import PortSpec, Vm
from lab.traffic.inside import link
from lab.traffic.packets import IPV4, UDP, ethernet, ipv4, udp
from lab.traffic.ping import ping
from vrouter_ovs.state import (
    FIRST_NAT_ZONE,
    Evi,
    Gateway,
    GatewayPort,
    LocalHop,
    LocalPort,
    NatRefusals,
    OutsideHop,
    Route,
    StateObject,
    Vrf,
    Vrouter,
)

CLIENT, OUTSIDE, ADDRESS = "10.1.0.5", "203.0.113.1", "203.0.113.10"
CLIENT_MAC, OUTSIDE_MAC = "52:54:00:00:00:05", "52:54:00:00:00:aa"
OWN, GATEWAY_MAC, PORT_MAC = "02:00:00:00:00:01", "02:aa:00:00:00:01", "02:0e:00:00:00:01"
PORT = 5000
LATE = 3.5
"""Seconds after which a connection counts as failed: two repetitions of what begins it."""
OURS: tuple[StateObject, ...] = (
    Vrouter(OWN), Evi(100), Evi(300), Vrf(900, OWN),
    Gateway(100, 900, GATEWAY_MAC, ("10.1.0.1",)),
    GatewayPort(900, 300, PORT_MAC, (ADDRESS,), OWN, ADDRESS, FIRST_NAT_ZONE + 1),
    NatRefusals(900),
    LocalPort("client", 1, 100, CLIENT_MAC, ((CLIENT_MAC, CLIENT),)),
    LocalPort("outside", 3, 300, OUTSIDE_MAC, (), port_security=False),
    Route(900, f"{CLIENT}/32", (LocalHop(1, 100, CLIENT_MAC, GATEWAY_MAC),)),
    Route(900, "0.0.0.0/0", (OutsideHop(300, OUTSIDE_MAC, PORT_MAC, 3),)),
)
FLOWS = {
    "bare": ("in_port=1,actions=output:3", "in_port=3,actions=output:1"),
    "tracked": (
        "table=0,in_port=1,ip,actions=ct(commit,zone=1,table=1)",
        "table=0,in_port=3,ip,actions=ct(zone=1,table=2)",
        "table=1,actions=output:3", "table=2,actions=output:1",
    ),
}  # fmt: skip
PIPELINES = (*FLOWS, "ours")


# ---------------------------------------------------------------- inside of a namespace


def serve() -> None:
    """Accept, read what is there, close."""
    listener = socket.create_server(("0.0.0.0", PORT), backlog=4096)
    while True:
        connection, _ = listener.accept()
        with connection, contextlib.suppress(OSError):
            connection.recv(1, socket.MSG_DONTWAIT)


def connect(reset: bool, rate: float, seconds: float) -> None:
    """Prints how many connections were made, and how many failed."""
    poller, pending = select.epoll(), dict[int, tuple[socket.socket, float]]()
    made = failed = started = 0
    begun = time.monotonic()
    end = begun + seconds
    while time.monotonic() < end or (pending and time.monotonic() < end + 1):
        due = min(time.monotonic(), end) - begun
        while len(pending) < 512 and started < due * rate:
            started += 1
            one = socket.socket()
            one.setblocking(False)
            if reset:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            try:
                one.connect((OUTSIDE, PORT))
            except BlockingIOError:
                pass
            except OSError:
                failed += 1
                one.close()
                continue
            pending[one.fileno()] = one, time.monotonic()
            poller.register(one, select.EPOLLOUT | select.EPOLLERR | select.EPOLLHUP)
        while pending and next(iter(pending.values()))[1] < time.monotonic() - LATE:
            next_one = pending.pop(next(iter(pending)))[0]
            poller.unregister(next_one)
            next_one.close()
            failed += 1
        for number, _ in poller.poll(0.001):
            one = pending.pop(number)[0]
            poller.unregister(number)
            if one.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                failed += 1
            else:
                made += 1
                with contextlib.suppress(OSError):
                    one.send(b"x")
            one.close()
    print(made, failed + len(pending))


# ---------------------------------------------------------------- the bed


@dataclass
class Bed:
    hypervisor: Hypervisor
    client: Vm
    outside: Vm

    @property
    def pids(self) -> dict[str, int]:
        return {"ovs-vswitchd": self.hypervisor.switch.pid}

    def have(self, pipeline: str) -> None:
        """The flows of a pipeline, and no connections."""
        one = self.hypervisor
        one.ofctl("del-flows", "br-int")
        if pipeline == "ours":
            client = OpenFlow(str(one.directory / "br-int.mgmt"))
            client.install(list(OURS))
            client.close()
        else:
            for flow in FLOWS[pipeline]:
                one.ofctl("add-flow", "br-int", flow)
        ours = pipeline == "ours"
        self.client.space.batch([
            f"neighbour replace 10.1.0.1 lladdr {GATEWAY_MAC if ours else OUTSIDE_MAC} dev eth0"])
        self.outside.space.batch([
            f"neighbour replace {ADDRESS} lladdr {PORT_MAC if ours else CLIENT_MAC} dev eth0"])
        one.appctl("dpctl/flush-conntrack")
        if not ping(self.client.space, OUTSIDE, 5).received:
            raise SystemExit(f"{pipeline}: no ping passes")

    def tracked(self) -> int:
        return int(self.hypervisor.appctl("dpctl/ct-get-nconns").strip() or 0)

    def refused(self) -> int:
        """What :class:`NatRefusals` has counted."""
        shown = self.hypervisor.ofctl("dump-flows", "br-int", "table=104,ip,ct_state=+new-snat")
        return sum(map(int, re.findall(r"n_packets=(\d+)", shown)))

    def path(self, label: str) -> dataplane.Path:
        return dataplane.Path(label, self.client, self.outside, [self.hypervisor])


@contextlib.contextmanager
def bed(options: argparse.Namespace) -> Iterator[Bed]:
    with BareLab(options.lab, 1) as lab:
        (hypervisor,) = lab.hypervisors.values()
        vms = []
        for number, name, mac, address, gateway in (
            (1, "client", CLIENT_MAC, f"{CLIENT}/24", "10.1.0.1"),
            (3, "outside", OUTSIDE_MAC, f"{OUTSIDE}/24", ADDRESS),
        ):
            vm = Vm(lab.name, name, PortSpec(f"{name:x<11}", mac, address, gateway), lab.journal)
            vm.create()
            vm.wire(hypervisor)
            hypervisor.vsctl("add-port", "br-int", vm.interface, "--", "set", "Interface",
                             vm.interface, f"ofport_request={number}")
            vm.space.sysctl({
                "net.ipv4.ip_local_port_range": f"20000 {20000 + options.ports}",
                "net.ipv4.tcp_tw_reuse": 1, "net.core.somaxconn": 4096,
                "net.ipv4.tcp_max_syn_backlog": 8192,
            })
            vms.append(vm)
        server = subprocess.Popen([*vms[1].space.prefix, sys.executable, "-m", "bench.snat",
                                   "--serve"])
        try:
            yield Bed(hypervisor, *vms)
        finally:
            server.kill()
            server.wait()


# ---------------------------------------------------------------- what is measured


def connections(one: Bed, options: argparse.Namespace, reset: bool) -> dict[str, float]:
    before = processes.snapshot(one.pids)
    begun = time.monotonic()
    ended = subprocess.run(
        [*one.client.space.prefix, sys.executable, "-m", "bench.snat", "--connect",
         "rst" if reset else "fin", "--rate", str(options.rate), "--seconds",
         str(options.seconds)],
        capture_output=True, text=True, check=True, timeout=options.seconds + 60,
    )  # fmt: skip
    made, failed = map(int, ended.stdout.split())
    used = sum(processes.spent(before, processes.snapshot(one.pids)).values())
    return {
        "made": made, "failed": failed, "rate": made / (time.monotonic() - begun),
        "cpu_ms": 1000 * used / max(made, 1), "tracked": one.tracked(), "refused": one.refused(),
    }


def udp_flows(one: Bed, flows: Iterable[tuple[str, int, int]], pause: float = 0.01) -> None:
    """A datagram to the outside for each (source address, port, port there); ``pause``: seconds
    behind each 200."""
    with link(one.client.space) as wire:
        for number, (source, port, target) in enumerate(flows):
            data = udp(source, OUTSIDE, port, target, b"x")
            wire.send(ethernet(
                CLIENT_MAC, GATEWAY_MAC, IPV4, ipv4(source, OUTSIDE, UDP, data)))
            if number % 200 == 199:
                time.sleep(pause)


def many_tracked(one: Bed, options: argparse.Namespace) -> None:
    """Memory and round trip while so many connections are tracked."""
    one.have("ours")
    empty = processes.snapshot(one.pids)["ovs-vswitchd"].rss
    fast = ping(one.client.space, OUTSIDE, 50, 0.01).median_ms
    udp_flows(one, ((CLIENT, 1024 + number % 60000, 7000 + number // 60000)
                    for number in range(options.tracked)))
    full, count = processes.snapshot(one.pids)["ovs-vswitchd"].rss, one.tracked()
    slow = ping(one.client.space, OUTSIDE, 50, 0.01).median_ms
    print(f"\n{count} connections tracked at once: {full - empty:.0f} MB more, round trip "
          f"{slow:.2f} ms, without them {fast:.2f} ms")


def exhausted(one: Bed) -> None:
    """More connections to one host and port than there are ports."""
    one.have("ours")
    client = OpenFlow(str(one.hypervisor.directory / "br-int.mgmt"))
    client.install([LocalPort("client", 1, 100, CLIENT_MAC, (
        (CLIENT_MAC, "10.1.0.0/24"),))])
    client.close()
    udp_flows(one, ((source, 1024 + number, 7000)
                    for source in (CLIENT, "10.1.0.6") for number in range(36000)), 0.02)
    print(f"\n72000 connections to one port of one host: {one.tracked()} tracked, {one.refused()} "
          "packets of connections for which no port was left refused and counted; another host "
          f"is reached: {ping(one.client.space, OUTSIDE, 5).ok}")


def parser() -> argparse.ArgumentParser:
    found = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = found.add_argument
    add("--pipelines", type=compare.words(PIPELINES), default=list(PIPELINES))
    add("--rate", type=float, default=3000, help="connections a second")
    add("--seconds", type=float, default=10, help="of one run")
    add("--runs", type=int, default=3)
    add("--ports", type=int, default=20000, help="of the client, used in turns")
    add("--megabytes", type=int, default=200, help="of one transfer; 0: none")
    add("--tracked", type=int, default=200_000, help="UDP flows at once; 0: none")
    add("--lab", default="bench", help="prefix of namespaces")
    add("--serve", action="store_true", help=argparse.SUPPRESS)
    add("--connect", choices=("fin", "rst"), help=argparse.SUPPRESS)
    return found


def main() -> None:
    options = parser().parse_args()
    if options.serve:
        return serve()
    if options.connect:
        return connect(options.connect == "rst", options.rate, options.seconds)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))
    load = compare.load_average()
    with bed(options) as one:
        figures: dict[str, dict[str, list[dict[str, float]]]] = {
            name: {"fin": [], "rst": [], "bulk": []} for name in options.pipelines
        }
        for turn in range(options.runs):
            order = options.pipelines if turn % 2 == 0 else options.pipelines[::-1]
            for name in order:
                one.have(name)
                for kind in ("fin", "rst"):
                    figures[name][kind].append(connections(one, options, kind == "rst"))
                if options.megabytes:
                    figures[name]["bulk"].append(
                        dataplane.bulk(one.path(name), options.megabytes * 1_000_000))
        show(figures, options, load)
        if options.tracked:
            many_tracked(one, options)
            exhausted(one)
    return None


def show(
    figures: dict[str, dict[str, list[dict[str, float]]]], options: argparse.Namespace, load: str
) -> None:
    base = next(iter(figures.values()))

    def cells(found: dict[str, list[dict[str, float]]], kind: str, key: str,
              form: Callable[[list[float]], str] = tables.plain) -> list[str]:
        values = [one[key] for one in found[kind]]
        return [form(values), tables.plain(dataplane.ratios(
            values, [one[key] for one in base[kind]]))]

    rows = [["pipeline", "FIN: CPU ms", "ratio", "RST: CPU ms", "ratio", "made a s", "failed",
             "no port", "CPU s/GB", "ratio", "passes"]]
    for name, found in figures.items():
        both = [*found["fin"], *found["rst"]]
        rows.append([
            name, *cells(found, "fin", "cpu_ms"), *cells(found, "rst", "cpu_ms"),
            f"{sum(one['rate'] for one in both) / len(both):.0f}",
            f"{sum(one['failed'] for one in both):.0f} of "
            f"{sum(one['made'] + one['failed'] for one in both):.0f}",
            f"{max(one['refused'] for one in both):.0f}",
            *(cells(found, "bulk", "cpu_gb") if found["bulk"] else ["-", "-"]),
            f"{dataplane.median([one['passes'] for one in found['bulk']]):.2f}"
            if found["bulk"] else "-",
        ])
    print(f"\n== {options.rate:.0f} connections a second, {options.runs} runs of "
          f"{options.seconds:.0f} s each way to close; load average before {load}, after "
          f"{compare.load_average()}\nCPU of ovs-vswitchd, ms a connection\n")
    print(tables.grid(rows), flush=True)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("interrupted; everything is removed")

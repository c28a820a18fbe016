"""What a packet costs: CPU seconds per GB, datapath passes per packet, round trip with cold caches.

    python -m bench.dataplane [--systems bare,ours,ovn] [--ports 100] [--runs 5] [--groups]

Between two VMs on two hypervisors, by userspace datapaths: a bare VXLAN bridge with two flows, our
system and OVN, in turns.  Their bridges have equally many ports, as a userspace datapath polls all
of them between any two batches of packets, whoever programs it.  The bulk is TCP port 22, so that
it passes with security groups too.  Needs root.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import re
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from bench import compare, processes, tables
from bench.bare import BareLab
from bench.load import PREFIX, System, inside, tenants_for, vm_slot
from bench.measure import spread
from lab.hosts.hypervisor import Hypervisor
from lab.hosts.vm import PortSpec, Vm
from lab.net import Namespace
from lab.traffic.ping import ping

PORT = 22
CHUNK = 1 << 20
PROBE_SLOTS = (
    vm_slot("va", 0, 0, 0), vm_slot("vb", 1, 0, 1), vm_slot("vr", 2, 1, 1),
)
"""va to vb is within a network, va to vr is routed; both over two hypervisors."""


@dataclass
class Path:
    """From one VM to another.  ``label``: row of the tables."""

    label: str
    source: Vm
    target: Vm
    hypervisors: Sequence[Hypervisor]
    idle: float = 0.0
    """CPU seconds a second of both ovs-vswitchd without traffic; see :func:`measure_idle`."""

    @property
    def pids(self) -> dict[str, int]:
        return {one.name: one.switch.pid for one in self.hypervisors}


def transfer(source: Namespace, target: Namespace, address: str, size: int) -> float:
    """Send ``size`` bytes by TCP and wait until all were read; returns seconds."""
    with inside(target):
        listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((address, PORT))
    listener.listen(1)
    listener.settimeout(20)
    received = [0]
    failure: list[OSError] = []

    def read() -> None:
        try:
            connection, _ = listener.accept()
            with connection:
                connection.settimeout(60)
                buffer = bytearray(CHUNK)
                while count := connection.recv_into(buffer):
                    received[0] += count
        except OSError as error:
            failure.append(error)

    reader = threading.Thread(target=read, name="sink", daemon=True)
    reader.start()
    with inside(source):
        sender = socket.socket()
    with listener, sender:
        sender.settimeout(60)
        sender.connect((address, PORT))
        begun = time.monotonic()
        data, left = bytes(CHUNK), size
        while left > 0:
            left -= sender.send(data[:left])
        sender.shutdown(socket.SHUT_WR)
        reader.join(120)
        seconds = time.monotonic() - begun
    if failure or received[0] != size:
        raise OSError(f"{received[0]} of {size} bytes arrived {failure or ''}")
    return seconds


def parse_stats(text: str) -> tuple[int, int]:
    """(packets received, recirculations) summed over the threads of ``ovs-appctl
    dpif-netdev/pmd-stats-show`` (ovs-vswitchd(8)), which since Open vSwitch 4.0 is another name of
    ``pmd-perf-show``.  Raises ValueError where it says neither."""
    received, again = (
        sum(int(number) for number in re.findall(rf"{words}:\s+(\d+)", text))
        for words in ("(?:packets received|Rx packets)", "packet recirculations")
    )
    passes = re.findall(r"Datapath passes:\s+(\d+)", text)
    if passes:
        again = sum(map(int, passes)) - received
    elif "packet recirculations" not in text and received:
        raise ValueError(f"no count of datapath passes in: {text.strip()[:200]}")
    return received, again


def passes(path: Path) -> float:
    """Datapath passes per packet since the counters were cleared, both hypervisors together."""
    received = again = 0
    for one in path.hypervisors:
        packets, recirculations = parse_stats(one.appctl("dpif-netdev/pmd-stats-show"))
        received += packets
        again += recirculations
    if not received:
        raise OSError(f"{path.label}: the switches counted no packet of the transfer")
    return (received + again) / received


def measure_idle(path: Path, seconds: float = 3.0) -> None:
    """What ovs-vswitchd uses for itself (BFD, statistics of its ports) is no cost of a packet: the
    slower the machine, the more of it would be counted."""
    before = processes.snapshot(path.pids)
    time.sleep(seconds)
    path.idle = sum(processes.spent(before, processes.snapshot(path.pids)).values()) / seconds


def bulk(path: Path, size: int) -> dict[str, float]:
    """One transfer: CPU seconds of both ovs-vswitchd per GB, Gbit/s, passes per packet."""
    for one in path.hypervisors:
        one.appctl("dpif-netdev/pmd-stats-clear")
    before = processes.snapshot(path.pids)
    begun = time.monotonic()
    seconds = transfer(path.source.space, path.target.space, path.target.ip, size)
    used = sum(processes.spent(before, processes.snapshot(path.pids)).values())
    net = used - path.idle * (time.monotonic() - begun)
    return {
        "cpu_gb": net / (size / 1e9), "cpu_gb_with_idle": used / (size / 1e9),
        "gbit": size * 8e-9 / seconds, "passes": passes(path),
    }


def cold(path: Path) -> float:
    """Milliseconds of the first round trip after all datapath flows were thrown away."""
    for one in path.hypervisors:
        one.appctl("revalidator/purge")
    result = ping(path.source.space, path.target.ip, count=1, wait=2.0)
    if not result.ok:
        raise OSError(f"{path.label}: no answer with cold caches")
    return result.median_ms


def warm(path: Path, count: int = 50) -> float:
    """Median milliseconds of a round trip with warm caches."""
    return ping(path.source.space, path.target.ip, count=count, interval=0.01).median_ms


# ---------------------------------------------------------------- the three beds


@contextlib.contextmanager
def bare(options: argparse.Namespace) -> Iterator[list[Path]]:
    with BareLab(options.lab) as lab:
        vms = []
        for slot in PROBE_SLOTS[:2]:
            vm = Vm(lab.name, slot.name, PortSpec(
                f"{slot.name:x<11}", slot.mac, f"{slot.ip}/{PREFIX}"), lab.journal)
            vm.create()
            vm.wire(list(lab.hypervisors.values())[slot.hypervisor])
            lab.connect(vm, slot)
            vms.append(vm)
        lab.make_ports(
            options.ports * len(lab.hypervisors) // options.hypervisors, options.devices
        )
        yield [Path("bare", *vms, list(lab.hypervisors.values()))]


@contextlib.contextmanager
def loaded(system: System, ports: int) -> Iterator[list[Path]]:
    system.up()
    try:
        system.create_tenants(tenants_for(ports))
        wanted = system.next_slots(ports)
        system.make_devices(wanted)
        system.plug(list(zip(wanted, system.create_ports(wanted), strict=True)))
        system.wait_settled(900, 0.02)
        vms = [system.add_vm(slot) for slot in PROBE_SLOTS]
        system.wait_settled()
        yield [
            Path(f"{system.name}, {label}", vms[0], target, system.hypervisors[:2])
            for label, target in (("switched", vms[1]), ("routed", vms[2]))
        ]
    finally:
        system.down()


def bed(name: str, options: argparse.Namespace) -> contextlib.AbstractContextManager[list[Path]]:
    if name == "bare":
        return bare(options)
    return loaded(compare.build(name, options), options.ports)


# ---------------------------------------------------------------- all of it


def in_turns(
    paths: Sequence[Path], runs: int, what: Callable[[Path], Any]
) -> dict[str, list[Any]]:
    """``what`` of every path, ``runs`` times; every second time backwards, against a drift."""
    found: dict[str, list[Any]] = {path.label: [] for path in paths}
    for turn in range(runs):
        for path in paths if turn % 2 == 0 else reversed(paths):
            found[path.label].append(what(path))
    return found


def median(values: Sequence[float]) -> float:
    return spread(values)["median"]


def ratios(values: Sequence[float], base: Sequence[float]) -> list[float]:
    """Turn by turn, so that what slowed the machine for a while slowed both."""
    return [one / other for one, other in zip(values, base, strict=True) if other]


def show(figures: dict[str, dict[str, list[Any]]]) -> None:
    """Print the table; the ratios are to the first line."""
    rows = [["path", "CPU s/GB", "ratio", "Gbit/s", "passes", "cold RTT ms", "ratio",
             "warm RTT ms"]]
    base = next(iter(figures.values()))

    def each(found: dict[str, list[Any]], key: str) -> list[float]:
        return [one[key] for one in found["bulk"]]

    for label, found in figures.items():
        cpu = each(found, "cpu_gb")
        rows.append([
            label, tables.plain(cpu),
            tables.plain(ratios(cpu, each(base, "cpu_gb"))), tables.plain(each(found, "gbit")),
            f"{median(each(found, 'passes')):.2f}", tables.plain(found["cold"]),
            f"{median(found['cold']) / median(base['cold']):.2f}", tables.plain(found["warm"]),
        ])
    print(tables.grid(rows), flush=True)


def parser() -> argparse.ArgumentParser:
    found = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = found.add_argument
    known = ("bare", "ours", "ovn")
    add("--systems", type=compare.words(known), default=list(known))
    add("--ports", type=int, default=100, help="ports beside those of the traffic")
    add("--megabytes", type=int, default=300, help="of one transfer")
    add("--runs", type=int, default=5, help="transfers on every path")
    add("--hypervisors", type=int, default=4)
    add("--nodes", type=int, default=2)
    add("--groups", action="store_true", help="a security group for every tenant")
    add("--lab", default="bench", help="prefix of namespaces")
    add("--json", metavar="FILE")
    found.set_defaults(dhcp=False, ovn_wait_before_clear=8000, devices="dummy")
    return found


def main() -> None:
    found = parser()
    options = found.parse_args()
    if options.hypervisors < 2:
        found.error("--hypervisors: at least 2, traffic goes from one to another")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))
    load = compare.load_average()
    with contextlib.ExitStack() as stack:
        paths: list[Path] = []
        for name in options.systems:
            compare.say(f"building {name}, {options.ports} ports (load {load})")
            paths += stack.enter_context(bed(name, options))
        for path in paths:
            result = ping(path.source.space, path.target.ip, count=5)
            if not result.received:
                raise SystemExit(f"{path.label}: no ping passes\n{result.output}")
        for path in paths:
            measure_idle(path)
        compare.say(f"transfers of {options.megabytes} MB on {len(paths)} paths")
        transfers = in_turns(
            paths, options.runs, lambda path: bulk(path, options.megabytes * 1_000_000)
        )
        compare.say("round trips")
        colds = in_turns(paths, 4 * options.runs, cold)
        warms = in_turns(paths, options.runs, warm)
    figures = {
        path.label: {"bulk": transfers[path.label], "cold": colds[path.label],
                     "warm": warms[path.label]}
        for path in paths
    }
    print(f"\n== {options.ports} ports, security groups {'on' if options.groups else 'off'}, "
          f"{options.runs} transfers of {options.megabytes} MB; load average before {load}, after "
          f"{compare.load_average()}\nmedian (smallest-largest); CPU of both ovs-vswitchd "
          "less what they use without traffic; passes: datapath passes per packet\n")
    show(figures)
    if options.json:
        with open(options.json, "w") as file:
            json.dump({"load": load, "figures": figures}, file, indent=1)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("interrupted; everything is removed")

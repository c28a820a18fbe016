"""What is measured of a system under the standard load; each function says from when to when."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

from bench import processes
from bench.bare import BareLab
from bench.idle import follow, numbers, wait_done, wait_idle
from bench.load import Slot, System, tenants_for, vm_slot
from lab.client import ApiError
from lab.net import CommandError
from lab.traffic.capture import FlowMonitor
from lab.traffic.ping import PingResult, PingStream
from lab.wait import LabTimeout, wait_until

Figures = dict[str, Any]
STREAM_INTERVAL = 0.01
"""Seconds between the pings of the routed stream: 100 a second."""

PROBES = (("va", 0, 0), ("vb", 1, -1), ("vc", 0, 1))
"""Real VMs of every load: name, network, hypervisor.  va to vb is routed, over two hypervisors
(of two nodes, in our system); pings to new VMs come from va and vc."""


class Timeline:
    """Wall time, CPU seconds by process and memory around something."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._before = processes.snapshot(system.processes())
        self._steal, self._busy = processes.steal(), processes.busy()
        self._begun = time.monotonic()

    def end(self, at: float | None = None) -> Figures:
        """``at``: the monotonic time when it was over, if that was before now."""
        seconds = (at or time.monotonic()) - self._begun
        after = processes.snapshot(self._system.processes())
        cpu = processes.spent(self._before, after)
        total = round(sum(cpu.values()), 2)
        return {
            "seconds": seconds, "cpu": cpu, "cpu_total": total,
            "cpu_others": round(processes.busy() - self._busy - total, 2),
            "steal": round(processes.steal() - self._steal, 2),
            "rss": {name: round(usage.rss, 1) for name, usage in after.items()},
        }


def spread(values: Sequence[float]) -> Figures:
    """Median, quartiles and extremes."""
    ordered = sorted(values)
    if not ordered:
        return {"n": 0}
    low, high = (
        statistics.quantiles(ordered, n=4)[::2] if len(ordered) > 1 else (ordered[0], ordered[0])
    )
    return {
        "n": len(ordered), "median": statistics.median(ordered), "q1": low, "q3": high,
        "min": ordered[0], "max": ordered[-1],
    }


def probe_slots(hypervisors: int) -> dict[str, Slot]:
    return {
        name: vm_slot(name, number, network, hypervisor % hypervisors)
        for number, (name, network, hypervisor) in enumerate(PROBES)
    }


# ---------------------------------------------------------------- bulk and idle


def bulk(system: System, ports: int) -> Figures:
    """From the first API call for ports to all ports up and all switches acknowledged.

    The tenants' networks and routers (and groups) are timed on their own, before.
    """
    tenants = Timeline(system)
    system.create_tenants(tenants_for(ports))
    prepared = tenants.end(system.wait_settled())
    wanted = system.next_slots(ports)
    system.make_devices(wanted)
    timeline = Timeline(system)
    begun = time.monotonic()
    ids = system.create_ports(wanted)
    created = time.monotonic() - begun
    system.plug(list(zip(wanted, ids, strict=True)))
    plugged = time.monotonic() - begun
    figures = timeline.end(system.wait_settled(900, 0.02))
    flows = {one.name: len(one.flows()) for one in system.hypervisors}
    return {**figures, "tenants": prepared, "created": created, "plugged": plugged, "flows": flows}


def idle(system: System, seconds: float) -> Figures:
    timeline = Timeline(system)
    time.sleep(seconds)
    return timeline.end()


def bare_bulk(lab: str, hypervisors: int, ports: int, devices: str) -> Figures:
    """What the ports of the load cost ovs-vswitchd where nobody programs them: the floor under
    any system's bulk."""
    with BareLab(lab, hypervisors) as bare:
        return bare.make_ports(ports, devices)


# ---------------------------------------------------------------- one more port


def one_more(system: System, interval: float = 0.002) -> Figures:
    """From the API call, plug included, to all ports up and all switches acknowledged.

    ``interval``: seconds between two looks whether it is so, where one has to look.
    """
    (slot,) = wanted = system.next_slots(1)
    system.make_devices(wanted)
    begun = time.monotonic()
    (port_id,) = system.create_ports(wanted)
    created = time.monotonic() - begun
    system.plug([(slot, port_id)])
    plugged = time.monotonic() - begun
    settled = system.wait_settled(120, interval)
    return {
        "created": created, "plugged": plugged, "up": system.up_at - begun,
        "seconds": settled - begun,
    }


def one_more_cpu(system: System, count: int) -> dict[str, float]:
    """CPU seconds a port of every process, over ``count`` ports one after the other, looked after
    so seldom that looking costs next to nothing."""
    used: dict[str, float] = {}
    for _ in range(count):
        (slot,) = wanted = system.next_slots(1)
        system.make_devices(wanted)
        timeline = Timeline(system)
        system.plug([(slot, *system.create_ports(wanted))])
        system.wait_settled(120, 0.25)
        wait_idle(system.hypervisors[slot.hypervisor])
        for name, cpu in timeline.end()["cpu"].items():
            used[name] = used.get(name, 0.0) + cpu
    return {name: cpu / count for name, cpu in used.items()}


def first_ping(system: System, number: int) -> float:
    """From the API call, plug included, to the first answer to a VM on another hypervisor.

    The VM's namespace and wire are there before, and ovs-vswitchd has seen the wire; the sender
    knows its MAC, so that no repetition of ARP is measured; a ping every 2 ms.
    """
    hypervisors = len(system.hypervisors)
    place = 1 + number % (hypervisors - 1)
    slot = vm_slot(f"n{number}", 10 + number, 0, place)
    vm = system.wire_vm(slot)
    sender = system.vms["va"]
    sender.space.batch([f"neighbour replace {slot.ip} lladdr {slot.mac} dev eth0 nud permanent"])
    stream = PingStream(sender.space, slot.ip, interval=0.002)
    try:
        time.sleep(0.2)
        wait_idle(system.hypervisors[place])
        begun = time.time()
        system.claim_vm(vm, slot)
        answered = stream.wait_reply(60)
    finally:
        stream.stop()
    system.wait_settled(120)
    system.remove_vm(vm)
    system.wait_settled(120)
    return answered - begun


def bare_plug(system: System, number: int) -> float:
    """From the OVSDB transaction that plugs a port with no id of the API to ovs-vswitchd's word
    that it is made (cur_cfg, as ovs-vsctl(8) waits for): the switch's own share of any plug."""
    place = number % len(system.hypervisors)
    hypervisor = system.hypervisors[place]
    device = [(place, f"bare{number}")]
    system.devices.make(device)
    wait_idle(hypervisor)
    database = follow(hypervisor)
    wanted = numbers(database.tables)[0] + 1
    begun = time.monotonic()
    system.pluggers[place].plug(
        [(f"bare{number}", f"bare{number}")], system.devices.interface_type
    )
    wait_done(database, wanted)
    seconds = time.monotonic() - begun
    system.pluggers[place].unplug([f"bare{number}"])
    database.close()
    # The removal costs as much; nothing else is measured before it is done.
    wait_idle(hypervisor)
    system.devices.remove(device)
    wait_idle(hypervisor)
    return seconds


# ---------------------------------------------------------------- faults under a ping


def _stream(system: System) -> PingStream:
    stream = PingStream(
        system.vms["va"].space, system.vms["vb"].ip, interval=STREAM_INTERVAL, wait=1.0
    )
    stream.wait_reply(30)
    time.sleep(1.0)
    return stream


def _steady(stream: PingStream, since: float, timeout: float) -> None:
    """Wait for half a second of answers without a gap that began after ``since`` (time.time())."""

    def steady() -> bool:
        now = time.time()
        recent = [when for when, _ in stream.result().replies.values() if when > now - 0.5]
        return now - since > 0.6 and len(recent) >= 0.6 * 0.5 / STREAM_INTERVAL

    wait_until(steady, "half a second of answered pings", timeout, 0.1)


def losses(result: PingResult) -> Figures:
    """Packets lost, and the longest time without an answer."""
    return {"sent": result.sent, "lost": result.lost, "gap": result.longest_gap()}


def controller_restart(system: System, down: float = 1.0) -> Figures:
    """kill -9 of the controller of va's hypervisor and its restart ``down`` seconds later, under
    the routed ping.  "seconds" is from the start to all switches acknowledged."""
    stream = _stream(system)
    watched = system.kill_controller()
    monitors = [FlowMonitor(one) for one in watched]
    try:
        time.sleep(down)
        timeline = Timeline(system)
        begun = time.time()
        system.restart_controller()
        figures = timeline.end(system.wait_settled(300))
        _steady(stream, begun, 300)
    finally:
        result = stream.stop()
    changes: dict[str, int] = {}
    for monitor in monitors:
        for event, count in monitor.stop().items():
            changes[event] = changes.get(event, 0) + count
    return {**figures, **losses(result), "changes": changes}


def switch_restart(system: System) -> Figures:
    """kill -9 of ovs-vswitchd on va's hypervisor and its start at once, under the routed ping."""
    hypervisor = system.hypervisors[0]
    stream = _stream(system)
    try:
        timeline = Timeline(system)
        begun = time.time()
        hypervisor.crash_switch()
        hypervisor.restart_switch()
        _steady(stream, begun, 300)
        figures = timeline.end(system.wait_settled(300))
    finally:
        result = stream.stop()
    return {**figures, **losses(result)}


def attempt(what: str, measure: Callable[[], Any], say: Callable[[str], None]) -> Any:
    """The result of ``measure``, or None when it did not come to an end: the reason is said."""
    try:
        return measure()
    except (LabTimeout, ApiError, CommandError, RuntimeError, OSError) as error:
        say(f"{what}: not measured: {error}")
        return None

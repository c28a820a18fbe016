"""The demo's two racks: both underlay paths carry traffic, and one of them is cut and mended."""

from __future__ import annotations

import re
import time

from lab.demo.report import Report
from lab.demo.shell import vnctl
from lab.hosts.hypervisor import Hypervisor
from lab.topology import Lab
from lab.traffic.steady import Report as Seen
from lab.traffic.steady import Steady
from lab.wait import wait_until

INTERVAL = 0.3
"""Seconds between BFD packets; a machine of two cores that does all of this keeps up with it."""
SETTINGS = {"ovsdb": (f"bfd_interval = {INTERVAL * 1000:.0f}", "path_hold = 2")}
DETECTION = 3.5
"""BFD intervals within which a cut is over: three packets missed, and what is under way."""
PATIENCE = 30.0
CUT = "hv1-tor1"


def both_paths(lab: Lab, report: Report) -> None:
    """Every hypervisor sends on both of its uplinks."""
    wait_until(lambda: spread(lab), "both paths to be in use", PATIENCE)
    before = sent(lab)

    def counted() -> dict[tuple[str, int], int]:
        found = {where: count - before[where] for where, count in sent(lab).items()}
        return found if all(count > 10 for count in found.values()) else {}

    found = wait_until(counted, "packets on both paths of every hypervisor", PATIENCE, 0.1)
    text = ", ".join(f"{name} {found[name, 0]} + {found[name, 1]}" for name in lab.hypervisors)
    report.check("both uplinks of every hypervisor carry traffic", True, f"{text} packets")


def cut(lab: Lab, report: Report, traffic: Steady) -> float:
    """The link of a hypervisor to its first rack is cut, and mended when the nodes have heard from
    both ends of all tunnels that ran over it.  Returns when it was mended (time.monotonic()): the
    traffic's next lap begins before it is in use again."""
    assert lab.racks is not None
    report.say(f"the link {CUT} is cut under steady traffic, BFD every {INTERVAL * 1000:.0f} ms")
    lab.racks.cut(CUT)
    ends = 2 * (len(lab.hypervisors) - 1)
    wait_until(lambda: len(failed(lab)) == ends, "the nodes to hear of it", PATIENCE, 0.05)
    client = next(iter(lab.nodes.values())).client
    vnctl(lab, report, client, "topology")
    seen = traffic.lap()
    pings = seen.pings
    since = time.monotonic()
    lab.racks.mend(CUT)
    report.say(f"the link {CUT} is mended; it carries traffic again after a while without faults")
    wait_until(lambda: len(failed(lab)) < ends, "BFD on the first path", PATIENCE, 0.05)
    # ovs-vswitchd reads its routes anew when a device has its carrier back, and what its own
    # datapath sends into any tunnel meanwhile is dropped.
    mending = traffic.lap()
    report.check(
        "a cut link costs no more than its detection",
        # Twice the usual for a machine that has other things to do.
        pings.longest_outage < 2 * DETECTION * INTERVAL and not seen.streams.broken
        and mending.pings.longest_outage < INTERVAL and not mending.streams.broken,
        f"{losses(seen)}; for {pings.longest_outage:.2f} s: "
        f"{pings.longest_outage / INTERVAL:.1f} BFD intervals",
    )
    return since


def mended(lab: Lab, report: Report, traffic: Steady, since: float) -> None:
    """The path is in use again, after it was held back for a while; nothing is lost by that.
    ``since``: when the link was mended."""
    wait_until(lambda: not failed(lab) and spread(lab), "both paths to be in use again", PATIENCE)
    seconds = time.monotonic() - since
    seen = traffic.lap()
    report.check("the mended link carries traffic again", not seen.forwarding_lost,
                 f"{seconds:.1f} s later, after its hold time; {losses(seen)}")


def losses(seen: Seen) -> str:
    """What was lost of pings and connections, for a row of the table."""
    connections = seen.connections
    return (f"{seen.pings.lost} of {seen.pings.sent} pings, "
            f"{connections.attempted - connections.succeeded} of {connections.attempted} "
            "connections lost")


def failed(lab: Lab) -> set[tuple[str, str, int]]:
    """(hypervisor, far VTEP, path) of tunnels whose BFD is not up, as the nodes have heard."""
    return {
        (element["id"], tunnel["vtep"], tunnel["path"])
        for node in lab.nodes.values() for element in node.client.v1("elements")
        for tunnel in element.get("tunnels", ()) if tunnel["bfd"] != "up"
    }


def spread(lab: Lab) -> bool:
    """Whether every switch chooses between two tunnels to each other hypervisor.  The place of one
    that is down, or was until a moment ago, is taken by the other."""
    others = len(lab.hypervisors) - 1
    return all(
        [len(set(ports.split(","))) for ports in
         re.findall(r"bundle_load\(.*?,members:([\d,]+)\)", "\n".join(host.flows()))]
        == [2] * others
        for host in lab.hypervisors.values()
    )


def sent(lab: Lab) -> dict[tuple[str, int], int]:
    """(hypervisor, path) -> packets that its tunnels of that path have sent."""
    return {
        (name, path): count
        for name, host in lab.hypervisors.items() for path, count in enumerate(sent_by(host))
    }


def sent_by(host: Hypervisor) -> list[int]:
    """Packets that the tunnels of each path have sent (ovs-ofctl(8), dump-ports)."""
    counts = [0] * len(host.uplinks)
    shown = host.ofctl("--names", "dump-ports", "br-int")
    for name, count in re.findall(r"port +\"?(vx\w+)\"?: rx.*\n +tx pkts=(\d+)", shown):
        # A tunnel of the second path has one more word in its name.
        counts[int(len(name) > len("vx01020304"))] += int(count)
    return counts

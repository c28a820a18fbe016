"""The demo's forger: a VM that sends in the name of others, and where its frames end."""

from __future__ import annotations

import re
import time

from lab.demo.report import Report
from lab.hosts.hypervisor import Hypervisor
from lab.hosts.vm import Vm
from lab.tenants import Tenant
from lab.traffic.capture import Capture
from lab.traffic.frames import arp_reply, echo, inject, udp4
from lab.wait import wait_until
from vrouter_ovs.schema.tables import TABLE_IDS

FORGED, HONEST = b"forged", b"honest"
PORT = 4000


def forged(report: Report, tenant: Tenant) -> None:
    """None of a VM's forged frames arrives; an honest one sent after them does.

    All addresses are those of VMs in one security group: what stops the frames is not a rule.
    """
    forger, victim = tenant.vms["web1"], tenant.vms["web4"]
    frames = forgeries(tenant, forger, victim)
    own = (forger.port.mac, victim.port.mac), (forger.ip, victim.ip)
    report.say(f"{forger.name} sends {len(frames)} forged frames to {victim.name}: "
               + ", ".join(frames))
    assert forger.hypervisor is not None
    before = guard_drops(forger.hypervisor)
    with Capture(victim.space, "eth0", f"udp port {PORT} or icmp6[icmp6type] = 128 or arp[7] = 2",
                 count=1000) as capture:
        inject(forger, [*frames.values(), udp4(*own, PORT, HONEST)])
        wait_until(lambda: HONEST in capture.file.read_bytes(), "the honest frame", 10)
        seen = capture.file.read_bytes()
        text = capture.text()
    arrived = seen.count(FORGED)
    # The switch answers ARP, too: for the forger's own address with the forger's MAC.
    arrived += f"{tenant.gateway('web')} is-at {forger.port.mac}" in text
    report.check("forged frames are dropped, an honest one is not",
                 arrived == 0 and seen.count(HONEST) == 1,
                 f"{arrived} of {len(frames)} forged and {seen.count(HONEST)} honest frame arrived")
    evidence(report, forger, frames, before)


def forgeries(tenant: Tenant, forger: Vm, victim: Vm) -> dict[str, bytes]:
    """What the forger must not say, and why each is a lie."""
    other = tenant.vms["web2"]
    straight = (forger.port.mac, victim.port.mac)
    frames = {
        f"{other.ip} as source": udp4(straight, (other.ip, victim.ip), PORT, FORGED),
        f"{other.name}'s MAC": udp4(
            (other.port.mac, victim.port.mac), (forger.ip, victim.ip), PORT, FORGED
        ),
        "ARP as the gateway": arp_reply(
            straight, (forger.port.mac, tenant.gateway("web")), victim.ip
        ),
    }
    if victim.ip6:
        frames[f"{other.name}'s IPv6 address"] = echo(straight, (other.ip6, victim.ip6), FORGED)
    return frames


def evidence(report: Report, forger: Vm, frames: dict[str, bytes], before: int) -> None:
    """The switch's own words on the first of them, and its count of what the table dropped."""
    hypervisor = forger.hypervisor
    assert hypervisor is not None
    port = hypervisor.vsctl("get", "Interface", forger.interface, "ofport").strip()
    what, frame = next(iter(frames.items()))
    report.say(f"ovs-appctl ofproto/trace of the frame with {what} on {hypervisor.name}:")
    traced = hypervisor.appctl("ofproto/trace", "br-int", f"in_port={port}", frame.hex())
    report.show("\n".join(line for line in traced.splitlines() if line))

    def dropped() -> int:
        return guard_drops(hypervisor) - before

    # The switch adds up what its caches forwarded or dropped about twice a second.
    end = time.monotonic() + 3
    while dropped() < len(frames) and time.monotonic() < end:
        time.sleep(0.05)
    report.check("the switch's table guard dropped them",
                 dropped() >= len(frames) and "Datapath actions: drop" in traced,
                 f"{dropped()} packets ended there")


def guard_drops(hypervisor: Hypervisor) -> int:
    """How many packets table guard has dropped: by a flow that does, or as it had none for them
    (ovs-ofctl(8), dump-tables)."""
    number = TABLE_IDS["guard"]
    flows = hypervisor.ofctl("dump-flows", "br-int", f"table={number}")
    counts = [int(count) for count in re.findall(r"n_packets=(\d+),.*actions=drop", flows)]
    text = hypervisor.ofctl("dump-tables", "br-int")
    # "ditto" where a table's figures are those of the table before it.
    before, _, after = text.partition(f"table {number}:")
    figures = re.findall(r"lookup=(\d+), matched=(\d+)", before)
    if not after.startswith(" ditto"):
        figures = re.findall(r"lookup=(\d+), matched=(\d+)", after)[:1]
    lookups, matched = figures[-1]
    return sum(counts) + int(lookups) - int(matched)

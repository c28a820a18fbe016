"""The demo's firewall: inserted between two VMs that talk, and scaled from one to four."""

from __future__ import annotations

from lab.demo.report import Report
from lab.service_chain import ServiceChain, received
from lab.tenants import Tenant
from lab.topology import Lab
from lab.traffic.ping import PingStream, ping
from lab.traffic.tcp import TcpStream
from lab.wait import wait_until

SERVICES = (("web5", "hv2"), ("web6", "hv1"), ("web7", "hv3"), ("web8", "hv2"))
CONNECTIONS = 12
ENOUGH = 50
"""Packets that an instance has when it is sure to have a share."""


def scaled(lab: Lab, report: Report, red: Tenant) -> None:
    """Connections begin without a firewall, and go on while there is one, then four."""
    red.create_vms(lab, SERVICES)
    red.wait_active()
    names = [name for name, _ in SERVICES]
    source, target = red.vms["web1"], red.vms["web3"]
    for name in names:  # A VM that has just been plugged asks for its address first.
        vm = red.vms[name]
        wait_until(lambda vm=vm: ping(source.space, vm.ip, 1).ok, f"{name} to answer", 20)
    streams = [TcpStream(source, target, target.ip, 5000 + number, 0.02)
               for number in range(CONNECTIONS)]
    pings = PingStream(source.space, target.ip)
    pings.wait_reply()
    before = {name: received(red.vms[name]) for name in names}

    def share(name: str) -> int:
        return received(red.vms[name]) - before[name]

    report.say(f"a service chain between {source.name} and {target.name}: {names[0]} forwards")
    chain = ServiceChain(red, "web1", "web3", names)
    wait_until(lambda: share(names[0]) > ENOUGH, "the first instance to forward", 20)
    report.say(f"scaled to four instances: {', '.join(names)}")
    chain.scale(*names)
    wait_until(lambda: all(share(name) > ENOUGH for name in names), "all instances to forward", 20)
    result = pings.stop()
    records = [stream.stop() for stream in streams]
    shares = ", ".join(f"{name} {share(name)}" for name in names)
    report.check("a firewall is inserted and scaled from one to four, unseen by the ends",
                 result.lost == 0 and all(records),
                 f"{result.lost} of {result.sent} pings lost, {CONNECTIONS} connections went on; "
                 f"packets forwarded: {shares}")
    chain.delete()
    for name in names:
        red.remove_vm(lab, name)

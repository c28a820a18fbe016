"""The demo's pings: who reaches whom, and who must not."""

from __future__ import annotations

import statistics
from collections import defaultdict

from lab.demo.report import Report
from lab.tenants import Tenant, relation
from lab.topology import Lab
from lab.traffic.ping import PingResult, ping, ping_all, reach_all
from lab.wait import LabTimeout, wait_until


def pings_within(lab: Lab, report: Report, red: Tenant, blue: Tenant) -> None:
    """Every VM reaches every other of its tenant, and nobody else's."""
    report.say("every VM pings every other of its tenant, IPv4 and IPv6")
    for tenant in (red, blue):
        try:
            tenant.wait_reachable()
        except LabTimeout as error:
            report.say(str(error))  # The checks that follow show which pairs fail.
    before = blue.echo_requests()
    seen = Pings(report)
    six = Pings(report)
    ping_tenant(lab, red, seen, six)
    crossed = blue.echo_requests() - before
    ping_tenant(lab, blue, seen, six)
    seen.rows("ping")
    six.rows("IPv6 ping")
    report.check("red's pings seen by blue's VMs with the same addresses", crossed == 0,
                 str(crossed))


class Pings:
    """Results of pings by how the two VMs lie to each other: a row of the table for each."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._ok: dict[str, list[bool]] = defaultdict(list)
        self._times: dict[str, list[float]] = defaultdict(list)

    def add(self, how: str, result: PingResult) -> None:
        self._ok[how].append(result.ok)
        if result.replies:
            self._times[how].append(result.median_ms)

    def rows(self, what: str) -> None:
        for how in sorted(self._ok, reverse=True):
            every, times = self._ok[how], self._times[how]
            median = f", median {statistics.median(times):.2f} ms" if times else ""
            self._report.check(f"{what} {how}", all(every),
                               f"{sum(every)} of {len(every)}{median}")


def ping_tenant(lab: Lab, tenant: Tenant, seen: Pings, six: Pings) -> None:
    """All ordered pairs of its VMs, in both families."""
    pairs = [(tenant.vms[a], tenant.vms[b]) for a, b in tenant.pairs()]
    for (a, b), result in zip(pairs, reach_all((a.space, b.ip) for a, b in pairs), strict=True):
        seen.add(", ".join(relation(lab, a, b)), result)
    for (a, b), result in zip(pairs, reach_all((a.space, b.ip6) for a, b in pairs), strict=True):
        six.add(relation(lab, a, b)[0], result)


def gateways(report: Report, tenant: Tenant) -> None:
    """The gateway's addresses answer on every hypervisor."""
    results = reach_all(
        (vm.space, address)
        for name, vm in tenant.vms.items()
        for address in (vm.port.gateway, tenant.subnets6[name.rstrip("0123456789")]["gateway_ip"])
    )
    good = sum(result.ok for result in results)
    report.check("ping the gateway, on every hypervisor, IPv4 and IPv6", good == len(results),
                 f"{good} of {len(results)}")


def isolation(lab: Lab, report: Report, red: Tenant, blue: Tenant) -> None:
    """Red must not reach an address that only blue has, even when it knows the MAC."""
    report.say("one more VM in blue, with an address that red has not: 10.0.1.99")
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

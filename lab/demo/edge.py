"""What the edge tells the demo's VMs: addresses, routes, names."""

from __future__ import annotations

from lab.demo.report import Report
from lab.hosts.vm import Vm
from lab.tenants import Tenant
from lab.traffic.ipv6 import learned
from lab.wait import LabTimeout, wait_until

ASKED = (("web1", "web4"), ("web3", "web1"), ("db2", "db3"))
"""Who asks for whom, by short names; a network's names are known within it."""


def configured(report: Report, *made: Tenant) -> None:
    """Every VM has configured itself, unless it was done by hand (STATIC=1)."""
    if all(tenant.dhcp for tenant in made):
        report.say("all VMs ask by DHCP and, for IPv6, by router solicitations")
        leases(report, [vm for tenant in made for vm in tenant.vms.values()])
        slaac(report, made)


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


def slaac(report: Report, made: tuple[Tenant, ...]) -> None:
    """Every VM's kernel has the IPv6 address of its port and the route, from router advertisements
    alone; the API knew the address before, as it follows from the MAC."""
    good = 0
    for tenant in made:
        for name, vm in tenant.vms.items():
            routers = tenant.routers6[name.rstrip("0123456789")]

            def there(vm: Vm = vm, routers: set[str] = routers) -> bool:
                found = learned(vm.space)
                return found.get("address") == vm.port.address6 and found.get("router") in routers

            try:
                wait_until(there, f"{vm.name} to have {vm.port.address6} by SLAAC", 10)
            except LabTimeout as error:
                report.say(str(error))
                break  # The others would not have it either; the check below says so.
            good += 1
    report.say(f"what the kernel of {vm.name} took from router advertisements: "
               + ", ".join(f"{word} {value}" for word, value in learned(vm.space).items()))
    count = sum(len(tenant.vms) for tenant in made)
    report.check("VMs got their IPv6 address by SLAAC", good == count,
                 f"{good} of {count}, default route by router advertisement")


def names(report: Report, tenant: Tenant) -> None:
    """DHCP names the gateway as the name server; every question is answered with the address of the
    VM that was asked for, over UDP and TCP, and with its IPv6 address where it has one; the name of
    a VM that there is not is denied."""
    good = asked = 0
    for source, target in ASKED:
        vm, other = tenant.vms[source], tenant.vms[target]
        name = f"{target}.{tenant.domain(target.rstrip('0123456789'))}"
        addresses = [other.ip, other.ip, *([other.ip6, other.ip6] if other.ip6 else [])]
        words: list[str] = []
        for kind in ("A", "AAAA") if other.ip6 else ("A",):
            words += [name, kind, "+notcp", name, kind, "+tcp"]
        found = [line for line in ask(vm, "+short", *words).splitlines() if line[:1] != ";"]
        asked += len(addresses)
        good += sum(one == expected for one, expected in zip(found, addresses, strict=False))
    nobody = f"nobody.{tenant.domain('web')}"
    denied = "status: NXDOMAIN" in ask(tenant.vms["web1"], nobody)
    resolving = [vm for vm in tenant.vms.values() if server(vm) == vm.port.gateway]
    report.say(f"dig @{server(vm)} {name} in {vm.name}:")
    report.show(ask(vm, name))
    report.check("VMs resolve one another's names",
                 good == asked and denied and len(resolving) == len(tenant.vms),
                 f"{good} of {asked} questions, by UDP and TCP")


def server(vm: Vm) -> str:
    """The name server that the VM was told of, or ""; without DHCP the gateway, where it is."""
    if vm.dhcp is None:
        return vm.port.gateway
    return next(iter(vm.dhcp.wait().get("dns", "").split()), "")


def ask(vm: Vm, *words: str) -> str:
    """What ``dig`` prints; one try of two seconds for each question."""
    at = server(vm) or vm.port.gateway
    return vm.space.run(["dig", "+time=2", "+tries=1", f"@{at}", *words], check=False).stdout

"""Router advertisements and DHCPv6 by real clients: the kernel, rdisc6 and dhclient -6."""

from __future__ import annotations

import contextlib
import os
import re
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lab.hosts.vm import PortSpec, Vm
from lab.topology import Lab
from lab.traffic.ipv6 import link_local, listen
from lab.traffic.ping import ping
from lab.wait import wait_until

MODES = {
    "slaac": ("fd77:0:0:1::/64", "10.77.1.0/24"),
    "dhcpv6-stateless": ("fd77:0:0:2::/64", "10.77.2.0/24"),
    "dhcpv6-stateful": ("fd77:0:0:3::/64", "10.77.3.0/24"),
}
RESOLVER = "fd77::53"
HYPERVISORS = ("hv1", "hv3")


@dataclass
class Guest:
    vm: Vm
    address: str
    gateway: str


@pytest.fixture(scope="module")
def guests(lab: Lab) -> Iterator[dict[tuple[str, str], Guest]]:
    """(mode, hypervisor) -> a VM whose kernel listens to router advertisements."""
    client = lab.nodes["node1"].client
    router = client.create("router", name="edge6")
    made: dict[tuple[str, str], Guest] = {}
    ports: list[dict[str, Any]] = []
    for mode, (cidr6, cidr4) in MODES.items():
        network = client.create("network", name=f"edge6-{mode}")
        subnet4 = client.create("subnet", network_id=network["id"], cidr=cidr4, ip_version=4)
        subnet6 = client.create(
            "subnet", network_id=network["id"], cidr=cidr6, ip_version=6, ipv6_ra_mode=mode,
            ipv6_address_mode=mode, dns_nameservers=[RESOLVER],
        )  # fmt: skip
        interface = client.add_router_interface(router["id"], subnet6["id"])
        gateway = link_local(client.show("port", interface["port_id"])["mac_address"])
        for hypervisor in HYPERVISORS:
            port = client.create("port", network_id=network["id"])
            address = next(
                one["ip_address"] for one in port["fixed_ips"] if ":" in one["ip_address"]
            )
            vm = lab.add_vm(
                f"e6{mode[-3:]}-{hypervisor}", hypervisor, PortSpec.from_api(port, subnet4)
            )
            made[mode, hypervisor] = Guest(vm, address, gateway)
            ports.append(port)
    client.wait_ports([port["id"] for port in ports])
    for guest in made.values():
        listen(guest.vm.space)
    yield made
    for guest in made.values():
        guest.vm.delete()
    for port in ports:
        client.remove("port", port["id"])


def shown(vm: Vm, *words: str) -> str:
    return vm.space.run(["ip", "-6", *words]).stdout


@pytest.mark.parametrize("mode", ["slaac", "dhcpv6-stateless"])
def test_the_kernel_configures_the_ports_address(
    guests: dict[tuple[str, str], Guest], mode: str
) -> None:
    for hypervisor in HYPERVISORS:
        guest = guests[mode, hypervisor]
        wait_until(
            lambda guest=guest: f"inet6 {guest.address}/64 scope global dynamic"
            in shown(guest.vm, "address", "show", "dev", "eth0", "-tentative"),
            f"the address {guest.address} in {guest.vm.name}", 30,
        )
        assert f"default via {guest.gateway} dev eth0 proto ra" in shown(guest.vm, "route")


@pytest.mark.parametrize("mode", list(MODES))
def test_what_an_advertisement_says(guests: dict[tuple[str, str], Guest], mode: str) -> None:
    guest = guests[mode, "hv1"]
    said = wait_until(
        lambda: guest.vm.space.run(["rdisc6", "-1", "eth0"], check=False).stdout, "rdisc6", 30
    )
    words = dict(re.findall(r"^ *(\S.*?) *: +(.+?) *$", said, re.M))
    assert words["Stateful address conf."].startswith("Yes" if "stateful" in mode else "No")
    assert words["Stateful other conf."].startswith("Yes" if "stateless" in mode else "No")
    autonomous = words["Autonomous address conf."]
    assert autonomous.startswith("No" if "stateful" in mode else "Yes")
    assert words["Prefix"] == MODES[mode][0]
    assert words["MTU"].startswith("1450 bytes")
    assert words["Recursive DNS server"] == RESOLVER
    assert f"from {guest.gateway}" in said


def dhclient6(guest: Guest, directory: Path, *options: str) -> dict[str, str]:
    """Run ``dhclient -6`` once; what the server said, by its own names."""
    space, base = guest.vm.space, directory / guest.vm.name
    script = base.with_suffix(".sh")
    script.write_text(
        f"#!/bin/sh\nenv >{base}.$reason\n"
        '[ "$reason" != BOUND6 ] || ip -6 address replace $new_ip6_address/64 dev $interface\n'
    )
    script.chmod(0o755)
    space.run([
        "dhclient", "-6", "-1", "-cf", "/dev/null", "-sf", str(script), "-lf", f"{base}.leases",
        "-pf", f"{base}.pid", *options, "eth0",
    ], timeout=60)  # fmt: skip
    # Once it is bound it goes on in the background, for renewals that no test waits for.
    number = wait_until(Path(f"{base}.pid").read_text, "dhclient's process id", 10)
    with contextlib.suppress(ProcessLookupError):
        os.kill(int(number), signal.SIGKILL)
    found = [path for path in directory.iterdir() if path.name.startswith(f"{base.name}.")
             and path.suffix in (".BOUND6", ".RENEW6")]  # fmt: skip
    assert found, list(directory.iterdir())
    return dict(line.split("=", 1) for line in found[0].read_text().splitlines() if "=" in line)


def test_stateful_and_reachable(guests: dict[tuple[str, str], Guest], tmp_path: Path) -> None:
    for hypervisor in HYPERVISORS:
        guest = guests["dhcpv6-stateful", hypervisor]
        said = dhclient6(guest, tmp_path)
        assert said["new_ip6_address"] == guest.address
        assert said["new_dhcp6_name_servers"] == RESOLVER
    for source, target in (
        (("dhcpv6-stateful", "hv1"), ("dhcpv6-stateful", "hv3")),
        (("dhcpv6-stateful", "hv1"), ("slaac", "hv3")),
        (("slaac", "hv1"), ("dhcpv6-stateless", "hv1")),
    ):
        a, b = guests[source], guests[target]
        wait_until(lambda a=a, b=b: ping(a.vm.space, b.address, count=1).ok,
                   f"{a.vm.name} to reach {b.vm.name}", 20)


def test_stateless_tells_the_rest(guests: dict[tuple[str, str], Guest], tmp_path: Path) -> None:
    said = dhclient6(guests["dhcpv6-stateless", "hv1"], tmp_path, "-S")
    assert said["new_dhcp6_name_servers"] == RESOLVER
    assert "new_ip6_address" not in said


def test_after_a_restart_of_the_node(lab: Lab, guests: dict[tuple[str, str], Guest]) -> None:
    """Nothing expires meanwhile, and a guest that boots afterwards is served at once."""
    guest = guests["slaac", "hv1"]
    node = lab.nodes["node1"]
    node.kill()
    assert f"default via {guest.gateway}" in shown(guest.vm, "route")
    guest.vm.space.sysctl({"net.ipv6.conf.eth0.disable_ipv6": 1})
    node.restart()
    listen(guest.vm.space)
    wait_until(lambda: f"inet6 {guest.address}/64" in shown(guest.vm, "address", "show", "eth0"),
               "the address again", 30)
    assert f"default via {guest.gateway}" in shown(guest.vm, "route")


def test_what_was_advertised_is_taken_back(lab: Lab) -> None:
    """A prefix and a router that go, at once and while the node is away; as the kernel has it."""
    client, elsewhere = lab.nodes["node1"].client, lab.nodes["node2"].client
    network = client.create("network", name="edge6-gone")
    router = client.create("router", name="edge6-gone")
    modes = {"ip_version": 6, "ipv6_ra_mode": "slaac", "ipv6_address_mode": "slaac"}
    subnets = [client.create("subnet", network_id=network["id"], cidr=f"fd78:0:0:{n}::/64", **modes)
               for n in (1, 2)]  # fmt: skip

    def attach(subnet: dict[str, Any], by: Any = client) -> str:
        answer = by.add_router_interface(router["id"], subnet["id"])
        return link_local(by.show("port", answer["port_id"])["mac_address"])

    gateway = attach(subnets[0])
    assert attach(subnets[1]) == gateway
    port = client.create("port", network_id=network["id"])
    first, second = (
        next(one["ip_address"] for one in port["fixed_ips"] if one["subnet_id"] == subnet["id"])
        for subnet in subnets
    )
    vm = lab.add_vm("e6gone", "hv1", PortSpec(port["id"], port["mac_address"], "192.0.2.1/32"))

    def address(text: str) -> str:
        return next((line for line in shown(vm, "-o", "address").splitlines() if text in line), "")

    def defaults() -> list[str]:
        return [line.split()[2] for line in shown(vm, "route").splitlines() if "default" in line]

    try:
        client.wait_ports([port["id"]])
        listen(vm.space)
        wait_until(lambda: address(first) and address(second) and defaults() == [gateway],
                   "two addresses and a default route", 30)
        client.remove_router_interface(router["id"], subnets[0]["id"])
        client.remove("subnet", subnets[0]["id"])
        wait_until(lambda: "deprecated" in address(first), "an address that is not preferred", 20)
        assert "deprecated" not in address(second)
        assert "fd78:0:0:1::/64" not in shown(vm, "route") and defaults() == [gateway]

        client.remove_router_interface(router["id"], subnets[1]["id"])
        wait_until(lambda: defaults() == [], "no default route", 20)
        assert "deprecated" not in address(second)
        other = attach(subnets[1])
        wait_until(lambda: defaults() == [other], "the new default route alone", 20)

        lab.nodes["node1"].kill()
        elsewhere.remove_router_interface(router["id"], subnets[1]["id"])
        third = attach(subnets[1], elsewhere)
        assert third != other and defaults() == [other]
        lab.nodes["node1"].restart()
        wait_until(lambda: defaults() == [third], "the default route of today alone", 30)
    finally:
        vm.delete()
        for one in (port["id"],):
            client.remove("port", one)

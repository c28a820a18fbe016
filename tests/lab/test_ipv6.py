"""IPv6 between VMs of two nodes: within and between networks, the gateway, neighbor discovery
answered in the switch, tenants with the same prefixes, and what a VM must not be able to say."""

from __future__ import annotations

import contextlib
import itertools
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator

import pytest

from lab.hosts.vm import Vm
from lab.tenants import Tenant
from lab.topology import Lab
from lab.traffic.capture import Capture
from lab.traffic.frames import (
    advertisement,
    echo,
    inject,
    redirect,
    router_advertisement,
    solicitation,
)
from lab.traffic.ipv6 import enable_ipv6, link_local
from lab.traffic.ping import PingStream, ping, reach_all
from lab.wait import wait_until
from tests.lab.ipv6_support import DB6, WEB6, Tenant6, counter, echoes

ALL_NODES = ("33:33:00:00:00:01", "ff02::1")


@pytest.fixture(scope="module")
def six(lab: Lab) -> Iterator[Tenant6]:
    tenant = Tenant6("six", lab.nodes["node1"].client)
    tenant.create_networks()
    tenant.create_vms(lab)
    wait_reachable(tenant)
    yield tenant
    remove(lab, tenant)


@pytest.fixture(scope="module")
def other(lab: Lab) -> Iterator[Tenant6]:
    """The same prefixes and, in db, the same addresses, made through the other node."""
    tenant = Tenant6("other", lab.nodes["node2"].client)
    tenant.create_networks()
    tenant.create_vms(lab, (("web1", "hv1"), ("db1", "hv1"), ("db2", "hv3")))
    wait_reachable(tenant)
    yield tenant
    remove(lab, tenant)


def wait_reachable(tenant: Tenant6) -> None:
    for source, target in itertools.permutations(tenant.vms, 2):
        stream = PingStream(tenant.vms[source].space, tenant.address(target), interval=0.05)
        try:
            stream.wait_reply(20)
        finally:
            stream.stop()


def remove(lab: Lab, tenant: Tenant6) -> None:
    for name, vm in tenant.vms.items():
        vm.delete()
        lab.vms.pop(vm.name, None)
        tenant.client.remove("port", tenant.ports[name]["id"])


# ------------------------------------------------------------ reachability


def test_every_pair(six: Tenant6) -> None:
    """Within and between networks; one hypervisor, two of one node, two of two nodes."""
    pairs = list(itertools.permutations(six.vms, 2))
    results = reach_all((six.vms[a].space, six.address(b)) for a, b in pairs)
    failed = [pair for pair, result in zip(pairs, results, strict=True) if not result.ok]
    assert not failed


def test_both_families_on_one_port(six: Tenant6) -> None:
    for a, b in (("web1", "web2"), ("web1", "web3"), ("web3", "web2")):
        assert ping(six.vms[a].space, six.vms[b].ip).ok
        assert ping(six.vms[a].space, six.address(b)).ok


def test_link_local_addresses_reach_their_network(six: Tenant6) -> None:
    for a, b in (("web1", "web2"), ("web1", "web3"), ("web3", "web1"), ("db1", "db2")):
        target = f"{link_local(six.mac(b))}%eth0"
        assert ping(six.vms[a].space, target).ok, (a, b)
    foreign = f"{link_local(six.mac('db1'))}%eth0"
    assert ping(six.vms["web1"].space, foreign, count=1, wait=0.5).received == 0


@pytest.mark.parametrize("name", ["web1", "web2", "web3", "db1", "db2"])
def test_the_gateway_answers(six: Tenant6, name: str) -> None:
    space, network = six.vms[name].space, six.networks[name[:-1]]["id"]
    targets = [six.subnets["web6"]["gateway_ip"], six.subnets["db6"]["gateway_ip"]]
    # The interface for IPv4, too: hosts may know the router by its MAC.
    for port in six.client.list("port", network_id=network):
        if port["device_owner"] == "network:router_interface":
            targets.append(f"{link_local(port['mac_address'])}%eth0")
    assert len(targets) == (4 if name.startswith("web") else 3)
    for target in targets:
        assert ping(space, target).ok, target


@pytest.mark.parametrize(("target", "hop_limit"), [("web3", 64), ("db1", 63), ("db2", 63)])
def test_hop_limit(six: Tenant6, target: str, hop_limit: int) -> None:
    """One less where it is routed, also over two hypervisors: they are one router."""
    vm = six.vms[target]
    requests = f"icmp6 and src {six.address('web1')} and ip6[40] = 128"
    with Capture(vm.space, "eth0", requests) as seen:
        assert ping(six.vms["web1"].space, six.address(target), 1).ok
        seen.wait()
        assert f"hlim {hop_limit}" in seen.text()


def test_routes_are_announced(six: Tenant6, lab: Lab) -> None:
    """Types 2 and 5 with IPv6, from both nodes; never a link-local address."""
    for node in lab.nodes.values():
        rib = node.client.v1("rib")
        hosts = {one["ip"] for one in rib if one["type"] == 2 and ":" in (one.get("ip") or "")}
        assert {six.address(name) for name in six.vms} <= hosts
        assert not any(address.startswith("fe80") for address in hosts)
        assert {WEB6, DB6} <= {one.get("prefix") for one in rib if one["type"] == 5}


def test_tcp(six: Tenant6) -> None:
    """More than one segment, routed between two nodes."""
    program = (
        "import socket, sys\n"
        "with socket.create_server((sys.argv[1], 8066), family=socket.AF_INET6) as server:\n"
        "    print('ready', flush=True)\n"
        "    link, _ = server.accept()\n"
        "    total = 0\n"
        "    while part := link.recv(65536):\n"
        "        total += len(part)\n"
        "    link.sendall(str(total).encode())\n"
    )
    client = (
        "import socket, sys, time\n"
        "for attempt in range(100):\n"
        "    try:\n"
        "        link = socket.create_connection((sys.argv[1], 8066), 20)\n"
        "        break\n"
        "    except ConnectionRefusedError:\n"
        "        time.sleep(0.1)\n"
        "link.sendall(bytes(300000))\n"
        "link.shutdown(socket.SHUT_WR)\n"
        "print(link.recv(100).decode())\n"
    )
    space = six.vms["db2"].space
    with subprocess.Popen(
        [*space.prefix, sys.executable, "-c", program, six.address("db2")],
        stdout=subprocess.PIPE,
    ) as server:
        try:
            assert server.stdout.readline() == b"ready\n"
            done = six.vms["web1"].space.run(
                [sys.executable, "-c", client, six.address("db2")], timeout=60
            )
            assert done.stdout.strip() == "300000"
        finally:
            server.kill()


# ------------------------------------------------------------ tenants


def test_tenants_with_the_same_prefixes(six: Tenant6, other: Tenant6) -> None:
    assert six.address("db1") == other.address("db1")
    before = echoes(six.vms["db1"])
    theirs = echoes(other.vms["db1"])
    assert ping(other.vms["db2"].space, other.address("db1"), 5).ok
    assert (echoes(six.vms["db1"]), echoes(other.vms["db1"])) == (before, theirs + 5)
    # Addresses that only one of them has.
    for source in ("web1", "db1", "db2"):
        for target in ("web1", "web2", "web3"):
            result = ping(other.vms[source].space, six.address(target), 2, 0.05, 0.5)
            assert result.received == 0
    assert ndisc(other.vms["web1"], six.address("web2")) == ""
    # Same hypervisor, known MAC, known address: a frame made by hand.
    inject(other.vms["web1"], [
        echo((other.mac("web1"), six.mac("web1")), (other.address("web1"), six.address("web1")))
    ])
    before = echoes(six.vms["web1"])
    assert ping(six.vms["web2"].space, six.address("web1"), 3).ok
    assert echoes(six.vms["web1"]) == before + 3


# ------------------------------------------------------------ neighbor discovery


def ndisc(vm: Vm, target: str) -> str:
    """The MAC that answers a neighbor solicitation, or ""."""
    done = vm.space.run(["ndisc6", "-q", "-1", "-r", "3", "-w", "300", target, "eth0"], check=False)
    found = re.search(r"(?:[0-9A-F]{2}:){5}[0-9A-F]{2}", done.stdout, re.IGNORECASE)
    return found.group().lower() if found else ""


needs_ndisc6 = pytest.mark.skipif(shutil.which("ndisc6") is None, reason="needs ndisc6")


@needs_ndisc6
@pytest.mark.parametrize("asker", ["web1", "web3"])
def test_the_switch_answers_for_known_addresses(six: Tenant6, asker: str) -> None:
    """Local and remote ports, their link-local addresses, the gateway and its own."""
    vm = six.vms[asker]
    gateway = six.gateways["web"]["mac_address"]
    expected = {six.subnets["web6"]["gateway_ip"]: gateway, link_local(gateway): gateway}
    for name in ("web1", "web2", "web3"):
        if name != asker:
            expected |= {
                six.address(name): six.mac(name), link_local(six.mac(name)): six.mac(name),
            }
    before = {name: counter(one, "Icmp6InNeighborSolicits") for name, one in six.vms.items()}
    assert {target: ndisc(vm, target) for target in expected} == expected
    after = {name: counter(one, "Icmp6InNeighborSolicits") for name, one in six.vms.items()}
    # The asker's own kernel may be asked (it is a neighbor of the others, too); no one else is.
    assert {name: after[name] - before[name] for name in after if name != asker} == {
        name: 0 for name in after if name != asker
    }


@needs_ndisc6
def test_nobody_hears_a_solicitation_for_the_unknown(six: Tenant6) -> None:
    """Unless the network says so: then everyone does, on all hypervisors."""
    victims = [six.vms[name] for name in ("web1", "web3")]
    asker, unknown = six.vms["web2"], "fd66:0:0:1::dead"
    frame = solicitation(
        (six.mac("web2"), "33:33:ff:00:de:ad"), (six.address("web2"), "ff02::1:ff00:dead"),
        unknown, six.mac("web2"),
    )
    marker = advertisement(
        (six.mac("web2"), ALL_NODES[0]), (six.address("web2"), ALL_NODES[1]),
        six.address("web2"), six.mac("web2"),
    )
    kinds = [135, 136]
    assert heard(asker, victims, [frame, marker], six.address("web2")) == [[136], [136]]
    assert ndisc(asker, unknown) == ""
    network = six.networks["web"]["id"]
    six.client.update("network", network, **{"vpn:flood_unknown": True})
    try:
        wait_until(
            lambda: heard(asker, victims, [frame, marker], six.address("web2")) == [kinds, kinds],
            "the solicitation to be flooded", 20,
        )
    finally:
        six.client.update("network", network, **{"vpn:flood_unknown": False})
    wait_until(
        lambda: heard(asker, victims, [frame, marker], six.address("web2")) == [[136], [136]],
        "the solicitation not to be flooded any more", 20,
    )


def heard(sender: Vm, victims: list[Vm], frames: list[bytes], source: str) -> list[list[int]]:
    """The ICMPv6 types that each victim sees of ``frames``, the last of which is let through."""
    last = frames[-1][54]
    found: list[list[int]] = []
    captures = [
        Capture(vm.space, "eth0", f"icmp6 and src {source} and ip6[40] = {last}")
        for vm in victims
    ]
    watches = [
        Capture(vm.space, "eth0", f"icmp6 and src {source}", count=len(frames)) for vm in victims
    ]
    with contextlib.ExitStack() as stack:
        for capture in (*captures, *watches):
            stack.enter_context(capture)
        inject(sender, frames)
        for capture in captures:
            capture.wait()
        for watch in watches:
            text = watch.text()
            found.append([
                kind for kind, word in ((135, "neighbor solicitation"),
                                        (136, "neighbor advertisement"))
                for _ in range(text.count(word))
            ])
    return found


def test_duplicate_address_detection_passes(six: Tenant6) -> None:
    """The kernel's own, for the global and the link-local address: nobody objects."""
    vm = six.vms["web2"]
    vm.space.sysctl({"net.ipv6.conf.eth0.disable_ipv6": 1})
    enable_ipv6(vm.space, six.address("web2"), six.gateway_of("web2"), dad=1)

    def settled() -> bool:
        text = vm.space.run(["ip", "-6", "address", "show", "dev", "eth0"]).stdout
        assert "dadfailed" not in text
        return "tentative" not in text and text.count("inet6") == 2

    wait_until(settled, "both addresses to be valid", 20)
    assert ping(vm.space, six.address("web3")).ok


# ------------------------------------------------------------ spoofing


def spoofs(six: Tenant6) -> dict[str, bytes]:
    """What web1 must not say to web2 and to all."""
    own, mac = six.address("web1"), six.mac("web1")
    local = link_local(mac)
    victim, victim_mac = six.address("web2"), six.mac("web2")
    third, third_mac = six.address("web3"), six.mac("web3")
    gateway_mac = six.gateways["web"]["mac_address"]
    gateway, router = six.subnets["web6"]["gateway_ip"], link_local(gateway_mac)
    to_victim, to_all = (mac, victim_mac), (mac, ALL_NODES[0])
    return {
        "another's address": echo(to_victim, (third, victim)),
        "the gateway's address": echo(to_victim, (gateway, victim)),
        "another's link-local address": echo(to_victim, (link_local(third_mac), victim)),
        "another's MAC": echo((third_mac, victim_mac), (own, victim)),
        "the gateway's MAC": echo((gateway_mac, victim_mac), (own, victim)),
        "no address at all": echo(to_victim, ("::", victim)),
        "an advertisement for another": advertisement(
            to_victim, (own, victim), third, mac
        ),
        "an advertisement for another, to all": advertisement(
            to_all, (local, ALL_NODES[1]), third, mac
        ),
        "an advertisement as another": advertisement(to_all, (third, ALL_NODES[1]), third, mac),
        "an advertisement for the gateway": advertisement(
            to_victim, (local, victim), gateway, mac
        ),
        "an advertisement for the router": advertisement(
            to_all, (router, ALL_NODES[1]), router, mac
        ),
        "another's MAC in an own advertisement": advertisement(
            to_all, (own, ALL_NODES[1]), own, third_mac
        ),
        "a solicitation with another's MAC": solicitation(
            to_victim, (own, victim), victim, third_mac
        ),
        "a solicitation as another": solicitation(to_victim, (third, victim), victim, mac),
        "a check for another's address": solicitation(
            (mac, "33:33:ff:00:00:01"), ("::", ALL_NODES[1]), third, ""
        ),
        "a router advertisement": router_advertisement(
            to_all, (local, ALL_NODES[1]), "2001:db8:bad::"
        ),
        "a router advertisement to one": router_advertisement(
            to_victim, (local, link_local(victim_mac)), "2001:db8:bad::"
        ),
        "a router advertisement as the router": router_advertisement(
            (gateway_mac, ALL_NODES[0]), (router, ALL_NODES[1]), "2001:db8:bad::"
        ),
        "a redirect": redirect(to_victim, (local, victim), local, "2001:db8::1"),
        "a redirect as the router": redirect(
            (gateway_mac, victim_mac), (router, victim), local, "2001:db8::1"
        ),
    }


@pytest.mark.parametrize("victim", ["web2", "web3"])
def test_spoofed_frames_reach_nobody(six: Tenant6, victim: str) -> None:
    """0 of all frames pass; the one honest frame after them does, so they were not just late."""
    frames = spoofs(six)
    honest = echo(
        (six.mac("web1"), six.mac(victim)), (six.address("web1"), six.address(victim)), b"honest"
    )
    vm = six.vms[victim]
    inside = f"ip6 and not ether src {six.mac(victim)}"
    with Capture(vm.space, "eth0", f"{inside} and ip6[40] = 128 and len > 66") as last, Capture(
        vm.space, "eth0", inside, count=1000
    ) as everything:
        inject(six.vms["web1"], [*frames.values(), honest])
        last.wait()
        seen = everything.text()
    lines = [line for line in seen.splitlines() if "ethertype IPv6" in line]
    honest_mac = six.mac("web1")
    assert sum("echo request" in line for line in seen.splitlines()) == 1, seen
    for line in lines:
        if line.startswith(honest_mac) and "echo request" not in line:
            # The switch speaks for web1, too: when the victim asked for its address.
            assert f"> {six.mac(victim)}," in line and "neighbor advertisement" in line, line
            assert any(f"tgt is {own}," in line
                       for own in (six.address("web1"), link_local(honest_mac))), line
    assert "2001:db8" not in seen and "router advertisement" not in seen
    assert "redirect" not in seen
    text = vm.space.run(["ip", "-6", "neighbor", "show", "dev", "eth0"]).stdout
    for line in text.splitlines():
        if "lladdr" in line:
            words = line.split()
            address, mac = words[0], words[words.index("lladdr") + 1]
            if mac == six.mac("web1"):
                assert address in (six.address("web1"), link_local(mac)), line


def test_ipv4_tenants_are_not_touched(red: Tenant) -> None:
    assert ping(red.vms["web1"].space, red.vms["web4"].ip).ok

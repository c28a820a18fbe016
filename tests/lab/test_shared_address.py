"""Addresses that two VMs share: keepalived on hypervisors of two nodes, taken over under traffic;
and what neighbors hear when an address has moved."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator

import pytest

from lab.hosts.keepalived import Keepalived
from lab.hosts.vm import Vm
from lab.tenants import Tenant, new_tenant
from lab.topology import Lab
from lab.traffic.capture import Capture, FlowMonitor
from lab.traffic.frames import inject
from lab.traffic.ping import PingStream, ping
from lab.wait import wait_until
from tests.lab.ipv6_support import Tenant6

UNTOUCHED = {"ADDED": 0, "DELETED": 0, "MODIFIED": 0}
VIP, VIP6 = "10.0.1.100", "fd66:0:0:1::100"
# Of the virtual router 51 (RFC 9568 section 7.3).
VIRTUAL, VIRTUAL6 = "00:00:5e:00:01:33", "00:00:5e:00:02:33"
LAYOUT = (("web1", "hv1"), ("web2", "hv3"), ("web3", "hv2"), ("web4", "hv1"), ("db1", "hv2"))
"""web1 and web2 share an address; web3 and db1 are its clients; web4 is a stranger."""


@pytest.fixture(scope="module")
def shop(lab: Lab) -> Iterator[Tenant]:
    """Nothing is flooded in its networks."""
    tenant = new_tenant("shop", lab.nodes["node1"].client)
    tenant.create_vms(lab, LAYOUT)
    tenant.wait_active()
    wait_until(lambda: ping(tenant.vms["db1"].space, tenant.vms["web2"].ip, 1).ok, "routes", 15)
    yield tenant
    for name in list(tenant.vms):
        tenant.remove_vm(lab, name)


def share(tenant: Tenant, vmac: bool) -> None:
    """With a MAC of the virtual router both: what the host sends by itself has its own."""
    pairs = [{"ip_address": VIP}]
    if vmac:
        pairs.append({"ip_address": VIP, "mac_address": VIRTUAL})
    for name in ("web1", "web2"):
        tenant.client.update("port", tenant.vms[name].port.id, allowed_address_pairs=pairs)
    tenant.wait_active()


def where(tenant: Tenant, address: str = VIP, name: str = "web1") -> tuple[str, str]:
    """(host, MAC) of a shared address, as the API shows it."""
    detail = tenant.client.get(f"/v1/ports/{tenant.vms[name].port.id}")
    for one in detail["shared_addresses"]:
        if one["address"] == address:
            return one["host"], one["mac"]
    return "", ""


def destination(tenant: Tenant) -> str:
    """The port that a client's packets to the shared address go to, as explained."""
    client = tenant.vms["db1"].port.id
    answer = tenant.client.get(f"/v1/explain?port={client}&to={VIP}&protocol=icmp")
    return answer["destination"]["port"]


def wait_where(tenant: Tenant, place: tuple[str, str], what: str) -> None:
    """Pings do not tell: with the MAC of the virtual router the old master answers them too."""
    wait_until(lambda: where(tenant) == place, what, 10)


@contextlib.contextmanager
def routers(
    lab: Lab, vms: dict[str, Vm], addresses: list[str], vmac: bool = False
) -> Iterator[dict[str, Keepalived]]:
    """keepalived in each of the VMs; the first becomes master."""
    made = {
        name: Keepalived(vm, lab.journal, 100, addresses, vmac=vmac) for name, vm in vms.items()
    }
    try:
        first, *others = made.values()
        first.start()
        first.wait_master()
        for other in others:
            other.start()
        yield made
    finally:
        for one in made.values():
            one.stop()
        for vm in vms.values():
            links = vm.space.run(["ip", "-o", "link", "show"]).stdout
            if vm.hypervisor is not None:
                commands = [
                    f"address delete {address} dev eth0" for address in addresses
                    if f"inet6 {address}" in shown_addresses(vm)
                    or f"inet {address}" in shown_addresses(vm)
                ]
                vm.space.batch(commands)
            vm.space.batch([
                f"link delete {name}" for name in ("vrrp.51", "vrrp6.51") if f"{name}@" in links
            ])


def shown_addresses(vm: Vm) -> str:
    return vm.space.run(["ip", "-o", "address", "show", "dev", "eth0"]).stdout


def go_on(streams: list[PingStream], what: str) -> None:
    """All streams get answers again."""
    counts = [len(stream.result().replies) for stream in streams]
    for stream, count in zip(streams, counts, strict=True):
        wait_until(
            lambda stream=stream, count=count: len(stream.result().replies) > count + 20,
            f"pings to go on after {what}", 20,
        )  # fmt: skip


@contextlib.contextmanager
def clients(tenant: Tenant) -> Iterator[list[PingStream]]:
    """Pings of the shared address from its network and from a routed one."""
    streams = [
        PingStream(tenant.vms[name].space, VIP, interval=0.02) for name in ("web3", "db1")
    ]
    try:
        for stream in streams:
            stream.wait_reply()
        yield streams
    finally:
        for stream in streams:
            stream.stop()


@pytest.mark.parametrize("vmac", [False, True], ids=["own-mac", "virtual-mac"])
def test_keepalived_between_two_vms(lab: Lab, shop: Tenant, vmac: bool) -> None:
    share(shop, vmac)
    vms = {name: shop.vms[name] for name in ("web1", "web2")}
    macs = {"hv1": VIRTUAL if vmac else shop.vms["web1"].port.mac,
            "hv3": VIRTUAL if vmac else shop.vms["web2"].port.mac}  # fmt: skip
    with routers(lab, vms, [f"{VIP}/32"], vmac) as daemons, clients(shop) as streams:
        wait_where(shop, ("hv1", macs["hv1"]), "the address at web1")
        # The master dies without a word; its VM still believes to have the address.
        daemons["web1"].kill()
        daemons["web2"].wait_master()
        wait_where(shop, ("hv3", macs["hv3"]), "the address at web2")
        go_on(streams, "the master's death")
        assert where(shop) == ("hv3", macs["hv3"])
        assert destination(shop) == shop.vms["web2"].port.id
        daemons["web1"].start()
        time.sleep(1.5)
        go_on(streams, "a backup's start")
        assert where(shop) == ("hv3", macs["hv3"])
        # The new master's VM is unplugged.
        shop.vms["web2"].unplug()
        daemons["web1"].wait_master()
        wait_where(shop, ("hv1", macs["hv1"]), "the address at web1 again")
        go_on(streams, "the master's unplugging")
        assert where(shop) == ("hv1", macs["hv1"])
        assert destination(shop) == shop.vms["web1"].port.id
        daemons["web2"].stop()
    shop.vms["web2"].plug(lab.hypervisors["hv3"])
    shop.wait_active()


def test_a_node_that_restarts_learns_before_it_sweeps(lab: Lab, shop: Tenant) -> None:
    share(shop, False)
    node = lab.nodes["node1"]
    vms = {name: shop.vms[name] for name in ("web1", "web2")}
    with routers(lab, vms, [f"{VIP}/32"]), clients(shop) as streams:
        wait_until(lambda: where(shop)[0] == "hv1", "the address at web1", 10)
        time.sleep(7)  # keepalived announces again after five seconds.
        monitors = [FlowMonitor(hypervisor) for hypervisor in lab.hypervisors.values()]
        node.kill()
        time.sleep(0.5)
        node.restart()
        for one in lab.nodes.values():
            one.client.wait_healthy()
        lab.wait_converged()
        time.sleep(3)
        assert [monitor.stop() for monitor in monitors] == [UNTOUCHED] * 3
        results = [stream.result() for stream in streams]
        go_on(streams, "the restart")
        assert all(result.longest_gap() < 5 for result in results)
        assert where(shop)[0] == "hv1"


def test_a_take_over_while_the_node_is_away(lab: Lab, shop: Tenant) -> None:
    """The old master's VM still answers for the address: that is no reason to believe it."""
    share(shop, False)
    node = lab.nodes["node1"]
    vms = {name: shop.vms[name] for name in ("web1", "web2")}
    with routers(lab, vms, [f"{VIP}/32"]) as daemons, clients(shop) as streams:
        wait_until(lambda: where(shop)[0] == "hv1", "the address at web1", 10)
        node.kill()
        daemons["web1"].kill()
        daemons["web2"].wait_master()
        # Who is in the same network has heard the announcement itself.
        go_on(streams[:1], "the take over without the node")
        node.restart()
        lab.wait_converged()
        wait_until(lambda: where(shop)[0] == "hv3", "the address at web2", 15)
        go_on(streams, "the node's return")
        time.sleep(4)
        assert where(shop)[0] == "hv3"


def test_a_stranger_cannot_take_it(lab: Lab, shop: Tenant) -> None:
    """Nor one of those that share it the address of another VM, or the gateway's."""
    share(shop, False)
    stranger, victim = shop.vms["web4"], shop.vms["web3"]
    sharing = {name: shop.vms[name] for name in ("web1", "web2")}
    with routers(lab, sharing, [f"{VIP}/32"]), clients(shop) as streams:
        wait_until(lambda: where(shop)[0] == "hv1", "the address at web1", 10)
        stranger.space.batch([f"address add {VIP}/32 dev eth0"])
        try:
            for operation in (1, 2):
                inject(stranger, [gratuitous(stranger.port.mac, VIP, operation)] * 20)
            own = shop.vms["web2"].port.mac
            for taken in (victim.ip, shop.gateway("web")):
                inject(shop.vms["web2"], [gratuitous(own, taken, 1)] * 20)
            time.sleep(1)
            go_on(streams, "the attempts")
            assert where(shop) == ("hv1", shop.vms["web1"].port.mac)
            assert ping(shop.vms["db1"].space, victim.ip).ok
            assert ping(victim.space, shop.gateway("web")).ok
        finally:
            stranger.space.batch([f"address delete {VIP}/32 dev eth0"])


def test_the_address_of_a_port_stays_with_it(lab: Lab, shop: Tenant) -> None:
    """Even where another may use it: that one has it only while its owner is away."""
    owner, other = shop.vms["web4"], shop.vms["web2"]
    shop.client.update(
        "port", other.port.id, allowed_address_pairs=[{"ip_address": owner.ip}]
    )  # fmt: skip
    shop.wait_active()
    other.space.batch([f"address add {owner.ip}/32 dev eth0"])
    try:
        inject(other, [gratuitous(other.port.mac, owner.ip, 1)] * 3)
        time.sleep(1)
        assert where(shop, owner.ip, "web2") == ("hv1", owner.port.mac)
        owner.unplug()
        wait_until(lambda: where(shop, owner.ip, "web2") == ("hv3", other.port.mac),
                   "the address where it may be used as well", 20)  # fmt: skip
        wait_until(lambda: ping(shop.vms["db1"].space, owner.ip, 1).ok, "an answer", 10)
        owner.plug(lab.hypervisors["hv1"])
        shop.wait_active()
        wait_until(lambda: where(shop, owner.ip, "web2") == ("hv1", owner.port.mac),
                   "the address at its owner", 10)  # fmt: skip
        wait_until(lambda: ping(shop.vms["web3"].space, owner.ip, 1).ok, "an answer", 10)
    finally:
        other.space.batch([f"address delete {owner.ip}/32 dev eth0"])


def test_an_address_that_nobody_announces_is_found(lab: Lab, shop: Tenant) -> None:
    """Put there by hand: a host says nothing of that."""
    share(shop, False)
    vm = shop.vms["web2"]
    vm.space.batch([f"address add {VIP}/32 dev eth0"])
    try:
        wait_until(lambda: where(shop) == ("hv3", vm.port.mac), "the address to be found", 30)
        for name in ("web3", "db1"):
            wait_until(lambda name=name: ping(shop.vms[name].space, VIP, 1).ok, "an answer", 10)
    finally:
        vm.space.batch([f"address delete {VIP}/32 dev eth0"])
    shop.client.update("port", vm.port.id, allowed_address_pairs=[])
    wait_until(lambda: where(shop) == ("", ""), "the address to be forgotten", 10)


def test_ipv6(lab: Lab) -> None:
    tenant = Tenant6("shop6", lab.nodes["node2"].client)
    tenant.create_networks()
    tenant.create_vms(lab, (("web1", "hv1"), ("web2", "hv2"), ("web3", "hv3"), ("db1", "hv2")))
    pairs = [{"ip_address": VIP6}, {"ip_address": VIP6, "mac_address": VIRTUAL6}]
    for name in ("web1", "web3"):
        tenant.client.update("port", tenant.ports[name]["id"], allowed_address_pairs=pairs)
    tenant.client.wait_ports([port["id"] for port in tenant.ports.values()])
    vms = {name: tenant.vms[name] for name in ("web1", "web3")}
    try:
        for vmac in (False, True):
            with routers(lab, vms, [f"{VIP6}/128"], vmac) as daemons:
                streams = [PingStream(tenant.vms[name].space, VIP6, interval=0.02)
                           for name in ("web2", "db1")]  # fmt: skip
                try:
                    for stream in streams:
                        stream.wait_reply()
                    daemons["web1"].kill()
                    daemons["web3"].wait_master()
                    go_on(streams, "the master's death")
                finally:
                    for stream in streams:
                        stream.stop()
    finally:
        for name, vm in tenant.vms.items():
            vm.delete()
            lab.vms.pop(vm.name, None)
            tenant.client.remove("port", tenant.ports[name]["id"])


# ---------------------------------------------------------------- moves are told


def neighbor_of(vm: Vm, address: str) -> str:
    return vm.space.run(["ip", "neigh", "show", address]).stdout


def test_a_neighbor_is_corrected_when_an_address_gets_another_port(
    lab: Lab, shop: Tenant
) -> None:
    """It sends nothing itself: its cache alone would be wrong for minutes."""
    listener = shop.vms["web3"]
    old = shop.create_vm(lab, "web71", "hv1")
    shop.wait_active()
    wait_until(lambda: ping(listener.space, old.ip, 1).ok, "an answer", 10)
    assert old.port.mac in neighbor_of(listener, old.ip)
    address = old.ip
    shop.remove_vm(lab, "web71")
    with Capture(listener.space, "eth0", f"arp and arp[14:4] = {number(address)}", 2) as caught:
        new = shop.create_vm(lab, "web72", "hv3", address)
        try:
            shop.wait_active()
            caught.wait(20)
            text = caught.text()
            assert text.count(f"{new.port.mac} > ff:ff:ff:ff:ff:ff") == 2
            assert f"who-has {address} tell {address}" in text
            wait_until(lambda: new.port.mac in neighbor_of(listener, address),
                       "the neighbor's cache to be corrected", 5)  # fmt: skip
            assert ping(listener.space, address).ok
        finally:
            shop.remove_vm(lab, "web72")


def test_a_neighbor_hears_of_a_move_to_another_hypervisor(lab: Lab, shop: Tenant) -> None:
    listener, vm = shop.vms["web3"], shop.create_vm(lab, "web73", "hv1")
    try:
        shop.wait_active()
        wait_until(lambda: ping(listener.space, vm.ip, 1).ok, "an answer", 10)
        with Capture(listener.space, "eth0", f"arp and arp[14:4] = {number(vm.ip)}") as caught:
            vm.move(lab.hypervisors["hv3"])
            caught.wait(20)
            assert f"who-has {vm.ip} tell {vm.ip}" in caught.text()
    finally:
        shop.remove_vm(lab, "web73")


def test_an_ipv6_neighbor_is_corrected(lab: Lab) -> None:
    tenant = Tenant6("moved6", lab.nodes["node1"].client)
    tenant.create_networks()
    tenant.create_vms(lab, (("db1", "hv2"), ("db2", "hv1")))
    listener, old = tenant.vms["db1"], tenant.vms["db2"]
    address, mac = tenant.address("db2"), tenant.mac("db2")
    try:
        wait_until(lambda: ping(listener.space, address, 1).ok, "an answer", 10)
        assert mac in neighbor_of(listener, address)
        old.delete()
        lab.vms.pop(old.name, None)
        tenant.client.remove("port", tenant.ports["db2"]["id"])
        expression = "icmp6 and ip6[40] = 136 and ether dst 33:33:00:00:00:01"
        with Capture(listener.space, "eth0", expression) as caught:
            tenant.create_vms(lab, (("db2", "hv3"),))
            caught.wait(20)
            assert f"tgt is {address}" in caught.text()
        wait_until(lambda: tenant.mac("db2") in neighbor_of(listener, address),
                   "the neighbor's cache to be corrected", 5)  # fmt: skip
    finally:
        for name, vm in tenant.vms.items():
            vm.delete()
            lab.vms.pop(vm.name, None)
            tenant.client.remove("port", tenant.ports[name]["id"])


def number(address: str) -> str:
    return "0x" + socket.inet_aton(address).hex()


def gratuitous(mac: str, address: str, operation: int) -> bytes:
    """An ARP announcement (RFC 5227 section 3), as a request or as a reply."""
    source, packed = bytes.fromhex(mac.replace(":", "")), socket.inet_aton(address)
    head = b"\xff" * 6 + source + b"\x08\x06" + bytes((0, 1, 8, 0, 6, 4, 0, operation))
    return head + source + packed + bytes(6) + packed

"""Ports that move, come and go, are claimed twice; hypervisors that must be refused."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from lab.hosts.vm import Vm
from lab.tenants import Tenant
from lab.topology import Lab
from lab.traffic.ping import PingStream, ping, reach_all
from lab.wait import wait_until

# Neighbours remember the MAC of an address for a while, so each VM gets an address of its own.
NUMBERS = itertools.count(21)


@pytest.fixture
def traveller(lab: Lab, red: Tenant) -> Iterator[Vm]:
    """A VM of its own for a test, in red's network web, on hv1."""
    name = f"web{next(NUMBERS)}"
    vm = red.create_vm(lab, name, "hv1")
    try:
        red.wait_active()
        answers(red, vm)
        yield vm
    finally:
        red.remove_vm(lab, name)


def answers(red: Tenant, vm: Vm) -> None:
    """``vm`` answers from the same hypervisor and network, and from others."""
    for source in ("web1", "web4", "db2", "db3"):
        wait_until(lambda name=source: ping(red.vms[name].space, vm.ip, 1, wait=0.3).ok,
                   f"{vm.name} to answer {source}", 10)


def host_of(red: Tenant, vm: Vm) -> tuple[str, str]:
    port = red.client.show("port", vm.port.id)
    return port["status"], port["binding:host_id"]


def test_move_to_a_hypervisor_of_another_node_and_back(
    lab: Lab, red: Tenant, traveller: Vm
) -> None:
    """MAC mobility (RFC 7432 section 15): everybody follows, twice."""
    for target in ("hv3", "hv1", "hv2", "hv3"):
        traveller.move(lab.hypervisors[target])
        wait_until(lambda hv=target: host_of(red, traveller) == ("ACTIVE", hv),
                   f"the port ACTIVE on {target}", 15)
        answers(red, traveller)
        results = reach_all((vm.space, traveller.ip) for vm in red.vms.values()
                            if vm is not traveller)
        assert all(result.ok for result in results)


def test_move_under_traffic(lab: Lab, red: Tenant, traveller: Vm) -> None:
    """The stream from a third hypervisor goes on after the move."""
    stream = PingStream(red.vms["web3"].space, traveller.ip, interval=0.008)
    stream.wait_reply()
    traveller.move(lab.hypervisors["hv3"])
    count = len(stream.result().replies)
    wait_until(lambda: len(stream.result().replies) > count + 20, "replies after the move", 15)
    result = stream.stop()
    assert result.received > count


def test_unplug_and_plug_again(lab: Lab, red: Tenant, traveller: Vm) -> None:
    hypervisor = traveller.hypervisor
    assert hypervisor is not None
    before = {name: sorted(hv.flows()) for name, hv in lab.hypervisors.items()}
    traveller.unplug()
    red.client.wait_ports([traveller.port.id], "DOWN")
    for one in lab.hypervisors.values():
        wait_until(lambda hv=one: not any(traveller.port.mac in flow for flow in hv.flows()),
                   f"{one.name} to forget {traveller.name}", 10)
    assert not ping(red.vms["web1"].space, traveller.ip, 1, wait=0.3).ok
    traveller.plug(hypervisor)
    red.client.wait_ports([traveller.port.id])
    answers(red, traveller)
    after = {name: sorted(hv.flows()) for name, hv in lab.hypervisors.items()}
    # On hv1 the port has a new OpenFlow number; elsewhere it is a route like before.
    assert {name: len(flows) for name, flows in after.items()} == {
        name: len(flows) for name, flows in before.items()
    }
    assert after["hv3"] == before["hv3"]


def test_admin_state_down_cuts_a_port_off(red: Tenant, traveller: Vm) -> None:
    red.client.update("port", traveller.port.id, admin_state_up=False)
    wait_until(lambda: not ping(red.vms["web4"].space, traveller.ip, 1, wait=0.3).ok,
               "the port to be cut off", 10)
    assert host_of(red, traveller)[0] == "DOWN"
    red.client.update("port", traveller.port.id, admin_state_up=True)
    answers(red, traveller)


def test_deleting_a_claimed_port_removes_its_flows(lab: Lab, red: Tenant) -> None:
    name = f"web{next(NUMBERS)}"
    vm = red.create_vm(lab, name, "hv3")
    red.wait_active()
    answers(red, vm)
    red.client.remove("port", vm.port.id)
    for one in lab.hypervisors.values():
        wait_until(lambda hv=one: not any(vm.port.mac in flow for flow in hv.flows()),
                   f"{one.name} to forget {vm.name}", 10)
    assert not ping(red.vms["web1"].space, vm.ip, 1, wait=0.3).ok
    vm.delete()
    del red.vms[name], lab.vms[vm.name]


def test_a_port_claimed_on_two_hypervisors(lab: Lab, red: Tenant, traveller: Vm) -> None:
    """The first claim holds until it is gone; both are shown; then the newer one takes over."""
    other = lab.hypervisors["hv3"]
    other.plug_dummies([("claim0", traveller.port.id)])

    def claims() -> dict[str, bool]:
        found = red.client.get(f"/v1/ports/{traveller.port.id}")["claims"]
        return {claim["host"]: claim["holds"] for claim in found}

    try:
        wait_until(lambda: claims() == {"hv1": True, "hv3": False}, "both claims to be shown", 10)
        answers(red, traveller)
        assert host_of(red, traveller) == ("ACTIVE", "hv1")
        traveller.unplug()
        wait_until(lambda: host_of(red, traveller) == ("ACTIVE", "hv3"),
                   "the newer claim to take over", 15)
        assert claims() == {"hv3": True}
    finally:
        other.unplug("claim0")
    red.client.wait_ports([traveller.port.id], "DOWN")


def test_a_second_hypervisor_with_the_same_vtep_is_refused(lab: Lab, red: Tenant) -> None:
    """It is told why, and the one that was first goes on undisturbed."""
    extra = lab.add_hypervisor("hv4")
    stream = PingStream(red.vms["web1"].space, red.vms["db3"].ip, interval=0.02)
    first = lab.hypervisors["hv1"]
    try:
        extra.join([lab.nodes["node1"].ovsdb_target], vtep=first.vtep)
        wait_until(lambda: first.vtep in lab.nodes["node1"].log(200) and "hv4" in
                   lab.nodes["node1"].log(200), "node1's log to name hv4 and the VTEP", 10)
        shown = wait_until(
            lambda: [item for item in lab.nodes["node1"].client.v1("elements")
                     if item["element"] == "hv4"],
            "hv4 in the list of elements", 10,
        )
        assert "VTEP" in str(shown) or "vtep" in str(shown)
        assert not extra.flows()
        owners = {item["element"]: item["owner"]
                  for item in lab.nodes["node1"].client.v1("elements")}
        assert owners["hv1"] == "node1"
    finally:
        result = stream.stop()
        extra.leave()
        extra.switch.kill()
        extra.database.kill()
        del lab.hypervisors["hv4"]
    assert result.lost == 0
    lab.nodes["node1"].client.wait_healthy()

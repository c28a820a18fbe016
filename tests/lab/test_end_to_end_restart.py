"""Nodes, switches and sessions that die under traffic: forwarding goes on, no flow is touched."""

from __future__ import annotations

import time
from collections.abc import Callable

from lab.hosts.hypervisor import Hypervisor
from lab.tenants import Tenant
from lab.topology import Lab, is_up
from lab.traffic.capture import FlowMonitor
from lab.traffic.ping import PingResult, PingStream, ping
from lab.wait import wait_until
from tests.lab.recovery import all_flows, recovered

UNTOUCHED = {"ADDED": 0, "DELETED": 0, "MODIFIED": 0}


def under_traffic(
    red: Tenant, hypervisors: list[Hypervisor], action: Callable[[], None]
) -> tuple[PingResult, dict[str, int]]:
    """Run ``action`` under a routed ping of more than 100/s between hypervisors of two nodes.

    Returns the ping's result and how many flow events ``hypervisors`` reported meanwhile.
    """
    monitors = [FlowMonitor(hypervisor) for hypervisor in hypervisors]
    stream = PingStream(red.vms["web1"].space, red.vms["db3"].ip, interval=0.008)
    stream.wait_reply()
    time.sleep(0.3)
    try:
        action()
        time.sleep(0.3)
    finally:
        result = stream.stop()
        changes = dict(UNTOUCHED)
        for monitor in monitors:
            for event, count in monitor.stop().items():
                changes[event] = changes.get(event, 0) + count
    return result, changes


def test_node_killed_and_restarted(lab: Lab, red: Tenant) -> None:
    node = lab.nodes["node1"]
    before = all_flows(lab)

    def kill_and_restart() -> None:
        node.kill()
        time.sleep(0.5)
        node.restart()
        recovered(lab, red)

    result, changes = under_traffic(red, list(lab.hypervisors.values()), kill_and_restart)
    assert result.sent > 100
    assert result.lost == 0
    assert changes == UNTOUCHED
    assert all_flows(lab) == before


def test_node_stopped_ends_in_time_and_touches_no_flow(lab: Lab, red: Tenant) -> None:
    node = lab.nodes["node2"]
    before = all_flows(lab)

    def stop_and_start() -> None:
        assert node.stop(timeout=5), node.log()
        time.sleep(0.3)
        node.start()
        recovered(lab, red)

    result, changes = under_traffic(red, list(lab.hypervisors.values()), stop_and_start)
    assert result.lost == 0
    assert changes == UNTOUCHED
    assert all_flows(lab) == before


def test_what_was_removed_while_a_node_was_dead_goes_after_its_return(
    lab: Lab, red: Tenant
) -> None:
    red.create_vm(lab, "web61", "hv1")
    red.wait_active()
    vm = red.vms["web61"]
    wait_until(lambda: ping(red.vms["web4"].space, vm.ip, 1, wait=0.3).ok, "web61 to answer", 10)
    lab.nodes["node1"].kill()
    vm.unplug()
    lab.nodes["node1"].restart()
    red.client.wait_ports([vm.port.id], "DOWN", 40)
    mac = vm.port.mac
    red.remove_vm(lab, "web61")
    for hypervisor in lab.hypervisors.values():
        wait_until(lambda hv=hypervisor: not any(mac in flow for flow in hv.flows()),
                   f"no flow for {mac} on {hypervisor.name}", 40)
    recovered(lab, red)


def test_switch_killed_and_restarted(lab: Lab, red: Tenant) -> None:
    hypervisor = lab.hypervisors["hv1"]
    count = len(hypervisor.flows())
    hypervisor.crash_switch()
    hypervisor.restart_switch()
    wait_until(lambda: len(hypervisor.flows()) == count, "hv1's flows to be back", 20)
    for source, target in (("web1", "web2"), ("web1", "db3"), ("web4", "db1")):
        wait_until(lambda a=source, b=target: ping(red.vms[a].space, red.vms[b].ip, 1, wait=0.3).ok,
                   f"ping {source} to {target}", 20)
    recovered(lab, red)


def test_ovsdb_session_drops_and_comes_back(lab: Lab, red: Tenant) -> None:
    """The manager target is removed and set again; forwarding and flows do not notice."""
    hypervisor = lab.hypervisors["hv1"]
    node = lab.nodes["node1"]

    def connected() -> bool:
        return next(one["connected"] for one in node.client.v1("elements")
                    if one["element"] == "hv1")

    def leave_and_join() -> None:
        hypervisor.leave()
        wait_until(lambda: not connected(), "node1 to notice", 10)
        time.sleep(0.3)
        hypervisor.join([node.ovsdb_target])
        wait_until(connected, "hv1 to be back", 20)
        recovered(lab, red)

    result, changes = under_traffic(red, list(lab.hypervisors.values()), leave_and_join)
    assert result.lost == 0
    assert changes == UNTOUCHED


def test_database_server_killed_and_restarted(lab: Lab, red: Tenant) -> None:
    """Not one flow changes.  Packets are lost meanwhile, by ovs-vswitchd alone: without the lock
    of its database its main thread does not poll the ports of the userspace datapath
    (vswitchd/bridge.c, bridge_run); the kernel's datapath goes on."""
    hypervisor = lab.hypervisors["hv1"]
    monitors = [FlowMonitor(one) for one in lab.hypervisors.values()]
    stream = PingStream(red.vms["web1"].space, red.vms["db3"].ip, interval=0.008)
    stream.wait_reply()
    hypervisor.database.kill()
    time.sleep(0.2)
    hypervisor.start_database()
    count = len(stream.result().replies)
    wait_until(lambda: len(stream.result().replies) > count + 50, "replies after the restart", 30)
    recovered(lab, red)
    stream.stop()
    for monitor in monitors:
        assert monitor.stop() == UNTOUCHED


def test_session_between_nodes_drops_and_comes_back(lab: Lab, red: Tenant) -> None:
    """A peer that is away is no withdrawal: its paths turn stale and keep forwarding."""
    node = lab.nodes["node1"]
    route = f"blackhole {lab.nodes['node2'].address}/32"

    def peers_up() -> bool:
        return all(is_up(peer) for peer in node.client.v1("peers"))

    def cut_and_mend() -> None:
        known = len(node.client.v1("rib"))
        node.space.batch([f"route add {route}"])
        try:
            wait_until(lambda: not peers_up(), "node1 to notice that its peer is away", 20)
            time.sleep(1)
            assert len(node.client.v1("rib")) == known
        finally:
            node.space.batch([f"route del {route}"])
        wait_until(peers_up, "the session to be back", 40)
        recovered(lab, red)

    result, changes = under_traffic(red, list(lab.hypervisors.values()), cut_and_mend)
    assert result.lost == 0
    assert changes == UNTOUCHED

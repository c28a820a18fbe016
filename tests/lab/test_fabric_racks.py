"""The lab's own fabric of racks: what each fault cuts, and that it mends."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest

from lab.fabric.plan import CHASSIS, Racks
from lab.fabric.racks import RackFabric
from lab.tenants import Tenant, new_tenant
from lab.topology import Lab
from lab.traffic.ping import ping
from lab.wait import wait_until
from tests.lab.racks_support import answered, echoes, reach

ALL = {(a, b, path) for a, b in (("hv1", "hv2"), ("hv1", "hv3"), ("hv2", "hv3")) for path in (0, 1)}
SAME_RACKS = {one for one in ALL if one[:2] == ("hv1", "hv2")}
"""hv3 has its first address in the second rack: both of its paths cross the chassis."""


def of(host: str, path: int) -> set[tuple[str, str, int]]:
    return {one for one in ALL if host in one[:2] and one[2] == path}


@pytest.fixture(scope="module")
def racks() -> Iterator[Lab]:
    plan = Racks(homes={"hv3": (2, 1)})
    with Lab(f"vncf{os.getpid()}", {"node1": ("hv1", "hv2", "hv3")}, store="memory",
             racks=plan) as made:  # fmt: skip
        yield made


@pytest.fixture(scope="module")
def tenant(racks: Lab) -> Tenant:
    made = new_tenant("red", racks.nodes["node1"].client)
    made.create_vms(racks, [("web1", "hv1"), ("web2", "hv2"), ("web3", "hv3")])
    made.wait_active()
    return made


def fabric(lab: Lab) -> RackFabric:
    assert lab.racks is not None
    return lab.racks


def test_every_vtep_is_reached_on_every_path(racks: Lab) -> None:
    wait_until(lambda: reach(racks) == ALL, "all VTEPs to be reached")


def test_open_vswitch_sends_each_path_by_its_own_uplink(racks: Lab) -> None:
    for host in racks.hypervisors.values():
        routes = host.appctl("ovs/route/show")
        for far in racks.hypervisors.values():
            if far is not host:
                for here, there in zip(host.uplinks, far.uplinks, strict=True):
                    way = host.appctl("ovs/route/lookup", there.address)
                    assert f"dev {here.bridge}" in way, routes
                    assert f"src {here.address}" in way.lower(), routes


def test_racks_say_what_they_own_and_hear_of_the_rest_by_default(racks: Lab) -> None:
    made = fabric(racks)
    for rack, tor in made.tors.items():
        assert tor.routes() == {"default"}, tor.name
        assert {f"{made.plan.subnet(rack, path)}0/24" for path in (0, 1)} <= made.chassis.routes()


@pytest.mark.parametrize(("fault", "left"), [
    (lambda made: made.cut("hv1-tor1"), ALL - of("hv1", 0)),
    (lambda made: made.cut("hv3-tor1"), ALL - of("hv3", 1)),
    (lambda made: made.cut("tor1-chassis"), SAME_RACKS),
    (lambda made: made.cut_host("tor1"), ALL - of("hv1", 0) - of("hv2", 0) - of("hv3", 1)
     - of("hv3", 0)),
    (lambda made: made.cut_host(CHASSIS), SAME_RACKS),
    (lambda made: made.cut_host("hv2"), ALL - of("hv2", 0) - of("hv2", 1)),
    (lambda made: made.lose("hv1-tor1"), ALL - of("hv1", 0)),
    (lambda made: made.lose("hv1-tor1", toward="hv1"), ALL - of("hv1", 0)),
    (lambda made: made.lose("hv1-tor1", toward="tor1"), ALL - of("hv1", 0)),
    (lambda made: made.lose("tor2-chassis", toward=CHASSIS), SAME_RACKS),
], ids=["server link", "second server link", "chassis link", "rack switch", "chassis",
        "hypervisor", "silent", "toward the server", "toward the rack", "toward the chassis"],
)  # fmt: skip
def test_a_cut_has_its_effect_and_mends(
    racks: Lab, fault: Callable[[RackFabric], None], left: set[tuple[str, str, int]]
) -> None:
    made = fabric(racks)
    fault(made)
    try:
        wait_until(lambda: reach(racks) == left, f"{sorted(left)} alone", 30)
    finally:
        made.mend_all()
    made.mend_all()
    assert all(link.is_whole for link in made.links.values())
    wait_until(lambda: reach(racks) == ALL, "all VTEPs to be reached again", 60)


def test_a_cut_takes_the_carrier_and_silence_does_not(racks: Lab) -> None:
    made, host = fabric(racks), racks.hypervisors["hv1"]

    def state() -> str:
        return host.vsctl("get", "Interface", "eth0", "link_state").strip()

    made.lose("hv1-tor1")
    assert state() == "up"
    made.cut("hv1-tor1")
    wait_until(lambda: state() == "down", "the carrier to go")
    made.mend("hv1-tor1")
    wait_until(lambda: state() == "up", "the carrier to return")
    assert answered(host, racks.hypervisors["hv2"], 0)


def test_one_direction_alone_is_lost(racks: Lab) -> None:
    made, host, far = fabric(racks), racks.hypervisors["hv1"], racks.hypervisors["hv2"]
    assert answered(host, far, 0)
    for toward, heard in (("hv1", 3), ("tor1", 0)):
        made.lose("hv1-tor1", toward=toward)
        before = echoes(far)
        assert answered(host, far, 0, count=3) == 0
        assert echoes(far) - before == heard, toward
        made.mend("hv1-tor1")


def test_a_part_of_the_packets_is_lost(racks: Lab) -> None:
    """Of 200 with a chance of 0.7 each: 100 to 180 but for once in 10**9 times."""
    made, host, far = fabric(racks), racks.hypervisors["hv1"], racks.hypervisors["hv2"]
    made.lose("hv1-tor1", 30, toward="hv1")
    try:
        assert 100 <= answered(host, far, 0, count=200) <= 180
    finally:
        made.mend("hv1-tor1")
    assert answered(host, far, 0, count=50) == 50
    with pytest.raises(ValueError, match="no end"):
        made.lose("hv1-tor1", toward="hv2")
    with pytest.raises(ValueError, match="0 to 100"):
        made.lose("hv1-tor1", 101)


def test_vms_talk_across_the_chassis_and_after_it_was_cut(racks: Lab, tenant: Tenant) -> None:
    made = fabric(racks)
    here, near, far = (tenant.vms[name] for name in ("web1", "web2", "web3"))
    tenant_ok = lambda vm: ping(here.space, vm.ip).ok  # noqa: E731
    wait_until(lambda: tenant_ok(near) and tenant_ok(far), "pings between the racks")
    made.cut_host(CHASSIS)
    try:
        wait_until(lambda: tenant_ok(near) and not tenant_ok(far), "the racks to be apart", 30)
    finally:
        made.mend_host(CHASSIS)
    wait_until(lambda: tenant_ok(far), "pings between the racks again", 60)


def test_a_restarted_switch_has_its_addresses_and_routes(racks: Lab) -> None:
    host = racks.hypervisors["hv2"]
    host.crash_switch()
    host.restart_switch()
    wait_until(lambda: reach(racks) == ALL, "all VTEPs to be reached again", 30)


def test_control_over_the_underlay() -> None:
    """No management network at the hypervisors: they reach their node by their first uplink."""
    with Lab(f"vncg{os.getpid()}", {"node1": ("hv1", "hv2")}, store="memory",
             racks=Racks(homes={"hv2": (2, 1)}, control="underlay")) as lab:  # fmt: skip
        elements = {one["id"]: one for one in lab.nodes["node1"].client.v1("elements")}
        for name, host in lab.hypervisors.items():
            assert elements[name]["address"] == host.vtep
            assert "mgmt0" not in host.run(["ip", "-o", "link"])

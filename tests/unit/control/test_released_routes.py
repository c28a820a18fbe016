"""A hypervisor moves from node to node: its routes go on until the new owner announces them."""

from __future__ import annotations

import pytest

from ryu_apps.control import messages as msg
from ryu_apps.control.routes import MacIp
from ryu_apps.control.vpn.released import QUIET
from tests.property.mesh import Mesh, check, furnish
from tests.property.world_model import ASN, Node, local_paths
from tests.unit.control.learned_support import announced, holder, node, see
from vrouter_ovs.state import FLOWS, TARGET_OF


class Watched(Mesh):
    """Notes what the vrouters are told."""

    RESTART_TIME = 120

    def __init__(self, size: int) -> None:
        self.told: list[tuple] = []
        super().__init__(size)

    def flush(self, number: int) -> bool:
        busy = super().flush(number)
        self.told += [
            (effect.element, key)
            for effect in self.nodes[number].effects if isinstance(effect, msg.Program)
            for key, _ in effect.changes if TARGET_OF[key[0]] == FLOWS
        ]  # fmt: skip
        return busy


def site(size: int) -> Watched:
    mesh = furnish(Watched(size), second_ports=True)
    assert any(key[0] == "mac" for key in mesh.nodes[1].tables["e1"])
    mesh.told.clear()
    return mesh


def wait(mesh: Mesh, seconds: float) -> None:
    for _ in range(int(seconds)):
        for one in mesh.nodes:
            one.tick(1)
        mesh.rest()


@pytest.mark.parametrize("size, home", [(2, 1), (3, 1), (3, 2)])
def test_nobody_elses_flows_change(size, home):
    mesh = site(size)
    paths = set(local_paths(mesh.nodes[0].world))
    mesh.migrate("e0", home)
    for number in range(size):  # First the record, which has the former owner let go.
        mesh.flush(number)
        mesh.watch(number)
        mesh.flush(number)
        for other in range(size):
            if other != number:
                mesh.deliver(number, other)
    mesh.rest()
    wait(mesh, QUIET + 2)
    assert {element for element, _ in mesh.told} <= {"e0"}
    former, new = mesh.nodes[0], mesh.nodes[home]
    assert not former.world.publisher.released
    assert paths - set(local_paths(former.world)) <= set(local_paths(new.world))
    assert former.announced == local_paths(former.world)
    check(mesh)


def test_what_the_new_owner_does_not_announce_goes_after_the_time_of_a_restart():
    """Not before: that nothing comes for a while may be the new owner's switch."""
    mesh = site(2)
    mesh.nodes[0].inputs.elements["e0"].interfaces.pop("tap2")  # Unplugged on the way.
    mesh.migrate("e0", 1)
    mesh.rest()
    held = mesh.author.node.inputs.config["port", "port5"].mac_address

    def told() -> bool:
        return any(type(nlri) is MacIp and nlri.mac == held for nlri in mesh.nodes[0].announced)

    assert told()
    wait(mesh, 2 * QUIET)
    assert told()
    for one in mesh.nodes:
        one.tick(mesh.RESTART_TIME)
    mesh.rest()
    assert not told() and not mesh.nodes[0].world.publisher.released
    check(mesh)


def test_what_the_new_owner_announced_and_withdraws_is_over():
    """A port that is unplugged after the move: the former owner's copy must not outlive it."""
    mesh = site(2)
    held = mesh.author.node.inputs.config["port", "port5"].mac_address
    mesh.migrate("e0", 1)
    mesh.rest()
    wait(mesh, 2)
    former = mesh.nodes[0].world

    def kept() -> bool:
        return any(
            type(nlri) is MacIp and nlri.mac == held for nlri in former.publisher.released
        )

    assert kept()
    mesh.bind("e0", "tap2", None)
    mesh.rest()
    wait(mesh, 2)
    assert not kept()
    assert not any(type(nlri) is MacIp and nlri.mac == held for nlri in former.rib.best)
    check(mesh)


def test_what_the_new_owner_of_a_dead_ones_announced_and_withdraws_is_over():
    """The former owner is cut off, and its stale routes are there at all others for the while."""
    mesh = site(3)
    held = mesh.author.node.inputs.config["port", "port5"].mac_address
    others = [node.world for node in mesh.nodes[1:]]

    def known() -> list[int]:
        return [sum(type(nlri) is MacIp and nlri.mac == held for nlri in one.rib.best)
                for one in others]

    before = known()
    assert all(before)
    mesh.cut(0, 1)
    mesh.cut(0, 2)
    mesh.rest()
    assert known() == before
    mesh.migrate("e0", 1)
    mesh.rest()
    assert known() == before
    mesh.bind("e0", "tap2", None)
    mesh.rest()
    assert known() == [0, 0]


def lost(serving: bool = False) -> Node:
    """A peer has its table, then e0 goes to another node."""
    one = node()
    one.peer_up("p1")
    one.flush()
    one.catch_up()
    one.flush()
    assert one.told
    one.lose("e0", serving)
    one.flush()
    return one


def of_e0(paths) -> set:
    return {nlri for nlri, path in paths.items() if path.attrs.next_hop == "172.16.0.1"}


def test_what_nobody_hears_is_kept_for_the_others_here_alone():
    """Without a session nothing that another may have withdrawn since is said again; e1 goes on
    with what it knows of e0."""
    one = node()
    tables, before = dict(one.tables["e1"]), of_e0(one.announced)
    one.lose("e0", serving=True)
    one.flush()
    assert before and not before & set(one.announced)
    assert before <= set(one.world.rib.best) and one.tables["e1"] == tables
    one.peer_up("p1")
    one.flush()
    one.catch_up()
    one.flush()
    assert one.told and not before & set(one.announced)
    one.tick(one.world.settings.restart_time)
    one.flush()
    assert not before & set(one.world.rib.best) and not one.world.publisher.unannounced


def test_what_a_new_owner_does_not_serve_yet_is_announced_until_then():
    """Peers have it as stale until the next End-of-RIB, which must not be before its successor."""
    one = lost()
    kept = of_e0(one.announced)
    one.peer_down("p1")
    one.flush()
    assert kept and kept <= set(one.announced)
    value = dict(one.world.elements.records["e0"], serving=True)
    one.handle(msg.StatusChanged((("/status/elements/e0", value),)))
    one.flush()
    assert not kept & set(one.announced) and kept <= set(one.world.rib.best)


def test_what_is_kept_is_withdrawn_with_the_last_session_that_heard_it():
    one = lost(serving=True)
    kept = of_e0(one.announced)
    one.peer_up("p2")  # It does not have it yet.
    one.flush()
    assert kept and kept <= set(one.announced)
    one.peer_down("p1")
    one.flush()
    assert not kept & set(one.announced) and kept <= set(one.world.rib.best)
    one.catch_up()
    one.flush()
    assert one.told and not kept & set(one.announced)


def test_what_nobody_hears_goes_when_the_new_owner_has_told_everything():
    one = node()
    kept = of_e0(one.announced)
    one.lose("e0", serving=True)
    value = {"router_id": "192.0.2.9", "local_as": ASN}
    one.handle(msg.StatusChanged((("/status/nodes/other", value),)))
    one.flush()

    def wait() -> None:
        for _ in range(int(QUIET) + 1):
            one.tick(1)
            one.flush()

    wait()
    assert kept <= set(one.world.rib.best)
    one.peer_up("p1", info={"router_id": "192.0.2.9", "remote_as": ASN})
    wait()
    assert kept <= set(one.world.rib.best)
    one.end_of_rib("p1")
    wait()
    assert not kept & set(one.world.rib.best)


def test_a_new_owner_that_never_comes_has_the_time_of_a_restart():
    one = lost()
    before = dict(one.announced)
    assert before and set(one.world.rib.stale_best) & set(before)
    for _ in range(int(one.world.settings.restart_time) - 1):
        one.tick(1)
        one.flush()
    there = of_e0(before)
    assert there and there <= set(one.announced)
    one.tick(1)
    one.flush()
    assert not there & set(one.announced) and not one.world.rib.stale_best


def test_one_that_is_deleted_is_gone_at_once():
    one = node()
    one.forget("e0")
    one.flush()
    assert not any(path.attrs.next_hop == "172.16.0.1" for path in one.announced.values())
    one = lost()
    one.handle(msg.StatusChanged((("/status/elements/e0", None),)))
    one.flush()
    assert not any(path.attrs.next_hop == "172.16.0.1" for path in one.announced.values())


def test_one_that_comes_back_announces_its_own_again():
    one = node()
    before = {nlri: path for nlri, path in one.announced.items()}
    rows = dict(one.inputs.elements["e0"].interfaces)
    one.lose("e0")
    one.flush()
    one.connect("e0")
    for tap, row in rows.items():
        one.interface("e0", tap, row)
    for _ in range(4):
        one.flush()
        one.ack("e0")
        one.ack("e1")
    one.flush()
    assert one.announced == before == local_paths(one.world)
    for _ in range(int(QUIET) + 3):
        one.tick(1)
        one.flush()
    assert one.announced == before and not one.world.publisher.released


def test_a_claim_elsewhere_waits_as_for_a_node_that_is_away():
    one = lost()
    one.bind("e1", "tap9", "p1", 9)
    one.flush()
    assert "p1" not in one.world.ports.bound
    one.tick(one.world.settings.restart_time)
    one.flush()
    assert one.world.ports.bound["p1"].element == "e1"


def test_the_new_owner_learns_shared_addresses_though_the_old_still_announces_them():
    """Same VTEP, same name: what the former owner says stands against nothing."""
    one = node()
    see(one, 1)
    one.settle()
    (route,) = [path for path in one.announced.values() if getattr(path.nlri, "ip", "") ==
                "10.0.0.100"]
    fresh = node()
    fresh.receive("p1", (route,))
    fresh.settle()
    see(fresh, 1, how=msg.Evidence.ANSWERED)
    assert holder(fresh) == "p1"
    fresh.settle()
    assert announced(fresh)[0][1] == "172.16.0.1"

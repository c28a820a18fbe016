"""An element goes to another node on purpose: that one serves it before this one lets go, and no
vrouter of any node is told to change a flow."""

from __future__ import annotations

import pytest

from ryu_apps.control import messages as msg
from ryu_apps.control.membership.membership import MOVE_PATIENCE
from ryu_apps.control.ownership.records import MAINTENANCE, PINS
from ryu_apps.control.ownership.targets import KEPT
from ryu_apps.control.vpn.released import QUIET
from tests.property.mesh import check, furnish
from tests.property.world_model import ELEMENTS, local_paths
from tests.unit.control.shared_support import Shared
from vrouter_ovs.state import OVSDB, TARGET_OF, ControllerTarget


@pytest.fixture(params=[2, 3])
def mesh(request) -> Shared:
    made = furnish(Shared(request.param), second_ports=True)
    made.share()
    return made


def flows(mesh: Shared, number: int, name: str) -> dict:
    return {
        key: item for key, item in mesh.nodes[number].tables[name].items()
        if TARGET_OF[key[0]] != OVSDB
    }


def test_a_pinned_element_moves_and_no_flow_changes(mesh):
    before, paths = flows(mesh, 0, "e0"), local_paths(mesh.nodes[0].world)
    moved = {nlri for nlri, path in paths.items() if path.attrs.next_hop == "172.16.0.1"}
    assert moved
    mesh.wish(PINS + "e0", {"node": "n1"})
    mesh.wish(PINS + "e1", {"node": "n1"})  # else it would go, for the balance
    mesh.rest()
    mesh.wait(QUIET + 3)
    assert mesh.owner("e0") == [1]
    assert flows(mesh, 1, "e0") == before
    others = {(number, name) for number, name, _ in mesh.told} - {(1, "e0")}
    assert not others, "nobody else is told anything"
    assert moved <= set(local_paths(mesh.nodes[1].world))
    assert not any(one.world.publisher.released for one in mesh.nodes)
    assert mesh.nodes[0].announced == local_paths(mesh.nodes[0].world)
    mesh.home["e0"] = 1
    for number, node in enumerate(mesh.nodes):  # as the check of the mesh wants it
        for name, home in mesh.home.items():
            if home != number:
                node.inputs.elements.pop(name, None)
    check(mesh)


def test_a_node_that_is_drained_gives_all_away_one_by_one(mesh):
    """The next goes when the former is served."""
    size = len(mesh.nodes)
    leaving = []

    class Watching(list):
        def append(self, item):
            one = mesh.nodes[0].world.elements.accepted
            leaving.append(sum(element.leaving is not None for element in one.values()))
            super().append(item)

    mesh.log = Watching(mesh.log)
    mine = [name for name in ELEMENTS if mesh.owner(name) == [0]]
    mesh.wish(MAINTENANCE + "n0", {"drain": True})
    mesh.rest()
    mesh.wait(3)
    assert all(mesh.owner(name) != [0] and len(mesh.owner(name)) == 1 for name in ELEMENTS)
    assert max(leaving) == 1 and mine
    mesh.wish(MAINTENANCE + "n0", None)
    mesh.rest()
    mesh.wait(30)
    counts = [len(mesh.nodes[number].world.elements.accepted) for number in range(size)]
    assert counts[0] == 1 and sum(counts) == len(ELEMENTS), "it is given its share again"


def test_nothing_is_told_to_an_element_that_is_about_to_go(mesh):
    """The former owner goes on to announce and to answer, and programs no more."""
    mesh.wish(PINS + "e0", {"node": "n1"})
    former = mesh.nodes[0]
    for _ in range(50):
        for number in (0, *range(2, len(mesh.nodes))):
            while mesh.watch(number):
                pass
            mesh.flush(number)
        if former.world.elements.accepted["e0"].leaving is not None:
            break
    else:
        raise AssertionError("it is not asked to go")
    ports = [port for port, bound in former.world.ports.bound.items() if bound.element == "e0"]
    assert ports and all((("e0", bound.ofport) in former.edges)
                         for bound in former.world.ports.bound.values() if bound.element == "e0")
    mesh.told.clear()
    mesh.bind("e0", "tap2", None)
    mesh.flush(0)
    assert not [one for one in mesh.told if one[:2] == (0, "e0")]
    # The new owner is silent: after a while this node lets go all the same.
    for _ in range(int(MOVE_PATIENCE) + 1):
        former.tick(1)
        mesh.flush(0)
    assert "e0" not in former.world.elements.accepted
    texts = [effect.text for effect in former.effects if isinstance(effect, msg.Notice)]
    assert any("node n1 does not serve it" in text for text in texts) or texts == []


def test_switches_are_led_to_the_nodes_that_stand_by(mesh):
    def targets() -> set[str]:
        return {item.method for item in mesh.nodes[0].tables["e0"].values()
                if type(item) is ControllerTarget}

    others = {f"tcp:192.0.2.{number}:6653" for number in range(1, len(mesh.nodes))}
    assert targets() == others
    last = len(mesh.nodes) - 1
    one = mesh.nodes[last].inputs.elements["e0"]
    mesh.nodes[last].handle(msg.ElementDisconnected(one.session, "e0", "cut"))
    mesh.rest()
    mesh.wait(KEPT - 2)
    assert targets() == others, "a moment changes nothing"
    mesh.wait(3)
    assert targets() == others - {f"tcp:192.0.2.{last}:6653"}

"""A node that starts on a configuration which cannot be that of its switches deletes nothing."""

from __future__ import annotations

import pytest

from lab.beds.option_values import world_settings
from lab.beds.owners import owns
from ryu_apps.control import messages as msg
from ryu_apps.control.config.model import Change, Network, Port
from ryu_apps.control.world import World
from tests.element_info import ovs_info


class Node:
    """A World whose switches confirm at once, with a clock of its own."""

    def __init__(self, *ports: str, known: bool = False, most_lost: int = 20) -> None:
        self.world = World(world_settings("n1", 64512, ("peer",), most_lost_ports=most_lost))
        self.now = 0.0
        self.held: dict[str, bool] = {}
        self.doubts: list[msg.ConfigDoubted] = []
        self.end_of_rib = False
        self.step(self.change(*ports))
        self.step(msg.ConfigLoaded(known, remembers=False))

    @staticmethod
    def change(*ports: str) -> msg.ConfigChanged:
        changes = [Change("network", "net", Network("net", 101, 1))]
        changes += [
            Change("port", id, Port(id, "net", f"02:00:00:00:00:{int(id[1:]):02x}")) for id in ports
        ]
        return msg.ConfigChanged(tuple(changes), 1)

    def step(self, event) -> None:
        for effect in self.world.step(event, self.now):
            if isinstance(effect, msg.Defer):
                self.held[effect.element] = effect.deferred
            elif isinstance(effect, msg.SendEndOfRib):
                self.end_of_rib = True
            elif isinstance(effect, msg.ConfigDoubted):
                self.doubts.append(effect)
            elif isinstance(effect, msg.Program):
                self.step(msg.VrouterAcked(effect.element, effect.revision))

    def join(self, number: int, *ports: str, installed: bool = True) -> None:
        name = f"hv{number}"
        info = ovs_info(name, name, f"192.0.2.{number}", f"u{number}", "198.51.100.9",
                        datapath_id=number)  # fmt: skip
        rows = tuple(
            msg.Interface(f"tap{id}", id, int(id[1:]), installed=installed) for id in ports
        )
        self.step(owns("n1", name))
        self.step(msg.ElementConnected(number, info, rows, ()))
        self.step(msg.VrouterConnected(name))

    def wait(self, seconds: int) -> None:
        for _ in range(seconds):
            self.now += 1
            self.step(msg.Tick())

    @property
    def released(self) -> set[str]:
        return {name for name, held in self.held.items() if not held}


IDS = [f"p{number}" for number in range(1, 11)]


def test_an_emptied_configuration_deletes_nothing_however_long_it_takes():
    node = Node()
    node.wait(2)
    node.join(1, *IDS)
    node.wait(100)
    assert not node.released and not node.end_of_rib
    assert "does not know 10" in node.doubts[-1].reason and not node.doubts[-1].trusted
    assert "operator" in node.world.convergence.waiting_for()


def test_an_operator_accepts():
    node = Node()
    node.join(1, *IDS)
    node.wait(40)
    node.step(msg.ConfigAccepted())
    node.wait(1)
    assert node.released == {"hv1"} and node.end_of_rib
    assert node.doubts[-1] == msg.ConfigDoubted("", True)
    node.join(2, "p77")
    node.wait(30)  # Its peer never says anything.
    assert node.released == {"hv1", "hv2"}


def test_the_right_configuration_heals():
    node = Node()
    node.join(1, *IDS)
    node.wait(40)
    node.step(node.change(*IDS))
    node.wait(30)
    assert node.released == {"hv1"} and node.doubts[-1] == msg.ConfigDoubted("", True)


@pytest.mark.parametrize("known_ports, held", [(10, False), (8, False), (7, True), (0, True)])
def test_the_share_that_may_be_lost(known_ports, held):
    node = Node(*IDS[:known_ports])
    node.join(1, *IDS)
    node.wait(40)
    assert bool(node.released) != held


def test_the_share_is_of_all_hypervisors():
    node = Node(*IDS[:9])
    node.join(1, *IDS[:9])
    node.join(2, IDS[9])
    node.wait(40)
    assert node.released == {"hv1", "hv2"}


def test_a_configuration_that_is_known_is_not_weighed():
    """Its ports were deleted while the node was away."""
    node = Node(known=True)
    node.join(1, *IDS)
    node.wait(40)
    assert node.released == {"hv1"} and node.doubts == [msg.ConfigDoubted("", True)]


def test_a_hypervisor_that_comes_long_after_the_start_is_weighed_too():
    node = Node()
    node.wait(100)
    assert node.end_of_rib
    node.join(1, *IDS)
    node.wait(5)
    assert not node.released and node.doubts[-1].reason
    node.step(node.change(*IDS))
    node.wait(30)
    assert node.released == {"hv1"}


def test_claims_that_were_never_installed_are_no_evidence():
    node = Node()
    node.join(1, *IDS, installed=False)
    node.wait(40)
    assert node.released == {"hv1"} and not any(one.trusted for one in node.doubts)
    node.step(node.change("p1"))  # a port of this run works: the configuration is theirs
    node.wait(2)
    assert node.doubts[-1] == msg.ConfigDoubted("", True)


def test_a_mark_that_changes_is_no_change_of_the_interface():
    one = msg.Interface("tap1", "p1", 1, installed=True)
    assert one == msg.Interface("tap1", "p1", 1)

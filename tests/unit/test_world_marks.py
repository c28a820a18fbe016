"""Which interfaces are told to be installed, for the host's own software."""

from __future__ import annotations

from lab.beds.option_values import world_settings
from ryu_apps.control import messages as msg
from ryu_apps.control.config.model import Change, Network, Port
from ryu_apps.control.world import World

from ..element_info import ovs_info

PLUGGED = msg.Interface("tap1", "p", 5)


def started() -> World:
    world = World(world_settings("a", 65000))
    changes = (Change("network", "n", Network("n", 1000, 1)),
               Change("port", "p", Port("p", "n", "fa:16:3e:00:00:01")))
    world.step(msg.ConfigChanged(changes, 1), 0.0)
    info = ovs_info("hv1", "hv1", "192.0.2.1", "db", "198.51.100.1")
    world.step(msg.ElementConnected(1, info, (PLUGGED,), ()), 0.0)
    return world


def marks(world: World) -> list[msg.MarkInstalled]:
    return [one for one in world.step(msg.Tick(), 1.0) if type(one) is msg.MarkInstalled]


def test_marked_only_when_confirmed_and_only_once():
    world = started()
    assert marks(world) == []
    world.step(msg.VrouterAcked("hv1", 1), 0.0)
    assert marks(world) == [msg.MarkInstalled("hv1", (("tap1", True),))]
    assert marks(world) == []


def test_unmarked_when_the_port_leaves_or_is_refused():
    world = started()
    world.step(msg.VrouterAcked("hv1", 1), 0.0)
    marks(world)
    world.step(msg.FlowRejected("hv1", ("port", "p"), "table full", 1), 0.0)
    assert marks(world) == [msg.MarkInstalled("hv1", (("tap1", False),))]
    world.step(msg.InterfacesChanged(1, "hv1", (("tap1", None),)), 0.0)
    assert marks(world) == [msg.MarkInstalled("hv1", (("tap1", False),))]

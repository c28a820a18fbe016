"""Which interfaces are said to be installed, for the host's own software."""

from __future__ import annotations

from lab.beds.option_values import world_settings
from lab.beds.owners import owns
from ryu_apps.control import messages as msg
from ryu_apps.control.config.model import Change, Network, Port
from ryu_apps.control.desired.confirmations import PENDING
from ryu_apps.control.world import World
from tests.element_info import ovs_info
from vrouter_ovs.state import OPENFLOW, OVSDB, InterfaceInstalled

PLUGGED = msg.Interface("tap1", "p", 5)


def started() -> World:
    world = World(world_settings("a", 65000))
    changes = (Change("network", "n", Network("n", 1000, 1)),
               Change("port", "p", Port("p", "n", "fa:16:3e:00:00:01")))
    world.step(msg.ConfigChanged(changes, 1), 0.0)
    info = ovs_info("hv1", "hv1", "192.0.2.1", "db", "198.51.100.1")
    world.step(owns("a", "hv1"), 0.0)
    world.step(msg.ElementConnected(1, info, (PLUGGED,), ()), 0.0)
    return world


def marks(world: World) -> list[tuple]:
    """What the programs of the next second say of interfaces: (key, object or None)."""
    return said(world.step(msg.Tick(), 1.0))


def said(effects: list) -> list[tuple]:
    programs = [one for one in effects if type(one) is msg.Program]
    assert all(one.element == "hv1" for one in programs)
    return [change for one in programs for change in one.part(OVSDB)]


def mark(installed: bool) -> tuple:
    item = InterfaceInstalled("tap1", installed)
    return item.key, item


def test_marked_only_when_confirmed_and_only_once():
    world = started()
    assert marks(world) == []
    world.step(msg.VrouterAcked("hv1", 1, OPENFLOW), 0.0)
    assert marks(world) == [mark(True)]
    assert marks(world) == []


def test_unmarked_when_the_port_leaves_or_is_refused():
    world = started()
    world.step(msg.VrouterAcked("hv1", 1, OPENFLOW), 0.0)
    marks(world)
    world.step(msg.ObjectRefused("hv1", ("port", "p"), "table full", 1), 0.0)
    assert marks(world) == [mark(False)]
    effects = world.step(msg.InterfacesChanged(1, "hv1", (("tap1", None),)), 0.0)
    assert said(effects) == [(("installed", "tap1"), None)], "nothing is said of what is gone"
    assert marks(world) == []


def test_what_the_database_does_not_confirm_keeps_no_port_waiting():
    world = started()
    world.step(msg.VrouterAcked("hv1", 1, OPENFLOW), 0.0)
    marks(world)
    confirmations = world.elements.accepted["hv1"].confirmations
    assert "p" in world.ports.active
    assert confirmations.settled(OPENFLOW) and not confirmations.settled((OVSDB,))
    assert confirmations.status(("installed", "tap1")).state == PENDING
    world.step(msg.VrouterAcked("hv1", confirmations.revision, (OVSDB,)), 2.0)
    assert confirmations.settled((OVSDB,))


def test_an_interface_that_others_plugged_instead_says_what_it_is_now():
    """Away and back between two seconds: the last word is what is true then."""
    world = started()
    world.step(msg.VrouterAcked("hv1", 1, OPENFLOW), 0.0)
    marks(world)
    world.step(msg.InterfacesChanged(1, "hv1", (("tap1", None),)), 0.0)
    world.step(msg.InterfacesChanged(1, "hv1", (("tap1", PLUGGED),)), 0.0)
    assert marks(world) == [mark(False)]
    revision = world.elements.accepted["hv1"].confirmations.revision
    world.step(msg.VrouterAcked("hv1", revision, OPENFLOW), 0.0)
    assert marks(world) == [mark(True)]

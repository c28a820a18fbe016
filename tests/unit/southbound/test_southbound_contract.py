"""The southbound's contract is enough for a kind of element that is not Open vSwitch."""

from __future__ import annotations

import time

import pytest

from lab.beds.option_values import openflow_channels, ovsdb_settings, world_settings
from lab.beds.owners import owns
from ryu_apps.control import messages as msg
from ryu_apps.control.config.model import Change, FixedIp, Network, Port, Subnet
from ryu_apps.control.elements.elements import RECORDS
from ryu_apps.control.messages import EFFECTS
from ryu_apps.control.routes import MacIp
from ryu_apps.control.world import World
from ryu_apps.controller import Controller
from ryu_apps.southbound.base import NotConnected
from ryu_apps.southbound.ovs import OvsSouthbound
from ryu_apps.southbound.ovsdb.sessions import OvsdbSessions
from ryu_apps.southbound.registry import Southbounds
from ryu_apps.store.memory import MemoryStore
from ryu_apps.views.live import LiveView
from tests.element_info import ovs_info
from tests.unit.control.loop_southbound import LoopSouthbound

REFUSED = ("port", "bad")
PORTS = {"good": "10.0.0.1", "other": "10.0.0.2", "bad": "10.0.0.3"}
MACS = {port: f"fa:16:3e:00:00:0{number}" for number, port in enumerate(PORTS, 1)}
CHANGES = (
    Change("network", "n", Network("n", 1000, 1)),
    Change("subnet", "s", Subnet("s", "n", "10.0.0.0/24")),
    *(Change("port", port, Port(port, "n", MACS[port], fixed_ips=(FixedIp("s", address),)))
      for port, address in PORTS.items()),
)


class Done:
    """All effects, as they are carried out; and a store that gives every element to whom asks."""

    def __init__(self, post) -> None:
        self.effects: list = []
        self._post = post

    def subscriptions(self):
        return {effect: self._do for effect in EFFECTS}

    def _do(self, effect) -> None:
        self.effects.append(effect)
        if type(effect) is msg.AssignElement and effect.owner:
            self._post(owns(effect.owner, effect.element, epoch=effect.epoch))

    def of(self, kind: type) -> list:
        return [effect for effect in self.effects if type(effect) is kind]

    def announced(self) -> set[str]:
        """MACs of type 2 routes, without those that were withdrawn."""
        macs: dict = {}
        for effect in self.effects:
            if type(effect) is msg.Announce:
                macs.update((path.nlri, path.nlri.mac) for path in effect.paths
                            if type(path.nlri) is MacIp)
            elif type(effect) is msg.Withdraw:
                for nlri in effect.nlris:
                    macs.pop(nlri, None)
        return set(macs.values())


class Bed:
    """A controller with a World and two southbounds."""

    def __init__(self) -> None:
        self.controller = Controller(World(world_settings("node1", 65000, restart_deferral=0)))
        post = self.controller.post
        self.ovs = OvsSouthbound(
            OvsdbSessions(post, ovsdb_settings(listen=("ptcp:0:127.0.0.1",))),
            openflow_channels(post),
        )
        self.loop = LoopSouthbound(post, [REFUSED])
        self.southbounds = Southbounds()
        for southbound in (self.ovs, self.loop):
            self.southbounds.add(southbound)
        self.done = Done(post)
        self.controller.connect([self.southbounds, self.done])
        self.view = LiveView(
            self.controller, MemoryStore(), self.southbounds, None, lambda: {"node": "node1"},
            lambda element: {},
        )
        self.southbounds.start()
        self.controller.start()
        post(msg.StatusChanged((), whole=True))
        post(msg.ConfigChanged(CHANGES, 1))
        post(msg.ConfigLoaded())

    def until(self, condition, what: str) -> None:
        end = time.monotonic() + 20
        while not self.controller.query(lambda world: condition()):
            assert time.monotonic() < end, f"never came: {what}"
            time.sleep(0.01)

    def state(self, port: str) -> tuple[str, str]:
        state = self.view.port_states([port])[port]
        return state.status, state.host

    def stop(self) -> None:
        self.southbounds.stop()
        self.controller.stop()


@pytest.fixture
def bed():
    one = Bed()
    yield one
    assert one.controller.failures == 0
    one.stop()


def test_a_port_of_another_kind_is_programmed_confirmed_and_announced(bed):
    element = bed.loop.join("l1", "192.0.2.1", {1: "good", 2: "bad"})
    bed.until(lambda: MACS["good"] in bed.done.announced(), "the route of the port")
    assert bed.state("good") == ("ACTIVE", "loop-l1")
    assert bed.state("bad") == ("ERROR", "loop-l1")
    assert bed.done.announced() == {MACS["good"]}, "what is refused is not announced"
    assert ("port", "good") in element.objects and not element.deferred
    assert bed.southbounds.packet_out("l1", 1, b"frame") and element.sent == [(1, b"frame")]


def test_its_record_has_what_all_have_and_its_kind(bed):
    bed.loop.join("l1", "192.0.2.1", {})
    bed.until(lambda: [one for one in bed.done.of(msg.RecordStatus)
                       if one.key == RECORDS + "l1" and one.value["serving"]], "the record")
    record = next(
        one.value for one in bed.done.of(msg.RecordStatus) if one.key == RECORDS + "l1"
    )
    assert record["kind"] == "loop" and "datapath_id" not in record
    (shown,) = bed.view.elements()
    assert shown["id"] == "l1" and shown["openflow"]["connected"]
    assert "connections_per_port" not in shown


def test_it_leaves_and_another_takes_its_place(bed):
    first = bed.loop.join("l1", "192.0.2.1", {1: "good"})
    bed.until(lambda: MACS["good"] in bed.done.announced(), "the route of the port")
    second = bed.loop.join("l2", "192.0.2.1", {7: "good"})
    bed.until(lambda: second.refusal, "a refusal of one VTEP for two")
    assert "belongs to hypervisor loop-l1" in second.refusal and not second.accepted
    bed.controller.post(msg.ForgetElement("l1"))
    bed.until(lambda: second.accepted, "the second, when the first is gone")
    assert not first.accepted and not second.refusal
    bed.until(lambda: bed.done.announced() == {MACS["good"]}, "the route of the port")
    with pytest.raises(KeyError):
        bed.view.vrouter_flows("l1")


def test_what_is_read_from_its_data_plane(bed):
    element = bed.loop.join("l1", "192.0.2.1", {1: "good"})
    bed.until(lambda: ("port", "good") in element.objects, "its program")
    objects = [flow["object"] for flow in bed.view.vrouter_flows("l1")]
    assert ["port", "good"] in objects and None not in objects
    element.connected = False
    with pytest.raises(NotConnected):
        bed.view.vrouter_flows("l1")


def test_elements_of_two_kinds_do_not_meet(bed):
    """The same network on both: each southbound is told of its own elements alone."""
    loop = bed.loop.join("l1", "192.0.2.1", {1: "good"})
    info = ovs_info("o1", "host1", "192.0.2.2", "id", "198.51.100.1", datapath_id=7)
    row = msg.Interface("tap1", "other", 5)
    bed.controller.post(owns("node1", "o1"))
    bed.controller.post(msg.ElementConnected(10**6, info, (row,), ()))
    bed.until(lambda: len(bed.done.of(msg.AcceptElement)) == 2, "both accepted")
    bed.until(lambda: MACS["good"] in bed.done.announced(), "the route of the port")
    assert ("port", "other") not in loop.objects
    assert bed.southbounds.status("o1")["connected"] is False
    with pytest.raises(KeyError):
        bed.ovs.status("l1")
    assert not bed.southbounds.packet_out("o1", 5, b"frame"), "its switch is not there"
    assert not bed.southbounds.packet_out("nobody", 1, b"frame")


def test_an_element_may_come_back_as_another_kind(bed):
    """What was known of it as the one kind is let go first."""
    bed.loop.join("x", "192.0.2.1", {1: "good"})
    bed.until(lambda: MACS["good"] in bed.done.announced(), "the route of the port")
    element = bed.loop.elements["x"]
    bed.controller.post(msg.ElementDisconnected(element.session, "x", "closed"))
    info = ovs_info("x", "host1", "192.0.2.1", "id", "127.0.0.1", datapath_id=7)
    bed.controller.post(msg.ElementConnected(10**6, info, (), ()))
    bed.until(lambda: len(bed.done.of(msg.AcceptElement)) == 2, "accepted again")
    assert not element.accepted and bed.southbounds.status("x")["connected"] is False


def test_a_kind_has_one_southbound(bed):
    with pytest.raises(ValueError, match="'loop'"):
        bed.southbounds.add(LoopSouthbound(bed.controller.post))

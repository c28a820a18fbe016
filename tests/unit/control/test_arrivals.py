"""Ports that move while their VMs run: what each vrouter has at each step."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ryu_apps.control import messages as msg
from ryu_apps.control.config.model import Binding
from ryu_apps.control.ports.arrivals import Role, role
from ryu_apps.control.ports.newcomers import ARRIVED_TIME
from ryu_apps.control.ports.relays import RELAY_TIME
from ryu_apps.control.routes import MacIp
from tests.unit.control.ports_support import MACS, competing, node, port, why
from vrouter_ovs.state import STANDBY, STANDBY_WATCHED

KEY = ("port", "vm")
TARGET = {"requested_host": "host0", "bindings": (Binding("host1"),)}


def standby(one, element: str) -> str | None:
    item = one.tables[element].get(KEY)
    return item.standby if item is not None else None


def next_hops(one) -> list[tuple[str, int]]:
    return [(path.attrs.next_hop, path.attrs.mobility) for path in one.announced.values()
            if type(path.nlri) is MacIp]


def moving(**fields):
    """A node with the port on e0, and a claim that waits on e1."""
    one = node("e0", "e1")
    one.set("port", "vm", port("vm", **fields))
    one.bind("e0", "tap0", "vm")
    one.settle()
    one.bind("e1", "tap3", "vm")
    one.settle()
    return one


@pytest.mark.parametrize(("fields", "expected"), (
    ({}, Role.HOME),
    ({"requested_host": "hv"}, Role.NAMED),
    ({"requested_host": "hv-id"}, Role.NAMED),
    ({"requested_host": "other"}, Role.OTHER),
    ({"requested_host": "other", "bindings": (Binding("hv"),)}, Role.TARGET),
    ({"bindings": (Binding("hv"),)}, Role.TARGET),
    ({"requested_host": "other", "bindings": (Binding("hv", left=True),)}, Role.LEFT),
    ({"requested_host": "other", "binding_profile": '{"migrating_to":"hv"}'}, Role.TARGET),
    ({"requested_host": "other", "binding_profile": '{"migrating_to":7}'}, Role.OTHER),
))
def test_what_a_hypervisor_is_to_a_port(fields, expected):
    assert role(port("vm", **fields), ("hv", "hv-id")) == expected


def test_the_target_has_everything_and_lets_nothing_pass():
    one = moving(**TARGET)
    assert standby(one, "e0") == "" and standby(one, "e1") == STANDBY_WATCHED
    assert ("evi", 101) in one.tables["e1"] and ("punt", "vm") in one.tables["e1"]
    assert one.tables["e1"]["mac", 101, MACS["vm"]].hops[0].endpoint.vtep == "172.16.0.1"
    assert one.tables["e1"]["flood", 101].ports == ()
    assert next_hops(one) == [("172.16.0.1", 0)]
    assert why(one) == ["held by interface tap0 on host0; it takes over when the VM sends here, or "
                        "its binding is activated"]


def test_the_guest_comes_and_is_announced_when_the_switch_has_it():
    one = moving(**TARGET)
    one.handle(msg.GuestSeen("e1", 4))
    one.flush()
    assert standby(one, "e0") == STANDBY and standby(one, "e1") == ""
    assert next_hops(one) == [("172.16.0.1", 0)], "until the switch has the port"
    one.ack("e1")
    effects = one.flush()
    assert next_hops(one) == [("172.16.0.2", 1)]
    assert msg.ActivateBinding("vm", ("host1", "e1")) in effects
    one.settle()
    assert ("arrived", "vm") in one.tables["e1"] and ("arrived", "vm") not in one.tables["e0"]
    # What the guest's former place still sends takes nothing back.
    one.handle(msg.GuestSeen("e0", 1))
    one.settle()
    assert next_hops(one) == [("172.16.0.2", 1)]
    one.tick(0)
    one.tick(ARRIVED_TIME)
    one.settle()
    assert ("arrived", "vm") not in one.tables["e1"]


def test_what_still_comes_to_where_it_was_is_relayed_for_a_while():
    one = moving(**TARGET)
    one.handle(msg.GuestSeen("e1", 4))
    one.settle()
    mac = one.tables["e0"]["mac", 101, MACS["vm"]]
    assert mac.relay and mac.hops[0].endpoint.vtep == "172.16.0.2"
    one.tick(0)
    one.tick(RELAY_TIME)
    one.settle()
    assert one.tables["e0"]["mac", 101, MACS["vm"]] == replace(mac, relay=False)


def test_nothing_is_relayed_to_where_it_was_before():
    """A route that is older than what was announced here leads back."""
    one = moving(**TARGET)
    one.handle(msg.GuestSeen("e1", 4))
    one.settle()
    one.elsewhere("192.0.2.7")
    one.interface("e1", "tap3", None)
    one.receive("n2", (competing(mobility=1),))
    one.settle()
    for element in ("e0", "e1"):
        item = one.tables[element].get(("mac", 101, MACS["vm"]))
        assert item is None or item.relay == (element == "e0")


def test_a_frame_where_nobody_said_that_it_moves_changes_nothing():
    for fields in ({}, {"requested_host": "host0", "bindings": (Binding("host1", left=True),)}):
        one = moving(**fields)
        assert standby(one, "e1") == STANDBY
        one.handle(msg.GuestSeen("e1", 4))
        one.handle(msg.GuestSeen("e1", 77))
        one.handle(msg.GuestSeen("nobody", 1))
        one.settle()
        assert standby(one, "e0") == "" and next_hops(one) == [("172.16.0.1", 0)]


def test_an_inactive_binding_alone_holds_no_port():
    one = moving(**TARGET)
    one.interface("e0", "tap0", None)
    one.settle()
    assert not next_hops(one) and standby(one, "e1") == STANDBY_WATCHED
    one.handle(msg.GuestSeen("e1", 4))
    one.settle()
    assert next_hops(one) == [("172.16.0.2", 1)]


def test_the_configuration_says_where_it_is():
    one = moving(**TARGET)
    one.set("port", "vm", port("vm", requested_host="host1", bindings=(
        Binding("host0", left=True),)))
    one.settle()
    assert next_hops(one) == [("172.16.0.2", 1)] and standby(one, "e0") == STANDBY
    # A route of somewhere else does not hold against it.
    one.elsewhere("192.0.2.7")
    one.receive("n2", (competing(mobility=5),))
    one.settle()
    assert not next_hops(one) and standby(one, "e1") == STANDBY
    one.set("port", "vm", port("vm", requested_host="host0", bindings=(
        Binding("host1", left=True),)))
    one.settle()
    assert next_hops(one) == [("172.16.0.1", 6)]


def test_a_switch_that_refuses_the_port_ends_the_announcement_of_its_former_place():
    one = moving(**TARGET)
    one.handle(msg.GuestSeen("e1", 4))
    one.flush()
    one.refuse("e1", KEY)
    one.flush()
    assert not next_hops(one)


def test_after_a_start_the_port_is_where_it_was():
    """The mark of the interface says so, which of two claims is the older does not."""
    one = node("e0", "e1")
    one.interface("e0", "tap0", msg.Interface("tap0", "vm", 1))
    one.interface("e1", "tap3", msg.Interface("tap3", "vm", 4, installed=True))
    one.settle()
    assert next_hops(one) == [("172.16.0.2", 0)]

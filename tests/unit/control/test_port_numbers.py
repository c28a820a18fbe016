"""The OpenFlow number of an interface: from its database, or from its switch if that is first."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ryu_apps.control import messages as msg
from ryu_apps.control.elements.elements import Elements
from ryu_apps.control.graph.graph import Graph
from tests.property.world_model import Node, element_info
from tests.unit.control.elements_support import node
from vrouter_ovs.state import LocalPort
from vrouter_ovs.wire.port_status import OFPT_PORT_STATUS, decode_port_status

TAP1 = msg.Interface("tap1", "vm", -1)


def place(one: Node, element: str = "e0") -> int | None:
    """Where the vrouter has the port "vm"."""
    one.settle()
    found = [item.ofport for item in one.tables[element].values() if isinstance(item, LocalPort)]
    return found[0] if found else None


def fresh() -> Node:
    """A port, and one hypervisor on which nothing is plugged."""
    one = node()
    one.interface("e0", "tap0", None)
    assert place(one) is None
    return one


def test_the_switch_is_believed_before_the_database_has_the_number():
    one = fresh()
    one.interface("e0", "tap1", TAP1)
    assert place(one) is None
    one.handle(msg.PortStatus("e0", "tap1", 7))
    assert place(one) == 7
    one.interface("e0", "tap1", replace(TAP1, link_up=False))
    assert place(one) == 7, "a row that still has no number takes nothing back"
    one.interface("e0", "tap1", replace(TAP1, ofport=7))
    assert place(one) == 7


def test_the_announcement_may_come_before_the_row():
    one = fresh()
    one.handle(msg.PortStatus("e0", "tap1", 7))
    one.interface("e0", "tap1", TAP1)
    assert place(one) == 7


@pytest.mark.parametrize("first", ["row", "announcement"])
def test_the_database_has_the_word(first):
    one = fresh()
    for step in (first, "row" if first == "announcement" else "announcement"):
        if step == "row":
            one.interface("e0", "tap1", replace(TAP1, ofport=8))
        else:
            one.handle(msg.PortStatus("e0", "tap1", 7))
    assert place(one) == 8


def test_a_port_that_the_switch_lost_again_has_no_number():
    one = fresh()
    one.interface("e0", "tap1", TAP1)
    one.handle(msg.PortStatus("e0", "tap1", 7))
    assert place(one) == 7
    one.handle(msg.PortStatus("e0", "tap1", None))
    assert place(one) is None


def test_what_the_database_shows_stays_when_the_switch_loses_it():
    """The database says so soon enough, and with the reason."""
    one = fresh()
    one.interface("e0", "tap1", replace(TAP1, ofport=7))
    one.handle(msg.PortStatus("e0", "tap1", None))
    assert place(one) == 7


def test_an_interface_with_an_error_takes_no_number():
    one = fresh()
    one.handle(msg.PortStatus("e0", "tap1", 7))
    one.interface("e0", "tap1", replace(TAP1, error="no such device"))
    assert place(one) is None


def test_an_announcement_does_not_outlive_the_connection():
    one = fresh()
    one.handle(msg.PortStatus("e0", "tap1", 7))
    one.handle(msg.VrouterDisconnected("e0", "reset"))
    one.interface("e0", "tap1", TAP1)
    assert one.world.elements.accepted["e0"].interfaces["tap1"].ofport == -1


def test_an_announcement_of_an_unknown_element_is_nothing():
    one = fresh()
    one.handle(msg.PortStatus("nobody", "tap1", 7))
    assert place(one) is None


NAMES = st.sampled_from(["a", "b", "c"])
STEPS = st.one_of(
    st.tuples(st.just("row"), NAMES, st.sampled_from([-1, 1, 2, 3])),
    st.tuples(st.just("gone"), NAMES, st.none()),
    st.tuples(st.just("announced"), NAMES, st.sampled_from([1, 2, 3, None])),
)


@given(st.lists(STEPS, max_size=30), st.permutations([1, 2, 3]))
@example([("row", "b", 1), ("row", "a", 1), ("row", "a", -1), ("announced", "a", 1),
          ("row", "a", -1)], [1, 2, 3])
def test_in_whatever_order_they_come_the_database_is_right_at_last(steps, last):
    """And no announcement gives a number to an interface that another one has."""
    elements = Elements("node", Graph([]).marks("Elements"))
    element = elements.accept(1, element_info("e0", "172.16.0.1"))
    shown: dict[str, msg.Interface] = {}
    for kind, name, number in steps:
        if kind == "announced":
            if number is not None:
                element.numbers.announced(name, number)
            else:
                element.numbers.gone(name)
            if name in shown:
                elements.set_interfaces(element, "e0", {name: shown[name]})
            continue
        before = dict(shown)
        if kind == "gone":
            shown.pop(name, None)
        else:
            shown[name] = msg.Interface(name, f"port-{name}", number)
        if shown != before:
            elements.set_interfaces(element, "e0", {name: shown.get(name)})
        for one, row in element.interfaces.items():
            if row.ofport > 0 and shown[one].ofport < 0:
                others = [other.ofport for other in element.interfaces.values() if other != row]
                assert row.ofport not in others
    for name, number in zip("abc", last, strict=True):
        shown[name] = msg.Interface(name, f"port-{name}", number)
        elements.set_interfaces(element, "e0", {name: shown[name]})
    assert element.interfaces == shown


def message(reason: int, ofport: int, name: bytes) -> bytes:
    port = ofport.to_bytes(4, "big") + bytes(12) + name.ljust(16, b"\0") + bytes(8)
    return bytes([5, OFPT_PORT_STATUS, 0, 16 + len(port), 0, 0, 0, 0, reason]) + bytes(7) + port


def test_what_a_port_status_says():
    assert decode_port_status(message(0, 7, b"tap0")) == ("tap0", 7, True)
    assert decode_port_status(message(1, 7, b"tap0")) == ("tap0", 7, False)
    assert decode_port_status(message(2, 7, b"tap0")) is None, "it only changed"
    assert decode_port_status(message(0, 0xFFFFFFFE, b"br-int")) is None, "a reserved number"


@given(st.binary(max_size=80))
def test_a_malformed_port_status_is_nothing_or_something(data):
    told = decode_port_status(data)
    assert told is None or 0 < told.ofport < 0xFFFFFF00

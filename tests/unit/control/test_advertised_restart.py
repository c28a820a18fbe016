"""What router advertisements said before a node was started again is taken back, too."""

from __future__ import annotations

import pytest

from ryu_apps.control import messages as msg
from ryu_apps.control.config.service_addresses import service_mac
from ryu_apps.control.edge.advertised import PERIOD, Advertised
from tests.property.world_universe import NODE
from tests.unit.control.advertised_support import GATEWAY, GONE, GOOD, A, B, Bed, read, vm
from vrouter_ovs.proxies import ra


@pytest.fixture
def bed() -> Bed:
    made = Bed()
    made.start()
    return made


def test_a_change_while_the_node_was_away(bed: Bed) -> None:
    (record,) = bed.records.items()
    again = Bed(record)
    again.start(port_gw=None, subnet_a=None, port_p=vm("b"))
    said = {one[0]: one[1:] for one in read(again.port)}
    assert said[GATEWAY][:2] == (0, {A: GONE})
    assert said[service_mac(100)][:2] == (0, {A: GONE, B: GOOD})
    # And once more, in the time in which that is said.
    (key, value), *more = again.records.items()
    assert not more
    third = Bed((key, value))
    third.start(port_gw=None, subnet_a=None, port_p=vm("b"))
    assert (ra.ROUTER, GATEWAY) in third.port.withdrawn
    third.tick(1)
    assert third.tick(PERIOD + 1).withdrawn == ()
    assert [ra.ROUTER, GATEWAY] not in third.records[key]["items"]


def test_a_start_without_a_change_writes_and_takes_back_nothing(bed: Bed) -> None:
    (record,) = bed.records.items()
    again = Bed(record)
    again.start()
    assert again.records == {} and again.port.withdrawn == ()


def test_a_hypervisor_that_comes_from_another_node(bed: Bed) -> None:
    """And a router that went while nobody served it."""
    ((key, value),) = bed.records.items()
    other = key.replace(f"/{NODE}/", "/another/")
    here = Bed((other, value))
    here.start(port_gw=None)
    assert (ra.ROUTER, GATEWAY) in here.port.withdrawn
    # What the other node says no more is nothing to be taken back from those that come.
    there = Bed((other, value))
    there.node.handle(msg.StatusChanged(((other, None),)))
    there.start(port_gw=None)
    assert there.port.withdrawn == ()


def test_records_that_are_true_and_bad_ones_count_for_nothing(bed: Bed) -> None:
    ((key, value),) = bed.records.items()
    other = key.replace(f"/{NODE}/", "/another/")
    bad = [["router", "x"], ["on-link", "10.0.0.0/8"], ["router"], "x", [1, 2], ["left", ""]]
    again = Bed((other, value), (key, {"items": bad}))
    again.start()
    assert again.port.withdrawn == ()
    Advertised().recall("n", None)


def test_records_go_with_what_they_say(bed: Bed) -> None:
    bed.node.interface("e0", "tap0", None)
    bed.settle()
    for seconds in (1, PERIOD + 1):
        bed.node.tick(seconds)
        bed.settle()
    ((_, value),) = bed.records.items()
    assert value is None

"""MAC mobility sequence numbers have 32 bits (RFC 7432 section 7.7), and nothing of ours counts on
beyond the last one."""

from __future__ import annotations

import pytest

from ryu_apps.control.routes import LAST_SEQUENCE, Attributes, MacIp, Path, next_sequence
from tests.property.world_model import target
from tests.unit.control.learned_support import FAR, KEY, VIP, mac, node, path, see


@pytest.mark.parametrize("sequence, following", [
    (0, 1), (LAST_SEQUENCE - 1, LAST_SEQUENCE), (LAST_SEQUENCE, LAST_SEQUENCE),
])
def test_the_one_after_the_last_is_the_last(sequence, following):
    assert next_sequence(sequence) == following


def sequences(one):
    return {path.attrs.mobility for path in one.announced.values()}


@pytest.mark.parametrize("address", ["", "10.0.0.11", "10.0.0.77"])
def test_a_port_that_takes_over_from_the_last_number(address):
    one = node()
    far = Path(MacIp(f"{FAR}:1", 0, mac(17), address),
               Attributes(FAR, (target(101),), mobility=LAST_SEQUENCE), (101,))
    one.receive("p1", (far,))
    one.settle()
    one.receive("p1", (), (far.nlri,))
    one.settle()
    own = [path for path in one.announced.values() if getattr(path.nlri, "mac", "") == mac(17)]
    assert own and max(sequences(one)) == LAST_SEQUENCE


def test_an_address_that_moves_along_with_its_port():
    one = node()
    one.receive("p1", (path(LAST_SEQUENCE),))
    see(one, 1)
    one.settle()
    assert one.world.learned.holders[KEY].sequence == LAST_SEQUENCE
    one.receive("p1", (), (path(0).nlri,))
    one.bind("e1", "tap1", "p1", 5)
    one.interface("e0", "tap1", None)
    one.settle()
    held = [path for path in one.announced.values() if getattr(path.nlri, "ip", "") == VIP]
    assert held and max(sequences(one)) <= LAST_SEQUENCE

"""Paths between the node and the engine's process: shared while they are used, forgotten after."""

from __future__ import annotations

from ryu_apps.control.families import EVPN
from ryu_apps.control.routes import Attributes
from ryu_apps.peering.engine.messages import REMEMBERED, PathsDecoder, Recent

MAC = "02:00:00:00:00:01"


def event(decoder, *targets, rd="65000:1"):
    attrs = tuple(Attributes("10.0.0.1", tuple(map(str, targets))))
    item = (2, (rd, 0, MAC, ""), 0, (1,), "", "")
    return decoder.event("p", EVPN, (attrs,), (item,), ()).announced[0]


def test_what_stands_in_many_routes_is_one_object():
    decoder = PathsDecoder()
    first, again = (event(decoder, "65000:1" + "0" * n, "x") for n in (1, 1))
    assert first.attrs is again.attrs and first.nlri.rd is again.nlri.rd
    other = event(decoder, *(["65000:1" + "0"]), "y")
    assert other.attrs is not first.attrs
    assert other.attrs.rts[0] is first.attrs.rts[0]


def test_memory_is_bounded():
    decoder = PathsDecoder()
    for number in range(3 * REMEMBERED):
        event(decoder, f"65000:{number}", rd=f"65000:{number}")
    assert len(decoder._attributes) <= 2 * REMEMBERED
    assert len(decoder._names) <= 2 * REMEMBERED


def test_what_is_used_stays():
    recent = Recent()
    key = "a" * 50
    first = recent.share(key)
    for number in range(5 * REMEMBERED):
        recent.share(number)
        if number % (REMEMBERED // 2) == 0:
            assert recent.share("a" * 50) is first
    assert recent.get(0) is None

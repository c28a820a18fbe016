"""The meters of a vrouter: what is made, changed and deleted of what a switch has, and what their
statistics say."""

from __future__ import annotations

import struct

import pytest

from ryu_apps.southbound.openflow.meters import VrouterMeters
from vrouter_ovs.state import MeterPool
from vrouter_ovs.state.limits import SENT, limit_meter, limit_pool
from vrouter_ovs.state.meters import KILOBITS, PACKETS
from vrouter_ovs.wire.encode import METER_ADD, METER_DELETE, METER_MODIFY, decode_meter_stats

POOL = MeterPool("punt", 1, 2, 50, 100)


def limit(rate: int, port: str = "p", ofport: int = 5) -> MeterPool:
    return limit_pool(port, ofport, SENT, KILOBITS, rate, 600)


def changes(meters: VrouterMeters) -> list[tuple[int, int]]:
    return [(one.command, one.meter) for one in meters.take_changes()]


def of(*pools: MeterPool) -> VrouterMeters:
    meters = VrouterMeters()
    for pool in pools:
        meters.change(pool.key, pool)
    return meters


def test_only_what_differs_is_made_or_changed():
    meters, number = of(POOL, limit(1000)), limit_meter(5, SENT, KILOBITS)
    assert meters.unread
    meters.read({1: POOL.config, 2: None, number: (1000, 600, PACKETS)})
    assert changes(meters) == [(METER_MODIFY, 2), (METER_MODIFY, number)]
    meters.change(limit(2000).key, limit(2000))
    meters.read({1: POOL.config, 2: POOL.config, number: limit(1000).config})
    (change,) = meters.take_changes()
    assert change == (METER_MODIFY, number, 2000, 600, KILOBITS)
    meters.change(POOL.key, POOL)
    meters.read({1: POOL.config, 2: POOL.config, number: limit(2000).config})
    assert changes(meters) == [] and meters.take_deletions() == []


def test_what_was_left_behind_goes_once_the_vrouter_is_deferred_no_longer():
    """Limits that went while no node was there; not what is others'."""
    kept, gone = limit(1000), limit(1000, "q", 6)
    meters = of(POOL, kept)
    found = {1: POOL.config, 2: POOL.config, 3000: (1, 1, PACKETS), kept.first: kept.config,
             gone.first: gone.config}
    meters.read(found)
    assert changes(meters) == [] and not meters.pending and meters.take_deletions() == []
    meters.deferred = False
    assert meters.pending
    assert [(one.command, one.meter) for one in meters.take_deletions()] == [
        (METER_DELETE, gone.first)]
    assert not meters.pending


def test_one_that_comes_back_meanwhile_stays():
    gone = limit(1000, "q", 6)
    meters = of(POOL)
    meters.read({1: POOL.config, 2: POOL.config, gone.first: gone.config})
    meters.change(gone.key, gone)
    meters.deferred = False
    meters.read({1: POOL.config, 2: POOL.config, gone.first: gone.config})
    assert changes(meters) == [] and meters.take_deletions() == []


def test_a_switch_without_room_refuses_the_limit_alone():
    one = limit(1000)
    meters = of(POOL, one)
    meters.read({})
    assert changes(meters) == [(METER_ADD, 1), (METER_ADD, 2), (METER_ADD, one.first)]
    meters.refuse(one.first, "meter mod failed: out of meters")
    assert list(meters.take_refused()) == [(one.key, "meter mod failed: out of meters")]
    assert meters.refused.keys() == {one.key}


def stats(meter: int, *bands: int) -> bytes:
    size = 40 + 16 * len(bands)
    return struct.pack("!IH6xIQQII", meter, size, 1, 9, 900, 1, 0) + b"".join(
        struct.pack("!QQ", count, 0) for count in bands)


def test_what_meters_dropped():
    data = stats(1, 7) + stats(2) + stats(3, 2**64 - 1) + stats(4, 1, 2)
    assert dict(decode_meter_stats(data)) == {1: 7, 2: 0, 3: 0, 4: 3}
    for wrong in (data[:-1], data[:20], stats(1, 7)[:4] + b"\0\1" + stats(1, 7)[6:]):
        with pytest.raises(ValueError):
            list(decode_meter_stats(wrong))

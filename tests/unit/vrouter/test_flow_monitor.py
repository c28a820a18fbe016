"""What a flow monitor tells, byte by byte; when damage is put right; whose flows are whose."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ryu_apps.southbound.openflow.foreign import MAX_KNOWN, ForeignFlows
from ryu_apps.southbound.openflow.monitor import PAUSES, PEACE, Repairs
from ryu_apps.southbound.openflow.reconcile import VrouterFlows
from tests.hops import bridged
from vrouter_ovs.schema.tables import TABLE_NAMES
from vrouter_ovs.state import RemoteMac
from vrouter_ovs.wire.encode import COOKIE_BASE, Encoded
from vrouter_ovs.wire.flow_monitor import (
    ABBREV,
    ADDED,
    PAUSED,
    REMOVED,
    FlowEvent,
    decode_flow_updates,
    is_own,
)

OXM = b"\x80\x00\x06\x06\x02\x00\x00\x00\x00\x05"


def message(*updates: bytes) -> bytes:
    body = b"".join(updates)
    return struct.pack("!BBHIHH4x", 5, 19, 16 + len(body), 0, 16, 0) + body


def abbreviated(xid: int) -> bytes:
    return struct.pack("!HHI", 8, ABBREV, xid)


def full(what: int, reason: int = 0, cookie: int = COOKIE_BASE, body: bytes = b"12345678") -> bytes:
    match = struct.pack("!HH", 1, 4 + len(OXM)) + OXM + bytes(2)
    size = 24 + len(match) + len(body)
    return struct.pack("!HHBBHHH4xQ", size, what, 3, reason, 0, 0, 200, cookie) + match + body


KEY = b"\x03\x00\xc8" + OXM


def test_own_work_is_known_at_a_glance():
    assert is_own(message())
    assert is_own(message(*(abbreviated(0x0800_0000 + n) for n in range(5000))))
    assert not is_own(message(abbreviated(1), full(ADDED), abbreviated(2)))
    assert not is_own(message(struct.pack("!HHI", 8, PAUSED, 0)))
    assert list(decode_flow_updates(message(abbreviated(1)))) == []


def test_what_others_do_is_read():
    events = list(decode_flow_updates(message(
        abbreviated(1), full(ADDED), struct.pack("!HHI", 8, PAUSED, 0), full(REMOVED, 4, 7, b"")
    )))  # fmt: skip
    assert events == [
        FlowEvent(ADDED, 0, Encoded(KEY, COOKIE_BASE, b"12345678")),
        FlowEvent(REMOVED, 4, Encoded(KEY, 7, b"")),
    ]


@pytest.mark.parametrize("bad", [
    b"\0\0", struct.pack("!HHI", 0, ADDED, 0), struct.pack("!HHI", 8, ADDED, 0),
    struct.pack("!HHI", 16, ABBREV, 0), full(ADDED)[:-1],
    full(ADDED)[:26] + b"\xff\xff" + full(ADDED)[28:],
    full(ADDED)[:24] + b"\0\0" + full(ADDED)[26:],
])  # fmt: skip
def test_malformed_updates(bad):
    assert not is_own(message(bad))
    with pytest.raises(ValueError, match="flow update"):
        list(decode_flow_updates(message(bad)))


@given(st.binary(max_size=200))
def test_no_bytes_do_more_than_be_refused(body):
    try:
        events = list(decode_flow_updates(message(body)))
    except ValueError:
        assert not is_own(message(body))
    else:
        assert not (is_own(message(body)) and events)


# ------------------------------------------------------------ repairs


def test_damage_is_put_right_soon_and_less_often_where_it_goes_on():
    repairs, now, waits = Repairs(), 100.0, []
    assert repairs.due_in(now) is None
    for _ in range(10):
        repairs.damaged(now)
        repairs.damaged(now + 0.01)
        waits.append(repairs.due_in(now))
        now += waits[-1]
        repairs.begin(now)
        assert repairs.due_in(now) is None
    assert waits == sorted(waits)
    assert waits[0] == pytest.approx(PAUSES[0]) and waits[-1] == pytest.approx(PAUSES[1])
    repairs.damaged(now + PEACE + 1)
    assert repairs.due_in(now + PEACE + 1) == pytest.approx(PAUSES[0])


MACS = [RemoteMac(5001, f"02:00:00:00:00:{n:02x}", (bridged("192.0.2.1", 5001),)) for n in range(4)]


def settle(flows: VrouterFlows) -> int:
    """Carry out all changes; how many there were."""
    done = [one for batch in flows.operations() for one in batch]
    flows.confirm(done)
    flows.finish()
    return len(done)


def vrouter() -> VrouterFlows:
    flows = VrouterFlows()
    flows.defer(False)
    flows.change([(item.key, item) for item in MACS])
    settle(flows)
    return flows


DAMAGE = st.lists(st.tuples(
    st.integers(0, 3), st.sampled_from(("gone", "changed", "replaced", "extra", "back"))
), max_size=20)  # fmt: skip


@given(DAMAGE, st.integers(0, 20))
def test_the_switch_comes_out_as_wanted_whatever_others_do(damage, when):
    flows = vrouter()
    keys = list(flows.desired)
    switch = dict(flows.installed)
    for at, (which, what) in enumerate(damage):
        key = keys[which]
        new: Encoded | None = flows.desired[key]
        if what in ("gone", "replaced"):
            new = None
        elif what == "changed":
            new = Encoded(key, COOKIE_BASE + 1, b"other")
        elif what == "extra":
            key = key[:1] + b"\0\1" + key[3:]
            new = Encoded(key, COOKIE_BASE + 2, b"")
        switch.pop(key, None)
        if new is not None:
            switch[key] = new
        flows.disturbed(key, new)
        assert flows.installed == switch
        if at == when:
            flows.repair()
            settle(flows)
            switch = dict(flows.installed)
    wrong = {key for key in {*switch, *flows.desired} if switch.get(key) != flows.desired.get(key)}
    assert flows.repair() == len(wrong)
    assert settle(flows) == len(wrong)
    assert flows.installed == flows.desired
    assert not flows.pending and flows.repair() == 0


def test_what_is_as_it_was_known_to_be_is_no_damage():
    flows = vrouter()
    for key, flow in flows.desired.items():
        assert not flows.disturbed(key, flow)
    assert not flows.disturbed(b"\x03\0\1abc", None), "a flow of somebody else went"
    assert not flows.pending


# ------------------------------------------------------------ flows of others


def test_the_flows_of_others_that_are_in_front_of_ours():
    foreign, ours = ForeignFlows(), {b"\x2d\0\x05aa": 1, b"\x2d\0\x09bb": 1}
    assert foreign.status(ours)["foreign_flows"] == 0
    foreign.replace({b"\x2d\0\x04aa": 7, b"\x2d\0\x05cc": 8, b"\x09\xff\xffaa": 9})
    shown = foreign.status(ours)
    assert (shown["foreign_flows"], shown["foreign_in_front"]) == (3, 1)
    (example,) = shown["foreign_examples"]
    assert example == f"table {TABLE_NAMES[0x2D]}, priority 5, cookie 0x8"
    foreign.removed(b"\x2d\0\x05cc")
    assert foreign.status(ours)["foreign_in_front"] == 0
    foreign.added(b"\x2d\0\x09bb", 7)
    assert foreign.status(ours)["foreign_flows"] == 2, "ours took its place"
    for number in range(MAX_KNOWN + 5):
        foreign.added(b"\x2d\0\1" + number.to_bytes(4, "big"), 1)
    assert foreign.status(ours)["foreign_flows"] <= MAX_KNOWN

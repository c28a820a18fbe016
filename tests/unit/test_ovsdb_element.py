"""A hypervisor's session without a connection: what is posted, what is written and when."""

from __future__ import annotations

import pytest

from ryu_apps.control.messages import (
    ElementChanged,
    ElementConnected,
    ElementDisconnected,
    InterfacesChanged,
)
from ryu_apps.southbound.ovsdb_admission import (
    LINES,
    LINES_WINDOW,
    MAX_EARLY_PER_SOURCE,
    Admission,
    LineBudget,
)
from ryu_apps.southbound.ovsdb_database import Database
from ryu_apps.southbound.ovsdb_element import REFUSED_HOLD, Element, Origin
from ryu_apps.southbound.ovsdb_framing import ProtocolError
from ryu_apps.southbound.ovsdb_liveness import Liveness
from ryu_apps.southbound.ovsdb_settings import OvsdbSettings
from ryu_apps.southbound.ovsdb_wish import Wanted
from ryu_apps.southbound.ovsdb_writes import MAX_PAUSE, WRITE_BURST, WRITE_RATE, Writes, error_in

from .ovsdb_support import KINDS

ORIGIN = Origin(7, ("192.0.2.9", 40000), ("tcp", "192.0.2.1", 6640))


class Hypervisor:
    """An element, its database and what it posted."""

    def __init__(self, **ids: str) -> None:
        self.posted: list[object] = []
        self.database = Database(KINDS)
        self.element = Element(ORIGIN, self.database, OvsdbSettings(), self.posted.append, 0.0)
        self.element.begin(self.database.apply({"Open_vSwitch": {"root": {"insert": {
            "external_ids": ["map", list(ids.items())], "datapath_types": "system",
        }}}}))

    def update(self, table: str, uuid: str, how: str, row: dict | None) -> None:
        self.element.follow(self.database.apply({table: {uuid: {how: row}}}))

    def ids(self, **difference: str) -> None:
        self.update("Open_vSwitch", "root", "modify",
                    {"external_ids": ["map", list(difference.items())]})


@pytest.fixture
def known() -> Hypervisor:
    return Hypervisor(**{"system-id": "hv1", "vnc-encap-ip": "10.0.0.1"})


def test_it_is_posted_when_it_says_who_it_is() -> None:
    hypervisor = Hypervisor(**{"system-id": "hv1"})
    assert hypervisor.element.state == "waiting"
    assert "vnc-encap-ip is missing" in hypervisor.element.trouble
    hypervisor.ids(**{"vnc-encap-ip": "10.0.0.1"})
    (event,) = hypervisor.posted
    assert isinstance(event, ElementConnected)
    assert (event.session, event.info.element, event.info.vtep) == (7, "hv1", "10.0.0.1")
    assert hypervisor.element.trouble == ""


def test_another_host_name_is_a_change_and_another_system_id_an_end(known: Hypervisor) -> None:
    known.ids(hostname="h")
    assert isinstance(known.posted[-1], ElementChanged)
    with pytest.raises(ProtocolError, match="changed from hv1 to hv12"):
        known.update("Open_vSwitch", "root", "modify",
                     {"external_ids": ["map", [["system-id", "hv12"]]]})


def test_a_name_that_goes_away_ends_the_session_and_a_lost_address_does_not(
    known: Hypervisor,
) -> None:
    known.ids(**{"vnc-encap-ip": "10.0.0.1"})  # the same value: it goes
    assert known.element.state == "connected"
    with pytest.raises(ProtocolError, match="went away"):
        known.ids(**{"system-id": "hv1"})


def test_nothing_is_written_before_it_is_accepted_and_one_thing_at_a_time(
    known: Hypervisor,
) -> None:
    assert known.element.to_write(1.0) is None
    known.element.accept(Wanted())
    request = known.element.to_write(1.0)
    assert request is not None
    assert request.operations[-1]["op"] == "comment"
    assert known.element.to_write(1.0) is None
    assert known.element.writes.answered_by(request.identifier)
    known.element.written("constraint violation: no", 1.0)
    assert known.element.dirty
    assert known.element.trouble == "constraint violation: no"
    assert known.element.to_write(1.0) is None
    again = known.element.to_write(known.element.writes.not_before)
    assert again is not None
    assert again.identifier != request.identifier


def test_one_that_was_refused_writes_nothing_and_may_try_again_later(known: Hypervisor) -> None:
    known.element.accept(Wanted())
    known.element.refuse("two have this VTEP", 1.0)
    assert known.element.to_write(1.0) is None
    known.ids(unrelated="1")
    assert known.element.trouble == "two have this VTEP"
    known.element.tick(1.0 + REFUSED_HOLD)
    with pytest.raises(ProtocolError, match="refused: two have this VTEP"):
        known.element.tick(1.1 + REFUSED_HOLD)


def test_the_mark_of_an_interface_goes_with_it(known: Hypervisor) -> None:
    wanted = Wanted(marks={"tap1": True, "tap2": True})
    known.element.accept(wanted)
    known.update("Bridge", "b", "insert", {"name": "br-int", "ports": ["uuid", "p"]})
    known.update("Open_vSwitch", "root", "modify", {"bridges": ["uuid", "b"]})
    known.update("Port", "p", "insert", {"name": "tap1", "interfaces": ["uuid", "i"]})
    known.update("Interface", "i", "insert",
                 {"name": "tap1", "external_ids": ["map", [["iface-id", "port-1"]]]})
    known.update("Interface", "i", "delete", None)
    assert [dict(event.changes)["tap1"] is None for event in known.posted
            if isinstance(event, InterfacesChanged)] == [False, True]
    assert wanted.marks == {"tap2": True}


def test_the_end_is_told_once(known: Hypervisor) -> None:
    known.element.closed("gone")
    known.element.closed("gone")
    assert [event.reason for event in known.posted if isinstance(event, ElementDisconnected)] \
        == ["gone"]


# ------------------------------------------------------------ when


def test_writes_are_limited() -> None:
    writes = Writes(0.0)
    for _ in range(int(WRITE_BURST)):
        assert writes.begin(0.0) is not None
        writes.end("", 0.0)
    assert writes.begin(0.0) is None
    assert writes.not_before == 1 / WRITE_RATE
    assert writes.begin(2 / WRITE_RATE) is not None


def test_a_failure_pauses_longer_each_time_and_is_told_once() -> None:
    writes = Writes(0.0)
    told = [writes.end("no", 0.0) for _ in range(3)]
    assert told == [True, False, False]
    assert writes.not_before == pytest.approx(0.16)
    for _ in range(20):
        writes.end("no", 0.0)
    assert writes.not_before == MAX_PAUSE
    assert not writes.end("", 0.0)
    assert (writes.failures, writes.last_error) == (0, "")
    assert writes.end("no", 0.0)


@pytest.mark.parametrize(("result", "error"), [
    ([{}, {"count": 1}, None], ""),
    ([{}, {"error": "constraint violation", "details": "why"}], "constraint violation: why"),
    ("nonsense", ""),
])
def test_the_error_of_a_transaction(result: object, error: str) -> None:
    assert error_in(result) == error


def test_one_probe_in_each_silence_then_the_end() -> None:
    liveness = Liveness(5.0, 10.0, 0.0)
    assert [liveness.probe_due(now) for now in (5.0, 5.5, 9.0)] == [False, True, False]
    liveness.heard(9.5)
    assert [liveness.probe_due(now) for now in (14.0, 15.0)] == [False, True]
    with pytest.raises(ProtocolError, match="silent for 11 s"):
        liveness.probe_due(20.5)


def test_each_step_of_the_start_has_its_own_time() -> None:
    liveness = Liveness(5.0, 10.0, 0.0)
    assert not liveness.late(10.0)
    assert liveness.late(10.5)
    liveness.step_begun(10.0)
    assert not liveness.late(20.0)


def test_one_source_may_not_take_every_place() -> None:
    admission = Admission(1000)
    for number in range(MAX_EARLY_PER_SOURCE):
        assert admission.refusal("192.0.2.1", number) == ""
        admission.begun(number, "192.0.2.1")
    assert "have not shown a database yet" in admission.refusal("192.0.2.1", 256)
    assert admission.refusal("192.0.2.2", 256) == ""
    admission.not_early(0)
    admission.not_early(0)
    assert admission.refusal("192.0.2.1", 256) == ""
    assert admission.refusal("192.0.2.2", 1000) == "there are already 1000 sessions"


def test_a_flood_fills_no_log_and_is_counted() -> None:
    lines = LineBudget()
    shown = [lines.take(100.0)[0] for _ in range(LINES + 30)]
    assert sum(shown) == LINES
    assert lines.take(100.5 + LINES_WINDOW) == (True, 30)

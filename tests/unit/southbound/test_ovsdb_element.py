"""A hypervisor's session without a connection: what is posted, what is written and when."""

from __future__ import annotations

import dataclasses

import pytest

from lab.beds.option_values import ovsdb_settings
from ryu_apps.connections.certified import Certified
from ryu_apps.control.messages import (
    ElementChanged,
    ElementConnected,
    ElementDisconnected,
    ElementUnusable,
    InterfacesChanged,
)
from ryu_apps.southbound.ovsdb.admission import (
    LINES,
    LINES_WINDOW,
    MAX_EARLY_PER_SOURCE,
    LineBudget,
    SessionAdmission,
)
from ryu_apps.southbound.ovsdb.contents.view import View
from ryu_apps.southbound.ovsdb.element import REFUSED_HOLD, WAITING_LIMIT, Origin, OvsdbElement
from ryu_apps.southbound.ovsdb.protocol.framing import ProtocolError
from ryu_apps.southbound.ovsdb.protocol.liveness import CHALLENGE, Liveness
from ryu_apps.southbound.ovsdb.protocol.replica import Replica
from ryu_apps.southbound.ovsdb.writing.pacing import (
    MAX_PAUSE,
    WRITE_BURST,
    WRITE_RATE,
    TransactionPacing,
    error_in,
    failed_at,
)
from ryu_apps.southbound.ovsdb.writing.requested import FIRST_PAUSE
from tests.unit.southbound.ovsdb_support import KINDS, asked
from vrouter_ovs.state import Endpoint, InterfaceInstalled, TunnelPort

ORIGIN = Origin(7, ("192.0.2.9", 40000), ("tcp", "192.0.2.1", 6640))


def no_vtep(vtep: str, peer: str) -> str:
    assert peer == ORIGIN.peer[0]
    return f"{vtep} is no host's" if vtep == "10.0.0.255" else ""


class Hypervisor:
    """An element, its database and what it posted."""

    def __init__(
        self, certified: Certified | None = None, how: str = "if-named", **ids: str
    ) -> None:
        self.posted: list[object] = []
        self.view = View(Replica(KINDS))
        self.element = OvsdbElement(
            ORIGIN._replace(certified=certified), self.view,
            dataclasses.replace(ovsdb_settings(), certified_vteps=how),
            self.posted.append, 0.0, no_vtep,
        )
        self.element.begin(self.view.update({"Open_vSwitch": {"root": {"insert": {
            "external_ids": ["map", list(ids.items())], "datapath_types": "system",
        }}}}))
        self.element.introduce()

    def update(self, table: str, uuid: str, how: str, row: dict | None) -> None:
        self.element.on_update(self.view.update({table: {uuid: {how: row}}}))

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
    assert hypervisor.element.state == "identified"
    hypervisor.element.introduce()
    problem, mended, event = hypervisor.posted
    assert isinstance(event, ElementConnected)
    assert "vnc-encap-ip is missing" in problem.reason
    assert (problem.session, problem.element, problem.address) == (7, "hv1", "192.0.2.9")
    assert (mended.session, mended.reason) == (7, "")
    assert (event.session, event.info.element, event.info.vtep) == (7, "hv1", "10.0.0.1")
    assert hypervisor.element.trouble == ""


def test_over_tls_it_is_who_its_certificate_says(caplog) -> None:
    ids = {"system-id": "hv1", "vnc-encap-ip": "10.0.0.1"}
    for names in (frozenset({"hv1"}), frozenset({"hv1.example", "hv1"}), None):
        event = Hypervisor(None if names is None else Certified(names), **ids).posted[-1]
        assert isinstance(event, ElementConnected)
        assert event.info.certified == names
    for certified, named in ((frozenset({"hv2"}), "hv2"), (frozenset(), "no hypervisor"),
                             (frozenset({"HV1", "\x1b[2J"}), "HV1, \\x1b[2J")):
        hypervisor = Hypervisor(Certified(certified), **ids)
        refused, = hypervisor.posted
        assert isinstance(refused, ElementUnusable)
        assert f"its certificate is of {named}, not of hv1" in refused.reason
        assert refused.reason in caplog.text
        assert (refused.element, refused.address) == ("hv1", "192.0.2.9")
        hypervisor.ids(**{"system-id": "", "hostname": "h"})
        assert not [event for event in hypervisor.posted if isinstance(event, ElementConnected)]
        with pytest.raises(ProtocolError, match=r"its certificate|missing"):
            hypervisor.element.tick(WAITING_LIMIT + 1)


@pytest.mark.parametrize("given,addresses,how,why", [
    ("10.0.0.1", (), "if-named", ""),
    ("10.0.0.1", ("10.0.0.1",), "if-named", ""),
    ("10.0.0.1", ("10.0.0.1", "192.0.2.1"), "required", ""),
    ("10.0.0.1,fd00:0::1", ("fd00::1", "10.0.0.1"), "if-named", ""),
    ("10.0.0.1", ("10.0.0.2",), "if-named", "VTEP 10.0.0.1 (external_ids:vnc-encap-ip); the "
     "addresses in it are: 10.0.0.2"),
    ("10.0.0.1", ("10.0.0.2",), "ignored", ""),
    ("10.0.0.1", (), "ignored", ""),
    ("10.0.0.1", (), "required", "the addresses in it are: none"),
    ("10.0.0.1,fd00::1", ("10.0.0.1",), "if-named", "not for the VTEP fd00::1 ("),
    ("10.0.0.1,10.0.1.1", ("10.0.1.1",), "if-named", "--address 10.0.0.1 --address 10.0.1.1"),
    ("10.0.0.1", ("::ffff:10.0.0.1",), "if-named", "not for the VTEP 10.0.0.1 ("),
])
def test_its_vteps_are_those_of_its_certificate(given, addresses, how, why, caplog) -> None:
    certified = Certified(frozenset({"hv1"}), frozenset(addresses))
    hypervisor = Hypervisor(certified, how, **{"system-id": "hv1", "vnc-encap-ip": given})
    event, = hypervisor.posted
    if not why:
        assert isinstance(event, ElementConnected)
        return
    assert isinstance(event, ElementUnusable)
    assert why in event.reason and "vnctl pki issue hypervisor hv1 --address" in event.reason
    assert event.reason in caplog.text
    assert hypervisor.element.trouble == event.reason
    # Without a certificate only uniqueness is asked for.
    assert isinstance(
        Hypervisor(None, how, **{"system-id": "hv1", "vnc-encap-ip": given}).posted[-1],
        ElementConnected)


def test_one_that_takes_a_vtep_that_is_not_its_own_keeps_the_one_that_is() -> None:
    certified = Certified(frozenset({"hv1"}), frozenset({"10.0.0.1"}))
    hypervisor = Hypervisor(certified, **{"system-id": "hv1", "vnc-encap-ip": "10.0.0.1"})
    hypervisor.update("Open_vSwitch", "root", "modify", {"external_ids": [
        "map", [["vnc-encap-ip", "10.0.0.7"]]]})
    assert "not for the VTEP 10.0.0.7" in hypervisor.element.trouble
    assert hypervisor.element.info.vtep == "10.0.0.1"
    assert not [one for one in hypervisor.posted if isinstance(one, ElementChanged)]


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
    known.element.accept(asked())
    request = known.element.to_write(1.0)
    assert request is not None
    assert request.operations[-1]["op"] == "comment"
    assert known.element.to_write(1.0) is None
    assert known.element.pacing.answered_by(request.identifier)
    known.element.written("constraint violation: no", 1.0)
    assert known.element.dirty
    assert known.element.trouble == "constraint violation: no"
    assert known.element.to_write(1.0) is None
    again = known.element.to_write(known.element.pacing.not_before)
    assert again is not None
    assert again.identifier != request.identifier


def test_one_that_was_refused_writes_nothing_and_may_try_again_later(known: Hypervisor) -> None:
    known.element.accept(asked())
    known.element.refuse("two have this VTEP", 1.0)
    assert known.element.to_write(1.0) is None
    known.ids(unrelated="1")
    assert known.element.trouble == "two have this VTEP"
    known.element.tick(1.0 + REFUSED_HOLD)
    with pytest.raises(ProtocolError, match="refused: two have this VTEP"):
        known.element.tick(1.1 + REFUSED_HOLD)


def test_one_that_stands_by_writes_nothing_and_is_told_of_again(known: Hypervisor) -> None:
    known.element.accept(asked())
    known.element.stand_by("owned by node1")
    assert known.element.to_write(1.0) is None
    assert known.element.trouble == "owned by node1"
    known.ids(hostname="h")
    assert isinstance(known.posted[-1], ElementChanged)
    known.element.tick(1e6)
    known.element.introduce()
    assert (known.element.state, known.element.trouble) == ("connected", "")
    assert isinstance(known.posted[-1], ElementConnected)
    assert known.posted[-1].info.hostname == "h"


def test_who_does_not_say_who_it_is_is_closed_after_a_while() -> None:
    hypervisor = Hypervisor(hostname="host")
    hypervisor.element.tick(WAITING_LIMIT)
    with pytest.raises(ProtocolError, match="system-id is missing"):
        hypervisor.element.tick(WAITING_LIMIT + 1)
    hypervisor.element.closed("waited")
    assert [(event.hostname, bool(event.reason)) for event in hypervisor.posted] \
        == [("host", True), ("host", False)]


def test_a_vtep_that_this_node_knows_to_be_none_is_not_taken() -> None:
    hypervisor = Hypervisor(**{"system-id": "hv1", "vnc-encap-ip": "10.0.0.255"})
    assert hypervisor.element.state == "waiting"
    assert "vnc-encap-ip 10.0.0.255 is no host's; run on it" in hypervisor.element.trouble


def bridge(known: Hypervisor) -> None:
    """It has the integration bridge, with a claim."""
    known.update("Bridge", "b", "insert", {"name": "br-int", "ports": ["uuid", "p"]})
    known.update("Open_vSwitch", "root", "modify", {"bridges": ["uuid", "b"]})
    known.update("Port", "p", "insert", {"name": "tap1", "interfaces": ["uuid", "i"]})
    known.update("Interface", "i", "insert",
                 {"name": "tap1", "external_ids": ["map", [["iface-id", "port-1"]]]})


def test_an_interface_that_is_made_anew_is_marked_again(known: Hypervisor) -> None:
    bridge(known)
    known.element.accept(asked(InterfaceInstalled("tap1", True)))
    known.element.to_write(1.0)
    known.element.written("", 1.0)
    known.element.dirty = False
    known.update("Interface", "i", "delete", None)
    assert [dict(event.changes)["tap1"] is None for event in known.posted
            if isinstance(event, InterfacesChanged)] == [False, True]
    assert known.element.dirty


def test_an_operation_that_the_database_refuses_is_its_objects_and_the_rest_is_written(
    known: Hypervisor,
) -> None:
    bridge(known)
    bad, good = TunnelPort(Endpoint("10.0.0.7")), InterfaceInstalled("tap1", True)
    requested = asked(bad, good)
    known.element.accept(requested)
    first = known.element.to_write(1.0)
    at = next(number for number, one in enumerate(first.operations) if one["op"] == "insert"
              and one["row"].get("type") == "vxlan")
    known.element.written("constraint violation: no", 1.0, at)
    now = known.element.pacing.not_before
    assert now < 1.5, "the others wait for the transaction's pause alone"
    again = known.element.to_write(now)
    assert not any(one["op"] == "insert" and one["table"] == "Port" for one in again.operations)
    assert any(one["op"] == "mutate" and one["table"] == "Interface" for one in again.operations)
    assert [(event.key, event.reason) for event in requested.posted] \
        == [(bad.key, "constraint violation: no")]
    known.element.written("", now)
    known.element.dirty = False
    known.element.tick(1.0 + FIRST_PAUSE)
    assert known.element.dirty, "and it is tried again"


def test_the_end_is_told_once(known: Hypervisor) -> None:
    known.element.closed("gone")
    known.element.closed("gone")
    assert [event.reason for event in known.posted if isinstance(event, ElementDisconnected)] \
        == ["gone"]


# ------------------------------------------------------------ when


def test_writes_are_limited() -> None:
    writes = TransactionPacing(0.0)
    for _ in range(int(WRITE_BURST)):
        assert writes.begin(0.0) is not None
        writes.end("", 0.0)
    assert writes.begin(0.0) is None
    assert writes.not_before == 1 / WRITE_RATE
    assert writes.begin(2 / WRITE_RATE) is not None


def test_a_failure_pauses_longer_each_time_and_is_told_once() -> None:
    writes = TransactionPacing(0.0)
    told = [writes.end("no", 0.0) for _ in range(3)]
    assert told == [True, False, False]
    assert writes.not_before == pytest.approx(0.16)
    for _ in range(20):
        writes.end("no", 0.0)
    assert writes.not_before == MAX_PAUSE
    assert not writes.end("", 0.0)
    assert (writes.failures, writes.last_error) == (0, "")
    assert writes.end("no", 0.0)


@pytest.mark.parametrize(("result", "error", "at"), [
    ([{}, {"count": 1}, None], "", None),
    ([{}, {"error": "constraint violation", "details": "why"}], "constraint violation: why", 1),
    ("nonsense", "", None),
])
def test_the_error_of_a_transaction(result: object, error: str, at: int | None) -> None:
    assert (error_in(result), failed_at(result)) == (error, at)


def test_one_probe_in_each_silence_then_the_end() -> None:
    liveness = Liveness(5.0, 10.0, 0.0)
    assert [liveness.probe_due(now) for now in (5.0, 5.5, 9.0)] == [False, True, False]
    liveness.received(9.5)
    assert [liveness.probe_due(now) for now in (14.0, 15.0)] == [False, True]
    with pytest.raises(ProtocolError, match="silent for 11 s"):
        liveness.probe_due(20.5)


def test_a_node_that_was_stopped_asks_before_it_gives_up() -> None:
    liveness = Liveness(5.0, 10.0, 0.0)
    assert [liveness.probe_due(now) for now in (60.0, 61.0, 65.0)] == [True, False, False]
    liveness.received(65.0)
    assert not liveness.probe_due(66.0)


def test_who_is_challenged_must_show_something_soon() -> None:
    liveness = Liveness(5.0, 10.0, 0.0)
    assert [liveness.challenged(now) for now in (1.0, 2.0)] == [True, False]
    assert not liveness.probe_due(1.0 + CHALLENGE)
    with pytest.raises(ProtocolError, match="another session of the hypervisor came"):
        liveness.probe_due(1.1 + CHALLENGE)
    liveness.received(4.05)
    assert not liveness.probe_due(5.0)
    assert liveness.challenged(5.0)


def test_each_step_of_the_start_has_its_own_time() -> None:
    liveness = Liveness(5.0, 10.0, 0.0)
    assert not liveness.late(10.0)
    assert liveness.late(10.5)
    liveness.step_begun(10.0)
    assert not liveness.late(20.0)


def admission(total: int = 1000, per_source: int = 1000, known: str = "") -> SessionAdmission:
    return SessionAdmission(total, per_source, lambda address: address == known)


def test_one_source_may_not_take_every_place() -> None:
    door = admission()
    for number in range(MAX_EARLY_PER_SOURCE):
        assert door.enter(number, "192.0.2.1") == ""
    assert "have not shown a database yet" in door.enter(-1, "192.0.2.1")
    assert door.enter(1000, "192.0.2.2") == ""
    door.not_early(0)
    door.not_early(0)
    assert door.enter(1001, "192.0.2.1") == ""
    assert "have not shown a database yet" in door.enter(-1, "192.0.2.1")
    door.left(1)
    door.left(1)
    assert door.enter(1002, "192.0.2.1") == ""
    assert door.enter(-1, "192.0.2.1") != ""


def test_one_source_may_not_take_every_place_with_databases_either() -> None:
    door = admission(per_source=3)
    for number in range(3):
        assert door.enter(number, "192.0.2.1") == ""
        door.not_early(number)
    assert door.enter(3, "192.0.2.1") == "3 are open from there"
    door.left(0)
    assert door.enter(4, "192.0.2.1") == ""


def test_all_strangers_together_leave_half_of_the_places_to_hypervisors_that_joined() -> None:
    door = admission(total=10, known="192.0.2.1")
    strangers = [door.enter(number, f"198.51.100.{number}") for number in range(10)]
    assert strangers == [""] * 5 + ["5 are open from addresses that no hypervisor has"] * 5
    assert [door.enter(20 + number, "192.0.2.1") for number in range(6)] \
        == [""] * 5 + ["10 are open"]
    door.left(20)
    assert door.enter(40, "198.51.100.77") != ""
    assert door.enter(41, "192.0.2.1") == ""


def test_a_flood_fills_no_log_and_is_counted() -> None:
    lines = LineBudget()
    shown = [lines.take(100.0)[0] for _ in range(LINES + 30)]
    assert sum(shown) == LINES
    assert lines.take(100.5 + LINES_WINDOW) == (True, 30)

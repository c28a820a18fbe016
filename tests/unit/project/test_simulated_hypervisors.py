"""The lab's simulated hypervisors answer as Open vSwitch does, where a node looks at the answer."""

from __future__ import annotations

import struct

import pytest

from lab.simulated import switch as openflow
from lab.simulated.database import Database

BUNDLE = 7
IN_PORT = struct.pack("!HHIIxxxx", 1, 12, 0x80000004, 5)


def flow_mod(priority: int) -> bytes:
    return openflow.message(openflow.FLOW_MOD, 1, struct.pack(
        "!QQBBHHHIIIHH", 1, 0, 3, openflow.ADD, 0, 0, priority, 0xFFFFFFFF, 0, 0, 0, 0
    ) + IN_PORT)


def control(kind: int) -> bytes:
    return openflow.message(openflow.BUNDLE_CONTROL, 2, struct.pack("!IHH", BUNDLE, kind, 3))


def add(message: bytes) -> bytes:
    return openflow.message(openflow.BUNDLE_ADD, 2, struct.pack("!IHH", BUNDLE, 0, 3) + message)


def role(wanted: int, generation: int) -> bytes:
    return openflow.message(openflow.ROLE_REQUEST, 3, struct.pack("!I4xQ", wanted, generation))


def kinds(data: bytes) -> list[int]:
    return [message[1] for message in openflow.split(bytearray(data))]


@pytest.fixture
def switch() -> openflow.SimulatedSwitch:
    return openflow.SimulatedSwitch()


def connect(switch: openflow.SimulatedSwitch) -> tuple[openflow.Connection, bytearray]:
    told = bytearray()
    connection = openflow.Connection(told.extend)
    switch.connections.add(connection)
    return connection, told


@pytest.mark.parametrize("ends", [
    [openflow.COMMIT], [openflow.CLOSE, openflow.COMMIT],
])
def test_a_bundle_is_carried_out_when_it_is_committed(
    switch: openflow.SimulatedSwitch, ends: list[int]
) -> None:
    connection, _ = connect(switch)
    switch.answer(connection, control(openflow.OPEN))
    for priority in range(3):
        switch.answer(connection, add(flow_mod(priority)))
    for kind in ends:
        assert not switch.flows
        assert kinds(switch.answer(connection, control(kind))) == [openflow.BUNDLE_CONTROL]
    assert len(switch.flows) == 3


def test_a_bundle_that_is_discarded_changes_nothing(switch: openflow.SimulatedSwitch) -> None:
    connection, _ = connect(switch)
    for message in (control(openflow.OPEN), add(flow_mod(1)), control(6), control(openflow.COMMIT)):
        switch.answer(connection, message)
    assert not switch.flows


def test_the_former_master_is_told_and_writes_no_more(switch: openflow.SimulatedSwitch) -> None:
    (former, told), (new, _) = connect(switch), connect(switch)
    switch.answer(former, role(openflow.MASTER, 1))
    switch.answer(new, role(openflow.MASTER, 2))
    assert kinds(told) == [openflow.ROLE_STATUS] and former.role == openflow.SLAVE
    refused = switch.answer(former, flow_mod(1))
    assert kinds(refused) == [openflow.ERROR] and not switch.flows
    assert struct.unpack_from("!HH", refused, 8) == openflow.IS_SLAVE
    switch.answer(new, flow_mod(1))
    assert len(switch.flows) == 1


def test_a_role_of_an_older_generation_is_refused(switch: openflow.SimulatedSwitch) -> None:
    (first, _), (late, _) = connect(switch), connect(switch)
    switch.answer(first, role(openflow.MASTER, 5))
    refused = switch.answer(late, role(openflow.MASTER, 4))
    assert struct.unpack_from("!HH", refused, 8) == openflow.STALE
    assert first.role == openflow.MASTER and late.role == openflow.EQUAL


def test_a_wait_without_columns_asks_how_many_rows_there_are() -> None:
    """RFC 7047 section 5.2.6."""
    database = Database()
    database.transact([{"op": "insert", "table": "Open_vSwitch", "row": {}}])

    def waits(rows: list[dict], until: str) -> bool:
        (result,), _ = database.transact([{
            "op": "wait", "table": "Open_vSwitch", "where": [], "columns": [], "until": until,
            "rows": rows, "timeout": 0,
        }])
        return "error" not in result

    assert waits([{}], "==") and not waits([], "==")
    assert waits([], "!=") and not waits([{}], "!=")

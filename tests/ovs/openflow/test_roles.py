"""What Open vSwitch does with roles: the facts that :mod:`vrouter_ovs.wire.roles` relies on."""

from __future__ import annotations

import struct

import pytest

from lab.beds.sandbox import OpenFlow, Sandbox
from vrouter_ovs.state import ALL, Bucket, Group
from vrouter_ovs.state.meters import PACKETS
from vrouter_ovs.wire import encode as wire
from vrouter_ovs.wire.buckets import encode_group
from vrouter_ovs.wire.flow_monitor import ADDED, decode_flow_updates, flow_monitor_request
from vrouter_ovs.wire.flows import Encoded
from vrouter_ovs.wire.groups import GROUP_ADD, group_mod
from vrouter_ovs.wire.roles import (
    EQUAL,
    MASTER,
    NO_CHANGE,
    OFPT_REQUESTFORWARD,
    OFPT_ROLE_REPLY,
    OFPT_ROLE_STATUS,
    SLAVE,
    STALE,
    Role,
    decode_role,
    forward_requests,
    is_slave_error,
    role_request,
)

FLOW = Encoded(bytes((0, 0, 7)), wire.COOKIE_BASE | 1, b"")


@pytest.fixture(scope="module")
def sandbox():
    box = Sandbox()
    try:
        box.start()
        yield box
    finally:
        box.stop()


@pytest.fixture
def pair(sandbox):
    """Two controllers; the generation id goes on from test to test, as the switch does."""
    pair = sandbox.connect(), sandbox.connect()
    yield pair
    for one in pair:
        one.close()
    sandbox.ofctl("del-flows")


def ask(client: OpenFlow, role: int, generation: int = 0) -> Role | tuple[int, int]:
    """The role and generation that there are then, or the type and code of the error."""
    xid = client.next_xid()
    client.send(role_request(role, generation, xid))
    while True:
        message = client.receive()
        if message[4:8] == xid.to_bytes(4, "big"):
            if message[1] == OFPT_ROLE_REPLY:
                return decode_role(message)
            return wire.decode_error(message)[1:3]


def errors(client: OpenFlow, *messages: bytes) -> list[bytes]:
    xid = client.next_xid()
    client.send(b"".join(messages) + wire.barrier(xid))
    return client.until(21, xid)[1]


def test_a_switch_that_has_started_remembers_nothing(sandbox, pair):
    one, two = pair
    assert ask(one, NO_CHANGE) == Role(EQUAL, 0)
    assert ask(one, MASTER, 5) == Role(MASTER, 5)
    assert ask(two, NO_CHANGE) == Role(EQUAL, 5)


def test_a_lower_generation_is_refused_for_master_and_slave(pair):
    one, two = pair
    assert ask(one, MASTER, 10) == Role(MASTER, 10)
    assert ask(two, MASTER, 9) == STALE
    assert ask(two, SLAVE, 9) == STALE
    assert ask(two, SLAVE, 10) == Role(SLAVE, 10)
    assert ask(two, MASTER, 11) == Role(MASTER, 11)
    message = one.receive()
    assert message[1] == OFPT_ROLE_STATUS
    assert decode_role(message) == Role(SLAVE, 11)


def test_a_slave_is_refused_whatever_changes_the_switch(pair):
    one, two = pair
    assert ask(one, SLAVE, 20) == Role(SLAVE, 20)
    refused = [
        wire.flow_mod(wire.ADD, FLOW, 101),
        wire.bundle_open(1, 102),
        wire.bundle_flow_mod(1, wire.ADD, FLOW, 103),
        wire.bundle_close(1, 104),
        wire.bundle_commit(1, 105),
        wire.packet_out(1, bytes(60), 106),
        wire.meter_mod(wire.METER_ADD, 5, 10, 10, PACKETS, 107),
        group_mod(GROUP_ADD, encode_group(Group(1, ALL, (Bucket(1),))), 108),
    ]
    found = errors(one, *refused)
    assert [int.from_bytes(error[4:8], "big") for error in found] == list(range(101, 109))
    assert all(map(is_slave_error, found))
    assert not errors(one, wire.flush_zone(5, 109)), "the exception"
    assert not two.read_flows()


def test_a_bundle_that_was_open_when_another_became_master_is_not_committed(pair):
    one, two = pair
    assert ask(one, MASTER, 30) == Role(MASTER, 30)
    assert not errors(one, wire.bundle_open(1, 201), wire.bundle_flow_mod(1, wire.ADD, FLOW, 202))
    assert ask(two, MASTER, 31) == Role(MASTER, 31)
    found = errors(one, wire.bundle_flow_mod(1, wire.ADD, FLOW, 203), wire.bundle_commit(1, 204))
    assert len(found) == 2 and all(map(is_slave_error, found))
    assert not two.read_flows()


def test_a_slave_is_told_of_changes_of_groups_and_meters(sandbox, pair):
    one, two = pair
    assert ask(one, SLAVE, 40) == Role(SLAVE, 40)
    assert not errors(one, forward_requests(301))
    assert ask(two, MASTER, 40) == Role(MASTER, 40)
    group = encode_group(Group(2, ALL, (Bucket(1),)))
    data = group_mod(GROUP_ADD, group, 402)
    two.send(b"".join([
        wire.meter_mod(wire.METER_ADD, 6, 10, 10, PACKETS, 401), wire.bundle_open(7, 400),
        wire.bundle_add(7, 402, data), wire.bundle_commit(7, 403),
    ]))
    told = [one.receive(), one.receive()]
    assert [message[1] for message in told] == [OFPT_REQUESTFORWARD] * 2
    assert [message[9] for message in told] == [29, 15], "a meter mod and a group mod"
    assert struct.unpack_from("!I", told[1], 8 + 12)[0] == group.id


def test_a_slave_hears_of_flows_and_gets_no_packets(sandbox, pair):
    one, two = pair
    sandbox.add_ports(1)
    assert ask(one, SLAVE, 50) == Role(SLAVE, 50)
    assert ask(two, MASTER, 50) == Role(MASTER, 50)
    for client in pair:
        # A connection of the management socket gets packets only after it has set their length.
        client.send(struct.pack("!BBHIHH", 5, 9, 12, 500, 0, 0xFFFF))
    one.send(flow_monitor_request(501))
    one.until(19, 501)
    punt = Encoded(bytes((0, 0, 9)), wire.COOKIE_BASE | 2, bytes.fromhex(
        "0004001800000000" "00000010fffffffdffff000000000000"))
    assert not two.flow_mods(wire.ADD, [punt])
    events = list(decode_flow_updates(one.receive()))
    assert [(event.what, event.flow.key) for event in events] == [(ADDED, punt.key)]
    sandbox.appctl("netdev-dummy/receive", "p1", "ff" * 6 + "020000000001" + "0800" + "00" * 46)
    while two.receive()[1] != 10:  # OFPT_PACKET_IN
        pass
    xid = one.next_xid()
    one.send(wire.barrier(xid))
    assert one.receive()[1] == 21, "nothing came before"

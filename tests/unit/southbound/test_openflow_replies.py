"""Whose a reply on a switch's connection is: of a round of changes, a read, or the meters."""

from __future__ import annotations

import struct
import threading
from collections import Counter

from ryu_apps.control.messages import ObjectRefused, Program
from ryu_apps.southbound.openflow.channel import VrouterChannel
from ryu_apps.southbound.openflow.connection import (
    BUNDLE_CONTROL,
    ERROR,
    MULTIPART_REPLY,
    PACKET_IN,
)
from ryu_apps.southbound.openflow.readback import MetersRead, Purpose
from ryu_apps.southbound.openflow.requested import RequestedSwitch
from ryu_apps.southbound.openflow.session import OpenFlowSession
from tests.hops import bridged
from tests.unit.southbound.packet_in_support import discover, eventually, packet_in
from vrouter_ovs.state import RemoteMac
from vrouter_ovs.state.meters import meter_pools
from vrouter_ovs.wire.roles import (
    MASTER,
    OFPT_ROLE_REPLY,
    OFPT_ROLE_REQUEST,
    OFPT_ROLE_STATUS,
    SLAVE,
)

METER_MOD = 29
MAC = RemoteMac(100, "fa:16:3e:00:00:01", (bridged("192.0.2.2", 100),))


class Wire:
    """What is sent, as whole messages."""

    def __init__(self) -> None:
        self.xid = 1
        self.sent: list[bytes] = []

    def send(self, data: bytes, wait: bool = True) -> bool:
        while data:
            size = int.from_bytes(data[2:4], "big")
            self.sent.append(data[:size])
            data = data[size:]
        return True

    def xid_of(self, kind: int) -> int:
        return next(int.from_bytes(one[4:8], "big") for one in self.sent if one[1] == kind)


def message(kind: int, xid: int, body: bytes) -> bytes:
    return struct.pack("!BBHI", 5, kind, 8 + len(body), xid) + body


def test_refused_meters_are_not_taken_for_a_part_of_the_round_that_they_precede(caplog) -> None:
    wire = Wire()
    session = OpenFlowSession(
        wire, "hv1", Counter(), 10.0, confirm=lambda epoch: None, lost=lambda epoch: None
    )
    posted: list = []
    requested = RequestedSwitch("hv1", posted.append)
    pools = meter_pools(0)
    requested.add(Program("hv1", 1, tuple((item.key, item) for item in (*pools, MAC))))
    requested.take()
    session.readback.ask(Purpose.METERS)
    session.readback.start(0)
    read = next(int.from_bytes(one[4:8], "big") for one in wire.sent if one[1] == 18)
    # The switch has no meters at all, so that they are made; then it refuses them.
    none = struct.pack("!HHI", 9, 0, 0)
    found = session.reply(MULTIPART_REPLY, read, message(MULTIPART_REPLY, read, none))
    assert isinstance(found, MetersRead) and found.meters == {}
    requested.meters_read(found)
    assert session.rounds.start(requested.flows, requested.groups, requested.meters)
    made = [one for one in wire.sent if one[1] == METER_MOD]
    assert len(made) == sum(pool.count for pool in pools)
    xid = wire.xid_of(METER_MOD)
    assert session.rounds.awaits(xid) and not session.rounds.covers(xid)
    refusal = message(ERROR, xid, struct.pack("!HH", 12, 10) + made[0])
    assert session.reply(ERROR, xid, refusal) is None
    assert not session.rounds.idle, "the round goes on"
    end = next(int.from_bytes(one[4:8], "big") for one in wire.sent
               if one[1] == BUNDLE_CONTROL and one[12:14] == b"\0\4")
    commit = message(BUNDLE_CONTROL, end, struct.pack("!IHH", 1, 5, 3))
    requested.outcome(session.reply(BUNDLE_CONTROL, end, commit))
    assert [type(event) for event in posted] == [ObjectRefused]
    assert posted[0].key == pools[0].key
    assert "meter mod failed: out of meters; DHCP and router advertisements" in caplog.text
    assert MAC.key in requested.flows.objects and requested.flows.installed


class Switch(Wire):
    """A connection whose switch gives every role that is asked for, and says so when it is let:
    with ``busy`` clear, the one who asked to be MASTER has other things to do until it is set."""

    address = ("192.0.2.1", 6653)
    close_reason = ""

    def __init__(self) -> None:
        super().__init__()
        self.raw_hook = None
        self.busy = threading.Event()
        self.busy.set()

    def send(self, data: bytes, wait: bool = True) -> bool:
        kind, xid = data[1], int.from_bytes(data[4:8], "big")
        super().send(data, wait)
        if kind == OFPT_ROLE_REQUEST:
            wanted, generation = struct.unpack_from("!I4xQ", data, 8)
            self.say(OFPT_ROLE_REPLY, xid, role(wanted or SLAVE, generation))
            if wanted == MASTER:
                assert self.busy.wait(20)
        return True

    def say(self, kind: int, xid: int, body: bytes) -> None:
        self.raw_hook(kind, xid, message(kind, xid, body))

    def ask(self) -> None:
        self.raw_hook(PACKET_IN, 0, packet_in(5, discover()))

    def disconnect(self, reason: str) -> None:
        pass


def role(which: int, generation: int) -> bytes:
    return struct.pack("!IB3xQ", which, 0, generation)


def test_a_node_that_is_master_answers_before_it_has_come_to_the_role_reply() -> None:
    switch, asked = Switch(), []
    channel = VrouterChannel("hv1", lambda event: None,
                             punted=lambda element, packet: asked.append(packet))
    try:
        channel.stand_by()
        channel.connected(switch)
        eventually(lambda: channel.status()["role"] == "slave")
        assert not channel.packet_out(5, b"answer"), "another node's"
        switch.busy.clear()
        channel.own(7)
        eventually(lambda: any(one[1] == OFPT_ROLE_REQUEST and one[11] == MASTER
                               for one in switch.sent))
        assert not channel.packet_out(5, b"answer"), "nothing shows that it would be taken"
        switch.ask()
        assert asked and channel.status()["role"] == "slave", "the reply is not read yet"
        assert channel.packet_out(5, b"answer") and switch.sent[-1].endswith(b"answer")
        switch.busy.set()
        eventually(lambda: channel.status()["role"] == "master")
        # What takes the role away counts, too.
        switch.say(OFPT_ROLE_STATUS, 0, role(SLAVE, 8))
        assert eventually(lambda: not channel.packet_out(5, b"answer"))
        switch.ask()  # It was MASTER when the switch sent this.
        channel.stand_by()
        assert eventually(lambda: not channel.packet_out(5, b"answer"))
    finally:
        switch.busy.set()
        channel.stop()
        channel.join(20)


def test_a_node_that_stands_by_answers_nobody_though_the_switch_asks_everyone() -> None:
    """A switch that has just been connected to asks all of its controllers, until it has heard of
    their roles."""
    switch = Switch()
    session = OpenFlowSession(
        switch, "hv1", Counter(), 10.0, confirm=lambda epoch: None, lost=lambda epoch: None
    )
    session.owned = False
    session.asked()
    assert not session.may_answer
    session.owned = True
    assert session.may_answer
    session.taken_away()
    assert not session.may_answer

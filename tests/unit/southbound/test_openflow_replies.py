"""Whose a reply on a switch's connection is: of a round of changes, a read, or the meters."""

from __future__ import annotations

import struct
from collections import Counter

from ryu_apps.control.messages import ObjectRefused, Program
from ryu_apps.southbound.openflow.connection import BUNDLE_CONTROL, ERROR, MULTIPART_REPLY
from ryu_apps.southbound.openflow.readback import MetersRead, Purpose
from ryu_apps.southbound.openflow.requested import RequestedSwitch
from ryu_apps.southbound.openflow.session import OpenFlowSession
from tests.hops import bridged
from vrouter_ovs.state import RemoteMac
from vrouter_ovs.state.meters import meter_pools

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

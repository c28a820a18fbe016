"""Whose a reply on a switch's connection is: of a round of changes, a read, or the meters."""

from __future__ import annotations

import struct
from collections import Counter

from ryu_apps.southbound.openflow.connection import ERROR, MULTIPART_REPLY
from ryu_apps.southbound.openflow.readback import Purpose
from ryu_apps.southbound.openflow.reconcile import VrouterFlows
from ryu_apps.southbound.openflow.session import Session
from tests.hops import bridged
from vrouter_ovs.state import RemoteMac

METER_MOD = 29
MAC = RemoteMac(100, "fa:16:3e:00:00:01", (bridged("192.0.2.2", 100),))


class Wire:
    """What is sent, as whole messages."""

    def __init__(self) -> None:
        self.xid = 1
        self.sent: list[bytes] = []

    def send(self, data: bytes) -> bool:
        while data:
            size = int.from_bytes(data[2:4], "big")
            self.sent.append(data[:size])
            data = data[size:]
        return True

    def xid_of(self, kind: int) -> int:
        return next(int.from_bytes(one[4:8], "big") for one in self.sent if one[1] == kind)


def message(kind: int, xid: int, body: bytes) -> bytes:
    return struct.pack("!BBHI", 5, kind, 8 + len(body), xid) + body


def test_refused_meters_are_not_taken_for_a_part_of_the_round_that_is_under_way(caplog) -> None:
    wire = Wire()
    session = Session(wire, "hv1", Counter(), 10.0)
    flows = VrouterFlows()
    flows.change([(MAC.key, MAC)])
    session.readback.ask(Purpose.METERS)
    session.readback.start(0)
    assert session.rounds.start(flows)
    read = next(int.from_bytes(one[4:8], "big") for one in wire.sent if one[1] == 18)
    # The switch has no meters at all, so that they are made; then it refuses them.
    none = struct.pack("!HHI", 9, 0, 0)
    session.reply(MULTIPART_REPLY, read, message(MULTIPART_REPLY, read, none))
    made = wire.xid_of(METER_MOD)
    assert session.rounds.awaits(made - 1) and not session.rounds.covers(made)
    refusal = message(ERROR, made, struct.pack("!HH", 12, 10))
    assert session.reply(ERROR, made, refusal) is None
    assert "vrouter hv1 has no use for meters (meter mod failed: out of meters)" in caplog.text
    assert not session.rounds.idle, "the round goes on"

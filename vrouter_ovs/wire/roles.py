"""Which of several controllers may change a switch (OpenFlow 1.4.0, sections 6.3.5, 7.3.9, 7.4.4),
and what the switch tells the others of it (7.3.10, 7.4.6), as Open vSwitch does it.

There is one MASTER at most, named with a generation id that only grows: a request for MASTER or
SLAVE with a lower one is refused.  A SLAVE may read, and is refused every message that changes the
switch or sends a packet, with OFPBRC_IS_SLAVE; a bundle that was open when its connection became
SLAVE cannot be committed.  Exceptions in Open vSwitch 3.1: NXT_CT_FLUSH_ZONE is done whatever the
role, and OFPT_SET_CONFIG is passed over without an error (tests/ovs/openflow/test_roles.py).
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from vrouter_ovs.wire.errors import OFPT_ERROR
from vrouter_ovs.wire.openflow import VERSION

OFPT_ROLE_REQUEST, OFPT_ROLE_REPLY, OFPT_SET_ASYNC = 24, 25, 28
OFPT_ROLE_STATUS, OFPT_REQUESTFORWARD = 30, 32
NO_CHANGE, EQUAL, MASTER, SLAVE = 0, 1, 2, 3
ROLE_NAMES = {EQUAL: "equal", MASTER: "master", SLAVE: "slave"}
STALE = (11, 0)
"""OFPET_ROLE_REQUEST_FAILED, OFPRRFC_STALE."""
_SLAVE = struct.pack("!I", SLAVE)
_IS_SLAVE = struct.pack("!HH", 1, 10)
_NO_GENERATION = (1 << 64) - 1
_ROLE = struct.Struct("!BBHIIIQ")
_SAID = struct.Struct("!8xI4xQ")
_FORWARD_TO_SLAVE = 10
"""OFPACPT_REQUESTFORWARD_SLAVE; its bits are the reasons: groups (0) and meters (1)."""


class Role(NamedTuple):
    """``generation``: the highest that the switch has been shown; 0 where there was none."""

    role: int
    generation: int


def role_request(role: int, generation: int, xid: int) -> bytes:
    """Ask for a role, or (NO_CHANGE) which one it is.  ``generation``: for MASTER and SLAVE."""
    return _ROLE.pack(VERSION, OFPT_ROLE_REQUEST, _ROLE.size, xid, role, 0, generation)


def decode_role(message: bytes) -> Role:
    """What a whole OFPT_ROLE_REPLY or OFPT_ROLE_STATUS says.  Raises ValueError."""
    if len(message) < _SAID.size:
        raise ValueError("a short role message")
    role, generation = _SAID.unpack_from(message)
    return Role(role, 0 if generation == _NO_GENERATION else generation)


def is_slave_error(message: bytes) -> bool:
    """Whether a whole message is an error of type OFPET_BAD_REQUEST, OFPBRC_IS_SLAVE."""
    return message[1] == OFPT_ERROR and message[8:12] == _IS_SLAVE


def says_slave(kind: int, message: bytes) -> bool:
    """Whether a whole message of type ``kind`` says that this connection is SLAVE, or refuses
    something because it is."""
    if kind == OFPT_ERROR:
        return is_slave_error(message)
    return kind in (OFPT_ROLE_REPLY, OFPT_ROLE_STATUS) and message[8:12] == _SLAVE


def forward_requests(xid: int) -> bytes:
    """Have the switch forward what others change of its groups and meters while this connection is
    SLAVE (OFPT_SET_ASYNC)."""
    return struct.pack(
        "!BBHIHHI", VERSION, OFPT_SET_ASYNC, 16, xid, _FORWARD_TO_SLAVE, 8, 0b11
    )

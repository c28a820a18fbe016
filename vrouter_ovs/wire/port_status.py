"""What a switch says of its ports by itself: OFPT_PORT_STATUS (OpenFlow 1.4.0, section 7.4.3)."""

from __future__ import annotations

import struct
from typing import NamedTuple

OFPT_PORT_STATUS = 12
OFPPR_ADD, OFPPR_DELETE = 0, 1
OFPP_MAX = 0xFFFFFF00
_PORT = struct.Struct("!16xI12x16s")
"""Of the whole message: the number and the name of the port that it describes (section 7.2.1)."""


class PortStatus(NamedTuple):
    """``added``: the bridge has the port now; otherwise it has it no more."""

    name: str
    ofport: int
    added: bool


def decode_port_status(message: bytes) -> PortStatus | None:
    """None where a port only changed, has a reserved number, or where the message is malformed."""
    if len(message) < _PORT.size or message[8] not in (OFPPR_ADD, OFPPR_DELETE):
        return None
    ofport, name = _PORT.unpack_from(message)
    if not 0 < ofport < OFPP_MAX:
        return None
    text = name.rstrip(b"\0").decode("utf-8", "replace")
    return PortStatus(text, ofport, message[8] == OFPPR_ADD)

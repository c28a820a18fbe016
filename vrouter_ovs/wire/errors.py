"""What a switch refuses, and how it says so (OpenFlow 1.4.0, section 7.4.4)."""

from __future__ import annotations

import struct

from vrouter_ovs.wire.flows import NICIRA

OFPT_ERROR = 1


def decode_error(message: bytes) -> tuple[int, int, int, str]:
    """(xid of the message that failed, type, code, text) of a whole OFPT_ERROR message.

    Open vSwitch sends the failing message's xid and its first 64 bytes.  What it does with a
    message in a bundle (3.1, tests/ovs/vrouter/test_errors.py):

    - one that cannot be parsed, or that breaks a prerequisite, names a missing table or a bad port,
      is refused when it is added, with its xid.  It is then not part of the bundle, and a commit
      **still succeeds** with all the others: whoever wants all or nothing must discard.
    - one that fails at the commit (a full table) is refused with its xid, and after it the commit
      is refused with the commit's xid, type 17 code 13; nothing of the bundle was done.

    Type 0xffff is an experimenter's, and its code is the exp_type.
    Raises ValueError where the message is no error or too short.
    """
    if len(message) < 12 or message[1] != OFPT_ERROR:
        raise ValueError("not an OpenFlow error message")
    xid, kind, code = struct.unpack_from("!IHH", message, 4)
    data = message[12:]
    detail = ERROR_CODES.get((kind, code), f"code {code}")
    text = f"{ERROR_TYPES.get(kind, f'type {kind}')}: {detail}"
    if kind == 0xFFFF:
        if len(data) < 4:
            raise ValueError("a short experimenter error")
        maker = int.from_bytes(data[:4], "big")
        name = "nicira" if maker == NICIRA else hex(maker)
        text, data = f"{name} error {code}", data[4:]
    if len(data) >= 8:
        # A bundle's message inside of OFPT_BUNDLE_ADD_MESSAGE has the same xid by the rule above.
        xid = int.from_bytes(data[4:8], "big")
    return xid, kind, code, text


ERROR_TYPES = {
    0: "hello failed", 1: "bad request", 2: "bad action", 3: "bad instruction", 4: "bad match",
    5: "flow mod failed", 6: "group mod failed", 7: "port mod failed", 8: "table mod failed",
    11: "role request failed", 12: "meter mod failed", 13: "table features failed",
    17: "bundle failed",
}  # fmt: skip
ERROR_CODES = {
    (1, 0): "version", (1, 1): "type", (1, 5): "permission (is_slave)", (1, 6): "length",
    (1, 9): "table id", (1, 10): "is slave",
    (2, 0): "type", (2, 1): "length", (2, 4): "output port", (2, 5): "argument",
    (2, 9): "no such group", (2, 10): "match inconsistent", (2, 13): "set_field type",
    (2, 14): "set_field length",
    (2, 15): "set_field argument",
    (3, 0): "unknown instruction", (3, 2): "bad table id",
    (4, 1): "length", (4, 6): "field", (4, 7): "value", (4, 8): "mask", (4, 9): "prerequisite",
    (4, 10): "duplicate field",
    (5, 0): "unknown", (5, 1): "table full", (5, 2): "bad table id", (5, 3): "overlap",
    (5, 4): "permission", (5, 6): "bad command",
    (6, 0): "group exists", (6, 1): "invalid group", (6, 3): "out of groups",
    (6, 4): "out of buckets", (6, 6): "watch unsupported", (6, 7): "loop", (6, 8): "unknown group",
    (6, 10): "bad type", (6, 12): "bad bucket", (6, 13): "bad watch",
    (11, 0): "stale generation id", (11, 1): "unsupported", (11, 2): "bad role",
    (12, 0): "unknown", (12, 1): "meter exists", (12, 2): "invalid meter", (12, 3): "unknown meter",
    (12, 4): "bad command", (12, 5): "bad flags", (12, 6): "bad rate", (12, 7): "bad burst",
    (12, 8): "bad band", (12, 10): "out of meters", (12, 11): "out of bands",
    (17, 0): "unknown", (17, 1): "permission", (17, 2): "bad id", (17, 3): "bundle exists",
    (17, 4): "bundle closed", (17, 5): "out of bundles", (17, 6): "bad type", (17, 7): "bad flags",
    (17, 8): "message length", (17, 9): "message xid", (17, 10): "message unsupported",
    (17, 11): "message conflict", (17, 12): "too many messages", (17, 13): "message failed",
    (17, 14): "timeout", (17, 15): "bundle in progress",
}  # fmt: skip

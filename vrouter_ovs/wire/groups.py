"""Groups as OpenFlow 1.4 messages (6.5 group table modification; 7.3.5.10 group description).

What is in a group is encoded in :mod:`vrouter_ovs.wire.buckets`.  A group bears no cookie: ours are
known by their ids.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from vrouter_ovs.errors import PipelineError

OFPT_GROUP_MOD, OFPT_MULTIPART_REQUEST, OFPMP_GROUP_DESC = 15, 18, 7
GROUP_ADD, GROUP_MODIFY, GROUP_DELETE = 0, 1, 2
GROUP_BASE, GROUP_BITS = 0x5600_0000, 25
"""All ids with this in the high bits are ours; the rest is the object's number."""
_ENTRY = struct.Struct("!HBxI")


class EncodedGroup(NamedTuple):
    """``id``: on the wire.  ``type``: OpenFlow's number.  ``buckets``: their bytes."""

    id: int
    type: int
    buckets: bytes


def group_id(number: int) -> int:
    """The id on the wire of the group that flows name ``number``.  Raises PipelineError."""
    if not 0 <= number < 1 << GROUP_BITS:
        raise PipelineError(f"group {number} has not {GROUP_BITS} bits")
    return GROUP_BASE | number


def is_our_group(wire_id: int) -> bool:
    """Whether a group with this id is ours."""
    return wire_id >> GROUP_BITS == GROUP_BASE >> GROUP_BITS


def group_mod(command: int, group: EncodedGroup, xid: int) -> bytes:
    """GROUP_ADD, GROUP_MODIFY or GROUP_DELETE.  A deletion takes all flows along that name it."""
    buckets = b"" if command == GROUP_DELETE else group.buckets
    return struct.pack(
        "!BBHIHBxI", 5, OFPT_GROUP_MOD, 16 + len(buckets), xid, command, group.type, group.id
    ) + buckets


def group_desc_request(xid: int) -> bytes:
    """The descriptions of all groups."""
    return struct.pack("!BBHIHH4x", 5, OFPT_MULTIPART_REQUEST, 16, xid, OFPMP_GROUP_DESC, 0)


def decode_group_descs(payload: bytes) -> Iterator[EncodedGroup]:
    """The groups of one multipart reply, from the bytes after its 16 bytes of headers.

    Raises ValueError where the lengths do not add up.
    """
    start, end = 0, len(payload)
    while start < end:
        if end - start < _ENTRY.size:
            raise ValueError("group descriptions end in the middle of one")
        size, kind, wire_id = _ENTRY.unpack_from(payload, start)
        if size < _ENTRY.size or start + size > end:
            raise ValueError("a group description with a malformed length")
        yield EncodedGroup(wire_id, kind, payload[start + _ENTRY.size : start + size])
        start += size

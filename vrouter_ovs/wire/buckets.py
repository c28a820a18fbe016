"""Groups to OpenFlow 1.4 buckets, exactly as Open vSwitch writes them in a group description.

So a group that was read back equals the one that was sent, byte for byte.
"""

from __future__ import annotations

import struct

from vrouter_ovs.errors import PipelineError
from vrouter_ovs.pipeline.flood import part_actions
from vrouter_ovs.state import ALL, FAST_FAILOVER, GROUP_TYPES, SELECT, FloodParts, Group
from vrouter_ovs.wire.flows import encode_action
from vrouter_ovs.wire.groups import EncodedGroup, group_id

ANY = 0xFFFF_FFFF
_TYPES = dict(zip(GROUP_TYPES, (0, 1, 3), strict=True))
"""OFPGT_ALL, OFPGT_SELECT, OFPGT_FF."""
_BUCKET = struct.Struct("!HHII4x")
MAX_BUCKETS = 65535 - 16 - 48
"""What the buckets may take of a group_mod in a bundle message."""


def encode_group(group: Group | FloodParts) -> EncodedGroup:
    """A group as it is sent and read back.  Raises PipelineError."""
    if type(group) is FloodParts:
        number, kind = group.group, ALL
        buckets = b"".join(_bucket(part_actions(group, part)) for part in range(group.count))
    else:
        number, kind = group.group, group.type
        if kind not in _TYPES:
            raise PipelineError(f"no group is of type {kind!r}")
        watches = kind == FAST_FAILOVER
        try:
            buckets = b"".join(
                _bucket(
                    (("output", bucket.ofport),), bucket.weight if kind == SELECT else 0,
                    bucket.ofport if watches else ANY,
                )
                for bucket in group.buckets
            )
        except struct.error as error:
            raise PipelineError(f"group {number}: {error}") from None
    if len(buckets) > MAX_BUCKETS:
        raise PipelineError(f"group {number} is too long: {len(buckets)} bytes")
    return EncodedGroup(group_id(number), _TYPES[kind], buckets)


def _bucket(actions: tuple[tuple, ...], weight: int = 0, watched: int = ANY) -> bytes:
    data = b"".join(map(encode_action, actions))
    return _BUCKET.pack(_BUCKET.size + len(data), weight, watched, ANY) + data

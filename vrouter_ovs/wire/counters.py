"""How often the flows of an object matched: packet and byte counts of flow statistics."""

from __future__ import annotations

import struct
from collections.abc import Iterable

_COUNTS = struct.Struct("!H22xQQQ")
"""Of an ofp_flow_stats: length, cookie, packets, bytes (OpenFlow 1.4.0, section 7.3.5.2)."""
_FIXED = 48
UNKNOWN = (1 << 64) - 1


def totals(payloads: Iterable[bytes | memoryview]) -> dict[int, tuple[int, int]]:
    """Cookie -> (packets, bytes) summed over its flows, from the flows of multipart replies.

    ``payloads``: the bytes after the 16 bytes of headers of each reply.  A count that the switch
    does not keep (all bits set) adds nothing.  Raises ValueError where the lengths do not add up.
    """
    found: dict[int, tuple[int, int]] = {}
    unpack = _COUNTS.unpack_from
    for payload in payloads:
        start, end = 0, len(payload)
        while start < end:
            if end - start < _FIXED:
                raise ValueError("flow stats end in the middle of a flow")
            size, cookie, packets, octets = unpack(payload, start)
            if size < _FIXED or start + size > end:
                raise ValueError("flow stats with a malformed length")
            if packets and packets != UNKNOWN:
                before = found.get(cookie, (0, 0))
                octets = 0 if octets == UNKNOWN else octets
                found[cookie] = before[0] + packets, before[1] + octets
            start += size
    return found

"""Cookies: which object a flow came from, and whether a flow is ours at all.

A flow's cookie is 0x564e ("VN") in the top 16 bits and 48 bits of BLAKE2b over the object's key
below.  It depends on the key alone, so it is the same on every node and after every restart.
"""

from __future__ import annotations

from hashlib import blake2b

from vrouter_ovs.state import Key

COOKIE_BASE = 0x564E << 48
COOKIE_MASK = 0xFFFF << 48


def cookie(key: Key) -> int:
    """The 64-bit cookie of every flow of the object ``key``."""
    # A key holds strings and integers only, and the repr of those is the same everywhere.
    digest = blake2b(repr(key).encode(), digest_size=6).digest()
    return COOKIE_BASE | int.from_bytes(digest, "big")


def is_ours(value: int) -> bool:
    """Whether a flow with this cookie was written by a VNC node."""
    return value & COOKIE_MASK == COOKIE_BASE

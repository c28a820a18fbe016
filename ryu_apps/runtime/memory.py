"""The process's memory: how Python and the C library keep it."""

from __future__ import annotations

import ctypes
import gc

M_ARENA_MAX = -8
ARENAS = 2


def limit_arenas() -> bool:
    """Let the C library keep two heaps for all threads (mallopt(3), M_ARENA_MAX).

    By itself it makes up to eight for each processor, and each keeps what its busiest moment took:
    with 5,000 ports that was 34 MB of a node's 253.  The interpreter lock lets one thread allocate
    at a time anyway.  To be called before there are threads.  Returns whether the C library has it.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return bool(mallopt is not None and mallopt(M_ARENA_MAX, ARENAS))


def tune_collector() -> None:
    """Let Python look for cyclic garbage less often.

    A node holds millions of small objects that live long and are in no cycle.  With the default
    thresholds a bulk change spends a quarter of its time on visiting them again and again.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)

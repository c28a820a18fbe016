"""Flows of others on the integration bridge.  Pure.

They are left alone.  One with a higher priority in a table of the pipeline can take packets from
the flows of this node, so it has to be seen.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from vrouter_ovs.schema.tables import TABLE_NAMES

MAX_KNOWN = 10_000
"""Flows of others that are kept; more are not looked at."""
EXAMPLES = 5


class ForeignFlows:
    """Known by key (:class:`vrouter_ovs.wire.flows.Encoded`) -> cookie."""

    def __init__(self) -> None:
        self._flows: dict[bytes, int] = {}

    def replace(self, flows: Mapping[bytes, int]) -> None:
        """These are all."""
        self._flows = dict(flows)

    def added(self, key: bytes, cookie: int) -> None:
        """One is there, or has another cookie."""
        if key in self._flows or len(self._flows) < MAX_KNOWN:
            self._flows[key] = cookie

    def removed(self, key: bytes) -> None:
        """One is gone, or was none."""
        self._flows.pop(key, None)

    def status(self, ours: Collection[bytes]) -> dict[str, Any]:
        """``foreign_flows``: how many there are; ``foreign_in_front``: of these, with a priority
        in their table that is not below all of ``ours`` (keys); ``foreign_examples``: some of
        those in words.  Any thread."""
        # What ours replaced is not told.
        flows = [(key, cookie) for key, cookie in list(self._flows.items()) if key not in ours]
        front: list[tuple[bytes, int]] = []
        if flows:
            lowest: dict[int, bytes] = {}
            for key in list(ours):
                if key[1:3] < lowest.get(key[0], b"\xff\xff\xff"):
                    lowest[key[0]] = key[1:3]
            front = [
                (key, cookie) for key, cookie in flows
                if key[0] in lowest and key[1:3] >= lowest[key[0]]
            ]
        return {
            "foreign_flows": len(flows),
            "foreign_in_front": len(front),
            "foreign_examples": [
                f"table {TABLE_NAMES.get(key[0], key[0])}, priority "
                f"{int.from_bytes(key[1:3], 'big')}, cookie 0x{cookie:x}"
                for key, cookie in front[:EXAMPLES]
            ],
        }

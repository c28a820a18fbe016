"""What a trace says of mirrors, and what it says without their copies.

A trace follows the packet; a copy that a mirror makes of it goes elsewhere.  Such a copy is a clone
in the flow of a mirrored port (:mod:`vrouter_ovs.pipeline.mirrors`), which ofproto/trace writes as
``clone(...)`` and then what is done to it, one action a line, with what follows from that further
to the right.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from vrouter_ovs.schema.tables import BY_NAME

BEFORE, BEHIND = "classify", "output"
"""The tables that copy: before the packet goes its way, and when it has."""
_COPYING = {
    (table.id, table.number_of("mirrored")): table.name
    for table in (BY_NAME[BEFORE], BY_NAME[BEHIND])
}
_FLOW = re.compile(r"^( *)(\d+)\. .*\bpriority (\d+)\b")
_ELSEWHERE = ("->", ">>", "bridge(", "---")
"""How lines begin that say what becomes of an action, also in another bridge."""


class Copies:
    """Reads the lines of a trace.  ``tunnels``: by table, how many copies went into a tunnel."""

    def __init__(self) -> None:
        self.tunnels = {BEFORE: 0, BEHIND: 0}

    def without(self, lines: Iterable[str]) -> Iterator[str]:
        """The lines that are not about copies."""
        table, column, left, tunnelled = "", -1, 0, False
        for line in lines:
            indent, text = len(line) - len(line.lstrip(" ")), line.strip()
            if column >= 0 and (
                left > 0 or not text or indent > column
                or (indent == column and text.startswith(_ELSEWHERE))
            ):
                if "tunnel" in text and text.startswith("->") and not tunnelled:
                    self.tunnels[table] += 1
                    tunnelled = True
                if text and indent == column and not text.startswith(_ELSEWHERE):
                    left -= 1
                continue
            column = -1
            flow = _FLOW.match(line)
            if flow:
                table = _COPYING.get((int(flow[2]), int(flow[3])), "")
            elif table and text.startswith("clone("):
                column, tunnelled = indent, False
                left = len(_split(text[len("clone("):-1]))
                continue
            yield line


def _split(actions: str) -> list[str]:
    """At the commas outside of parentheses and brackets."""
    parts, depth, start = [], 0, 0
    for place, character in enumerate(actions):
        depth += (character in "([") - (character in ")]")
        if character == "," and not depth:
            parts.append(actions[start:place])
            start = place + 1
    return [*parts, actions[start:]]

"""Writes docs/control.md from the graph: ``python -m ryu_apps.control.document [--check]``.

With ``--check`` nothing is written and the exit status is 1 where the page is out of date.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ryu_apps.control.graph.graph import GOING_BACK, GRAPH, LINES, RARELY
from ryu_apps.control.graph.worklist import Stage

PAGE = Path(__file__).resolve().parent.parent.parent / "docs" / "control.md"
_HEAD = """\
# The control core: what is computed when

Made by `python -m ryu_apps.control.document` from `ryu_apps/control/graph/graph.py`; edit that.

An event is taken in (`World.handle`) by marking keys in worklists; nothing is computed.
`World.flush` then drains the worklists below from the top: one is drained when all above it are
empty, so that each consumer finds settled what it reads. A consumer may mark worklists above its
own, and the flush goes back to them, at most {back} times; what is left then stays marked for the
next flush, and is counted.

Nothing is lost when a consumer raises. The key that it raised for is set aside, all other keys and
worklists are done, and it is tried again after 1, 2, 4 ... {rarely} ticks, or as soon as it is
marked anew. Attempts 1, 2, 4, 8 ... are logged, the first with its traceback, at most {lines} keys
in a flush; the check `core` of the node's health names what is set aside.

When all is empty the flush asks ports for shared addresses, tells ports of addresses that moved,
hands over what peers must hear, and sees whether the node or an element has converged.

A class can mark only what the table says of it: it gets no other worklist. A method drains a
worklist because the table has its name.
"""


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def table() -> list[str]:
    """One row for each worklist."""
    lines = ["| | worklist | key | marked by | drained by | when, and what is done |",
             "|---|---|---|---|---|---|"]  # fmt: skip
    for number, stage in enumerate(GRAPH, 1):
        marked_by = ", ".join(f"`{one}`" for one in stage.marked_by)
        drained_by = f"`{stage.drained_by}`" + (" (all keys together)" if stage.together else "")
        cells = (str(number), f"`{stage.name}`", stage.key, marked_by, drained_by, stage.doc)
        lines.append(f"| {' | '.join(map(_cell, cells))} |")
    return lines


def consumer(stage: Stage) -> str:
    """The class whose method drains a stage."""
    return stage.drained_by.partition(".")[0]


def picture() -> list[str]:
    """A Mermaid graph: from each class that drains something to the worklists that it marks."""
    lines = ["```mermaid", "flowchart TD"]
    number = {stage.name: at for at, stage in enumerate(GRAPH)}
    classes = dict.fromkeys(consumer(stage) for stage in GRAPH)
    for one in classes:
        drained = [stage.name for stage in GRAPH if consumer(stage) == one]
        lines.append(f'    {one}["{one}: {", ".join(drained)}"]')
    for one in classes:
        first = min(number[stage.name] for stage in GRAPH if consumer(stage) == one)
        for other in classes:
            marked = [
                stage for stage in GRAPH if consumer(stage) == other and one in stage.marked_by
            ]
            if marked and one != other:
                # Dotted where the flush goes back.
                back = min(number[stage.name] for stage in marked) < first
                arrow = "-.->" if back else "-->"
                names = ", ".join(stage.name for stage in marked)
                lines.append(f"    {one} {arrow}|{names}| {other}")
    return [*lines, "```"]


def sources() -> list[str]:
    """Which worklists are marked by those who drain none: where events come in."""
    draining = {consumer(stage) for stage in GRAPH}
    marking = dict.fromkeys(
        one for stage in GRAPH for one in stage.marked_by if one not in draining
    )
    return [
        f"- `{one}`: " + ", ".join(f"`{stage.name}`" for stage in GRAPH if one in stage.marked_by)
        for one in sorted(marking)
    ]


def page() -> str:
    head = _HEAD.format(back=GOING_BACK, rarely=RARELY, lines=LINES)
    return "\n".join([
        head, "## Worklists, in the order of a flush", "", *table(), "",
        "## Who marks what", "",
        "Each box is a class with the worklists that it drains; an arrow leads to those that it",
        "marks, dotted where the flush goes back.", "", *picture(), "",
        "Marked while events are taken in, or by what a consumer calls:", "", *sources(), "",
    ])  # fmt: skip


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Write docs/control.md from the graph.")
    parser.add_argument("--check", action="store_true", help="fail where the page is out of date")
    options = parser.parse_args(arguments)
    text = page()
    if options.check:
        if PAGE.exists() and PAGE.read_text() == text:
            return 0
        print(f"{PAGE} is out of date: python -m ryu_apps.control.document", file=sys.stderr)
        return 1
    PAGE.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())

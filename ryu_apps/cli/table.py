"""Tables for people: columns as wide as their contents, nothing cut off."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

Record = Mapping[str, Any]
Column = tuple[str, str | Callable[[Record], Any]]
"""Title, and the record's key or a function of the record."""


def text(value: Any) -> str:
    """One cell: lists joined, truth as yes and no, control characters shown as what they are."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(text(one) for one in value)
    if isinstance(value, Mapping):
        return ", ".join(f"{key}={text(one)}" for key, one in value.items())
    shown = str(value)
    return shown if shown.isprintable() else shown.encode("unicode_escape").decode()


def cell(record: Record, source: str | Callable[[Record], Any]) -> str:
    return text(source(record) if callable(source) else record.get(source))


def table(records: Iterable[Record], columns: Sequence[Column]) -> str:
    """Lines with a heading; columns that no record fills are left out."""
    rows = [[cell(record, source) for _, source in columns] for record in records]
    used = [i for i in range(len(columns)) if any(row[i] for row in rows)]
    used = used or list(range(len(columns)))
    lines = [[columns[i][0] for i in used]] + [[row[i] or "-" for i in used] for row in rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(item.ljust(width) for item, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def facts(record: Record, columns: Sequence[Column]) -> str:
    """One record, one line for each of its facts."""
    shown = [(title, cell(record, source)) for title, source in columns]
    shown = [(title, value) for title, value in shown if value]
    width = max((len(title) for title, _ in shown), default=0)
    return "\n".join(f"{title.ljust(width)}  {value}" for title, value in shown)

"""Tables for people: always the same columns, as wide as their contents, nothing cut off."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

Record = Mapping[str, Any]
Source = str | Callable[[Record], Any]
"""The record's key, or a function of the record."""
Column = tuple[str, Source]
"""Title and source."""
NARROW = 16
"""No column is folded to less than this."""
_BREAK = re.compile(r"(?<=[,\s])")


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


def value_of(record: Record, source: Source) -> Any:
    return source(record) if callable(source) else record.get(source)


def table(
    records: Iterable[Record], columns: Sequence[Column], width: int | None = None,
    headings: bool = True,
) -> str:
    """Lines with a heading; what a record does not have is "-".

    ``width``: of the terminal; longer lines are folded within their columns.
    """
    lines = [[title for title, _ in columns]] if headings else []
    lines += [[text(value_of(record, source)) or "-" for _, source in columns]
              for record in records]
    if not lines:
        return ""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    if width is not None:
        _fold(widths, width)
    return "\n".join(
        "  ".join(part.ljust(size) for part, size in zip(parts, widths, strict=True)).rstrip()
        for line in lines
        for parts in _folded(line, widths)
    )


def _fold(widths: list[int], width: int) -> None:
    """Make the widest columns narrower, until all fit or none can be."""
    while (surplus := sum(widths) + 2 * (len(widths) - 1) - width) > 0:
        widest = max(range(len(widths)), key=widths.__getitem__)
        others = [size for at, size in enumerate(widths) if at != widest]
        target = max(NARROW, widths[widest] - surplus, min(max(others, default=0), width // 2))
        if target >= widths[widest]:
            target = max(NARROW, widths[widest] - surplus)
        if target >= widths[widest]:
            return
        widths[widest] = target


def _folded(line: list[str], widths: list[int]) -> list[list[str]]:
    """The lines that one line becomes in columns of these widths."""
    if all(len(part) <= size for part, size in zip(line, widths, strict=True)):
        return [line]
    columns = [_pieces(part, size) for part, size in zip(line, widths, strict=True)]
    height = max(map(len, columns))
    return [[column[at] if at < len(column) else "" for column in columns]
            for at in range(height)]


def _pieces(part: str, size: int) -> list[str]:
    """A cell in lines, broken behind commas and blanks where possible."""
    found, current = [], ""
    for word in _BREAK.split(part):
        while len(word.rstrip()) > size:
            if current:
                found.append(current)
                current = ""
            found.append(word[:size])
            word = word[size:]
        if len((current + word).rstrip()) > size:
            found.append(current)
            current = ""
        current += word
    return [one.rstrip() for one in [*found, current] if one.strip()] or [""]


def facts(record: Record, columns: Sequence[Column]) -> str:
    """One record, one line for each of its facts."""
    shown = [(title, text(value_of(record, source))) for title, source in columns]
    shown = [(title, value) for title, value in shown if value]
    width = max((len(title) for title, _ in shown), default=0)
    return "\n".join(f"{title.ljust(width)}  {value}" for title, value in shown)


def all_facts(record: Record) -> str:
    """Everything that the record has."""
    return facts(record, [(name, name) for name in record])

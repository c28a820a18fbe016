"""How a result is printed: for people as a table, for programs as JSON, YAML or names."""

from __future__ import annotations

import argparse
import ipaddress
import json
import os
import re
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from .errors import OK, USAGE, CliError
from .table import Column, Record, Source, table, text, value_of

FORMATS = ("table", "wide", "name", "json", "yaml")


@dataclass(frozen=True)
class Records:
    """A list.  ``wide``: columns that only ``-o wide`` and ``-c`` show.  ``key``: what ``-o name``
    prints.  ``order``: the column that it is sorted by; "": as the node gave it.  ``note``: a line
    for people."""

    items: Sequence[Record]
    columns: Sequence[Column]
    wide: Sequence[Column] = ()
    key: Source = "id"
    order: str = ""
    note: str = ""


class Result(NamedTuple):
    """``data`` for programs, ``shown`` for people, and the exit status.  ``data`` None: what was
    asked for is out already."""

    data: Any
    shown: str | Records
    status: int = OK


def arguments(parser: argparse.ArgumentParser) -> None:
    """What chooses among the columns and lines of a list."""
    group = parser.add_argument_group("output")
    group.add_argument("-c", "--columns", metavar="COLUMN,...",
                       help="these columns only, by their headings; also those of -o wide")
    group.add_argument("--sort", metavar="COLUMN", help="sort by this column")
    group.add_argument("--reverse", action="store_true", help="the other way round")
    group.add_argument("--no-headings", action="store_true", help="without the line of headings")


def render(result: Result, options: argparse.Namespace) -> str:
    """What is to be printed.  Raises CliError for a column that is not there."""
    how = "json" if options.json else options.output or "table"
    if how == "json":
        return json.dumps(result.data, indent=2)
    if how == "yaml":
        import yaml  # the other formats need not wait for it

        return yaml.safe_dump(result.data, sort_keys=False, allow_unicode=True).rstrip()
    if isinstance(result.shown, str):
        if how == "name":
            raise CliError("-o name is for lists", USAGE)
        return result.shown
    return _list(result.shown, options, how)


def _list(records: Records, options: argparse.Namespace, how: str) -> str:
    every = [*records.columns, *records.wide]
    items = _sorted(records, every, options)
    if how == "name":
        return "\n".join(text(value_of(one, records.key)) for one in items)
    columns = every if how == "wide" else records.columns
    if options.columns:
        columns = [_column(every, name) for name in options.columns.split(",")]
    shown = table(items, columns, terminal_width(), not options.no_headings)
    plain = not options.columns and not options.no_headings
    return f"{shown}\n{records.note}" if records.note and plain else shown


def _sorted(
    records: Records, columns: Sequence[Column], options: argparse.Namespace
) -> list[Record]:
    order = options.sort or records.order
    items = list(records.items)
    if order:
        source = _column(columns, order)[1]
        items.sort(key=lambda one: (_rank(value_of(one, source)), text(value_of(one, records.key))))
    return items[::-1] if options.reverse else items


def _rank(value: Any) -> tuple:
    """Numbers as numbers, addresses by their bits, and names as people sort: web2 before web10;
    what is not there comes last."""
    if value in (None, "", [], ()):
        return (9,)
    if isinstance(value, (bool, int, float)):
        return (1, value)
    shown = text(value)
    try:
        address = ipaddress.ip_interface(shown.partition(",")[0])
        return (2, address.version, int(address.ip), shown)
    except ValueError:
        parts = re.split(r"(\d+)", shown.casefold())
        return (3, [(part.isdigit(), int(part) if part.isdigit() else part) for part in parts
                    if part])


def _column(columns: Sequence[Column], name: str) -> Column:
    plain = _plain(name)
    for column in columns:
        if _plain(column[0]) == plain:
            return column
    there = ", ".join(title.lower() for title, _ in columns)
    raise CliError(f"there is no column {name.strip()}; there are: {there}", USAGE)


def _plain(title: str) -> str:
    return title.strip().casefold().replace("_", " ").replace("-", " ")


def terminal_width() -> int | None:
    """Columns of the terminal; None where the output goes elsewhere, unless COLUMNS says."""
    if sys.stdout.isatty() or os.environ.get("COLUMNS", "").isdigit():
        return shutil.get_terminal_size().columns
    return None

"""Commands about one kind of thing: ``vnctl ports``, ``vnctl port list``, ``vnctl port show X``."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from typing import Any

from .client import Client
from .command import Command, completer, no_arguments
from .errors import USAGE, CliError
from .output import Result

List = Callable[[Client, Any], Result]


def resource(
    singular: str, plural: str, help: str, index: List, show: Callable[[Client, str], Result],
    arguments: Callable[[argparse.ArgumentParser], None] = no_arguments,
    examples: tuple[str, ...] = (), names: Callable[[Client], Iterable[str]] | None = None,
) -> Command:
    """``index`` makes the list, ``show`` one of its members, given its name or id.  ``arguments``:
    filters of the list."""

    def run(client: Client, options: Any) -> Result:
        if options.action == "list":
            if options.name:
                raise CliError(f"vnctl {plural} show {options.name} shows one", USAGE)
            return index(client, options)
        if not options.name:
            raise CliError(f"vnctl {singular} show: which {singular}? its name or id", USAGE)
        return show(client, options.name)

    def more(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("action", nargs="?", choices=["list", "show"], default="list",
                            help="list them (default), or show one")
        name = parser.add_argument("name", nargs="?", metavar="NAME", help="name or id of one")
        if names is not None:
            completer(name, names)
        arguments(parser)

    shown = (f"vnctl {plural}", *examples, f"vnctl {singular} show NAME")
    return Command(plural, help, run, more, shown, (singular,))


def named(collection: str) -> Callable[[Client], list[str]]:
    """Names, or where there is none ids, of a Networking API collection."""
    return lambda client: [one["name"] or one["id"] for one in client.networking(collection)]

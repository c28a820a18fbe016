"""Commands about one kind of thing: ``vnctl ports``, ``vnctl port list``, ``vnctl port show X``."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from .client import Client
from .command import Command, completer, no_arguments
from .errors import USAGE, CliError
from .output import Result

Action = Callable[[Client, Any], Result]
List = Callable[[Client, Any], Result]


def resource(
    singular: str, plural: str, help: str, index: List, show: Callable[[Client, str], Result],
    arguments: Callable[[argparse.ArgumentParser], None] = no_arguments,
    examples: tuple[str, ...] = (), names: Callable[[Client], Iterable[str]] | None = None,
    actions: Mapping[str, Action] | None = None,
) -> Command:
    """``index`` makes the list, ``show`` one of its members, given its name or id.  ``arguments``:
    filters of the list.  ``actions``: what else can be done with a member."""
    further = actions or {}

    def run(client: Client, options: Any) -> Result:
        if options.action == "list":
            if options.name:
                raise CliError(f"vnctl {plural} show {options.name} shows one", USAGE)
            return index(client, options)
        if not options.name:
            raise CliError(
                f"vnctl {singular} {options.action}: which {singular}? its name or id", USAGE
            )
        if options.action in further:
            return further[options.action](client, options)
        return show(client, options.name)

    def more(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("action", nargs="?", choices=["list", "show", *further],
                            default="list",
                            help=", ".join(["list them (default)", "show one", *further]))
        name = parser.add_argument("name", nargs="?", metavar="NAME", help="name or id of one")
        if names is not None:
            completer(name, names)
        arguments(parser)

    shown = (f"vnctl {plural}", *examples, f"vnctl {singular} show NAME")
    return Command(plural, help, run, more, shown, (singular,))


def named(collection: str) -> Callable[[Client], list[str]]:
    """Names, or where there is none ids, of a Networking API collection."""
    return lambda client: [one["name"] or one["id"] for one in client.networking(collection)]

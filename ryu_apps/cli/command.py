"""What a command of vnctl is: a name, its arguments, and a function from the API to a result."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from ryu_apps.connections import port_number as ports

from .client import Client
from .output import FORMATS, Records, Result

__all__ = ["Command", "Records", "Result", "common_options", "completer", "port_number"]


def no_arguments(parser: argparse.ArgumentParser) -> None:
    pass


def port_number(text: str) -> int:
    """An argument that is a port of TCP or UDP."""
    number = ports.port_number(text)
    if number is None:
        raise argparse.ArgumentTypeError(f"{text} is no port number: 0 to 65535")
    return number


def completer(argument: argparse.Action, names: Callable[[Client], Iterable[str]]) -> None:
    """Let the shell complete this argument with what the node knows."""
    argument.names = names  # type: ignore[attr-defined]


def common_options(parser: argparse.ArgumentParser, **defaults: object) -> None:
    """Options that may stand before or after the command."""
    parser.add_argument("--url", metavar="URL", help="the node's API", **defaults)
    parser.add_argument("--ca", metavar="FILE", help="whom to trust for https", **defaults)
    parser.add_argument("--cert", metavar="FILE", help="your certificate, where the node asks for "
                        "one", **defaults)
    parser.add_argument("--key", metavar="FILE", help="its private key", **defaults)
    parser.add_argument("--os-cloud", metavar="NAME", help="log in as this cloud of clouds.yaml "
                        "says", **defaults)
    parser.add_argument("-o", "--output", choices=FORMATS, help="table (default), wide: "
                        "more columns, name: one name or id a line, json or yaml: what the API "
                        "said", **defaults)
    parser.add_argument("--json", action="store_true", help="as -o json", **defaults)


@dataclass(frozen=True)
class Command:
    """``run(client, options)``; ``arguments(parser)`` adds to its parser.  ``lists``: it can show a
    list.  ``local``: it needs no node, and ``client`` is None.  ``watched``: it may be repeated."""

    name: str
    help: str
    run: Callable[[Client, Any], Result]
    arguments: Callable[[argparse.ArgumentParser], None] = no_arguments
    examples: tuple[str, ...] = field(default=())
    aliases: tuple[str, ...] = ()
    lists: bool = True
    local: bool = False
    watched: bool = True

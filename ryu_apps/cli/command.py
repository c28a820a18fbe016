"""What a command of vnctl is: a name, its arguments, and a function from the API to a result."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from ryu_apps.connections import port_number as ports

from .client import Client
from .output import Records, Result

__all__ = ["Command", "Records", "Result", "completer", "port_number"]


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

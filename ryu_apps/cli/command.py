"""What a command of vnctl is: a name, its arguments, and a function from the API to a result."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ryu_apps import port_number as ports

from .client import Client
from .errors import OK


class Result(NamedTuple):
    """``data`` for programs (--json), ``text`` for people, and the exit status."""

    data: Any
    text: str
    status: int = OK


def no_arguments(parser: argparse.ArgumentParser) -> None:
    pass


def port_number(text: str) -> int:
    """An argument that is a port of TCP or UDP."""
    number = ports.port_number(text)
    if number is None:
        raise argparse.ArgumentTypeError(f"{text} is no port number: 0 to 65535")
    return number


@dataclass(frozen=True)
class Command:
    """``run(client, options)``; ``arguments(parser)`` adds to its parser."""

    name: str
    help: str
    run: Callable[[Client, Any], Result]
    arguments: Callable[[argparse.ArgumentParser], None] = no_arguments
    examples: tuple[str, ...] = field(default=())

"""What a command of vnctl is: a name, its arguments, and a function from the API to a result."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from .client import Client
from .errors import OK


class Result(NamedTuple):
    """``data`` for programs (--json), ``text`` for people, and the exit status."""

    data: Any
    text: str
    status: int = OK


def no_arguments(parser: argparse.ArgumentParser) -> None:
    pass


@dataclass(frozen=True)
class Command:
    """``run(client, options)``; ``arguments(parser)`` adds to its parser."""

    name: str
    help: str
    run: Callable[[Client, Any], Result]
    arguments: Callable[[argparse.ArgumentParser], None] = no_arguments
    examples: tuple[str, ...] = field(default=())

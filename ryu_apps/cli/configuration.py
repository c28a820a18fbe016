"""vnctl config: whether the stored configuration is followed, and an operator's word on it."""

from __future__ import annotations

import argparse
from typing import Any

from .client import Client
from .command import Command, Result
from .errors import NEGATIVE, OK
from .table import facts


def config(client: Client, options: Any) -> Result:
    found = (
        client.post("/v1/configuration/accept") if options.action == "accept"
        else client.get("/v1/configuration")
    )
    names = ("followed", "reason", "line", "changes", "skipped", "refused_records")
    text = facts(found, [(name, name) for name in names])
    return Result(found, text, OK if found.get("followed") else NEGATIVE)


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "action", nargs="?", choices=["show", "accept"], default="show",
        help="accept: follow what the store has now, at all nodes; what it lacks is deleted",
    )


COMMANDS = [
    Command(
        "config", "Is the stored configuration followed, and if not, why?", config, _arguments,
        ("vnctl config", "vnctl config accept"), lists=False,
    ),
]

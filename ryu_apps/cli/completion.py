"""vnctl completion, and what the shell asks while somebody types (argcomplete)."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from typing import Any

from .client import Client
from .command import Command
from .connect import connect
from .errors import CliError
from .output import Result

SHELLS = ("bash", "zsh", "fish")
PATIENCE = 2.0
"""Seconds that a shell waits for a node."""


def run(client: Client, options: Any) -> Result:
    import argcomplete

    script = argcomplete.shellcode(["vnctl"], shell=options.shell).strip()
    return Result({"script": script}, script)


def complete(parser: argparse.ArgumentParser) -> None:
    """Answer the shell, and end; nothing happens when no shell asks."""
    import argcomplete

    for action in _actions(parser):
        names = getattr(action, "names", None)
        if names is not None:
            action.completer = _asking(names)  # type: ignore[attr-defined]
    argcomplete.autocomplete(parser)


def _actions(parser: argparse.ArgumentParser) -> Iterable[argparse.Action]:
    for action in parser._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for sub in action.choices.values():
                yield from _actions(sub)


def _asking(names: Callable[[Client], Iterable[str]]) -> Callable[..., list[str]]:
    def find(parsed_args: argparse.Namespace, **_: Any) -> list[str]:
        try:
            return [str(name) for name in names(connect(parsed_args, PATIENCE))]
        except CliError:
            return []

    return find


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shell", choices=SHELLS, help="whose completion to print")


COMMANDS = [
    Command("completion", "Completion for a shell", run, _arguments,
            ('source <(vnctl completion bash)', 'vnctl completion zsh > "${fpath[1]}/_vnctl"',
             "vnctl completion fish > ~/.config/fish/completions/vnctl.fish"),
            lists=False, local=True, watched=False),
]  # fmt: skip

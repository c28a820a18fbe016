"""vnctl: look at a virtual network system from the command line, and ask it why."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence

from . import explain, networks, system, trace, vpn
from .client import Client, default_url
from .command import Command
from .errors import CliError

EPILOG = """examples:
  vnctl status
  vnctl ports --network web
  vnctl trace web1 10.0.2.7 --tcp 443
  vnctl explain web1 --to 10.0.2.7 --tcp 22
  vnctl --url https://node2:9696 --ca ca.pem elements --json

environment:
  VNCTL_URL   the node to ask, as --url
  VNCTL_EXEC  how to run a command on a hypervisor, as trace --exec

exit status:
  0 done   1 done, and the answer is bad (node degraded, packet not delivered)
  2 usage  3 refused or not found   4 no answer
"""

COMMANDS: list[Command] = [
    *system.COMMANDS, *networks.COMMANDS, *vpn.COMMANDS, *trace.COMMANDS,
    *explain.COMMANDS,
]  # fmt: skip


def _common(parser: argparse.ArgumentParser, **defaults: object) -> None:
    """Options that may stand before or after the command."""
    parser.add_argument("--url", metavar="URL", help="the node's API", **defaults)
    parser.add_argument("--ca", metavar="FILE", help="whom to trust for https", **defaults)
    parser.add_argument(
        "--json", action="store_true", help="print what the API said, for programs", **defaults
    )


def build_parser() -> argparse.ArgumentParser:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog="vnctl", description=__doc__, epilog=EPILOG, formatter_class=raw
    )
    _common(parser)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for command in COMMANDS:
        epilog = "examples:\n" + "\n".join(f"  {one}" for one in command.examples)
        sub = commands.add_parser(
            command.name, help=command.help, description=command.help, formatter_class=raw,
            epilog=epilog if command.examples else None,
        )  # fmt: skip
        command.arguments(sub)
        _common(sub, default=argparse.SUPPRESS)
        sub.set_defaults(run=command.run)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """The program; returns its exit status."""
    options = build_parser().parse_args(argv)
    try:
        client = Client(options.url or default_url(), options.ca)
        result = options.run(client, options)
        print(json.dumps(result.data, indent=2) if options.json else result.text, flush=True)
        return result.status
    except CliError as error:
        print(f"vnctl: {error}", file=sys.stderr)
        return error.status
    except BrokenPipeError:
        # The reader (head, less) has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())

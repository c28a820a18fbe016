"""vnctl: look at a virtual network system from the command line, and ask it why."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence

from ryu_apps import __version__
from ryu_apps.cli import (
    completion,
    explain,
    floating_ips,
    networks,
    output,
    ports,
    system,
    topology,
    vpn,
)
from ryu_apps.cli.config import command as configuration
from ryu_apps.cli.identity import command as identity
from ryu_apps.cli.pki import command as pki
from ryu_apps.cli.plug import command as plug
from ryu_apps.cli.trace import command as trace

from .client import Client
from .command import Command, common_options
from .connect import connect
from .errors import UNREACHABLE, CliError

EPILOG = """examples:
  vnctl status
  vnctl topology
  vnctl ports --network web
  vnctl port show web1
  vnctl trace web1 10.0.2.7 --tcp 443
  vnctl explain web1 --to 10.0.2.7 --tcp 22
  vnctl --url https://node2:9696 --ca ca.pem elements -o json
  source <(vnctl completion bash)

environment:
  VNCTL_URL   the node to ask, as --url
  VNCTL_CA, VNCTL_CERT, VNCTL_KEY   as --ca, --cert, --key
  VNC_PKI     the directory of the site's certificates, as pki --directory
  VNCTL_EXEC  how to run a command on a hypervisor, as trace --exec
  OS_USERNAME, OS_PASSWORD, OS_PROJECT_NAME ... or OS_CLOUD   who asks, where the node wants to
              know: as for the openstack client
  COLUMNS     width to fold tables to, where the output is no terminal

exit status:
  0 done   1 done, and the answer is bad (node degraded, packet not delivered)
  2 usage  3 refused or not found   4 no answer
"""
EVERY = 2.0
"""Seconds between two answers of --watch."""

COMMANDS: list[Command] = [
    *system.COMMANDS, *topology.COMMANDS, *networks.COMMANDS, *floating_ips.COMMANDS,
    *ports.COMMANDS, *vpn.COMMANDS,
    *trace.COMMANDS, *explain.COMMANDS, *configuration.COMMANDS, *identity.COMMANDS,
    *plug.COMMANDS,
    *pki.COMMANDS, *completion.COMMANDS,
]  # fmt: skip


def build_parser() -> argparse.ArgumentParser:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog="vnctl", description=__doc__, epilog=EPILOG, formatter_class=raw
    )
    parser.add_argument("--version", action="version", version=f"vnctl {__version__}")
    common_options(parser)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for command in COMMANDS:
        epilog = "examples:\n" + "\n".join(f"  {one}" for one in command.examples)
        sub = commands.add_parser(
            command.name, help=command.help, description=command.help, formatter_class=raw,
            epilog=epilog if command.examples else None, aliases=command.aliases,
        )  # fmt: skip
        command.arguments(sub)
        if command.lists:
            output.arguments(sub)
        if command.watched:
            sub.add_argument(
                "-w", "--watch", nargs="?", type=_seconds, const=EVERY, metavar="SECONDS",
                help=f"again and again, every {EVERY:g} seconds or as many as are given",
            )
        common_options(sub, default=argparse.SUPPRESS)
        sub.set_defaults(run=command.run, local=command.local)
    return parser


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0
    if not 0.1 <= seconds <= 86400:
        raise argparse.ArgumentTypeError(f"{text} is no number of seconds from 0.1 to 86400")
    return seconds


def main(argv: Sequence[str] | None = None) -> int:
    """The program; returns its exit status."""
    parser = build_parser()
    if "_ARGCOMPLETE" in os.environ:
        completion.complete(parser)
    options = parser.parse_args(argv)
    try:
        client = None if options.local else connect(options)
        if getattr(options, "watch", None):
            return _watch(client, options)
        return _once(client, options)
    except CliError as error:
        print(f"vnctl: {error}", file=sys.stderr)
        return error.status
    except BrokenPipeError:
        # The reader (head, less) has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130


def _once(client: Client | None, options: argparse.Namespace, before: str = "") -> int:
    result = options.run(client, options)
    if result.data is not None:
        print(before + output.render(result, options), flush=True)
    return result.status


def _watch(client: Client | None, options: argparse.Namespace) -> int:
    """Until interrupted.  A node that is away for a while is waited for."""
    clear = "\x1b[H\x1b[2J" if sys.stdout.isatty() else ""
    while True:
        try:
            _once(client, options, clear)
        except CliError as error:
            if error.status != UNREACHABLE:
                raise
            print(f"{clear}vnctl: {error}", file=sys.stderr, flush=True)
        time.sleep(options.watch)


if __name__ == "__main__":
    sys.exit(main())

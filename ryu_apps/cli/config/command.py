"""vnctl config: whether the stored configuration is followed, an operator's word on it, and the
configuration as a file."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from ryu_apps.cli.client import Client
from ryu_apps.cli.command import Command, Result, common_options
from ryu_apps.cli.config import files
from ryu_apps.cli.errors import NEGATIVE, OK
from ryu_apps.cli.table import facts


def config(client: Client, options: Any) -> Result:
    action: Callable[[Client, Any], Result] = getattr(options, "perform", show)
    return action(client, options)


def show(client: Client, options: Any) -> Result:
    return _shown(client.get("/v1/configuration"))


def accept(client: Client, options: Any) -> Result:
    return _shown(client.post("/v1/configuration/accept"))


def _shown(found: dict[str, Any]) -> Result:
    names = ("followed", "reason", "line", "changes", "skipped", "refused_records")
    text = facts(found, [(name, name) for name in names])
    return Result(found, text, OK if found.get("followed") else NEGATIVE)


ACTIONS: dict[str, tuple[Callable[[Client, Any], Result], str, tuple[str, ...]]] = {
    "show": (show, "Is the stored configuration followed, and if not, why?", ()),
    "accept": (
        accept, "Follow what the store has now, at all nodes; what it lacks is deleted",
        ("vnctl config accept",),
    ),
    "export": (
        files.export,
        "Write the configuration, and what operators wish of nodes, to a file that people can read",
        ("vnctl config export vnc.jsonl",
         "vnctl config export - | gzip > vnc-$(date +%F).jsonl.gz",
         "vnctl config export vnc.jsonl --config-file /etc/vnc/node.conf   # no node needs to run"),
    ),
    "import": (
        files.import_,
        "Make the configuration what an exported file says; all of the file is checked before "
        "anything is written",
        ("vnctl config import vnc.jsonl --dry-run", "vnctl config import vnc.jsonl --yes",
         "vnctl config import vnc.jsonl --config-file /etc/vnc/etcd.conf   # into another store"),
    ),
    "backup": (
        files.backup,
        "Write all that the store has to a file: the configuration and what nodes remember",
        ("vnctl config backup vnc.backup",),
    ),
    "restore": (
        files.restore,
        "Make a store what a backup says.  Nodes that know more go on with what they have until "
        "`vnctl config accept`",
        ("vnctl config restore vnc.backup --config-file /etc/vnc/node.conf --dry-run",
         "vnctl config restore vnc.backup --config-file /etc/vnc/node.conf --replace"),
    ),
}


def _arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(metavar="ACTION", title="actions", help="what to do")
    for name, (perform, text, examples) in ACTIONS.items():
        epilog = "examples:\n" + "\n".join(f"  {one}" for one in examples) if examples else None
        sub = actions.add_parser(
            name, help=text, description=text, epilog=epilog,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        sub.set_defaults(perform=perform)
        if name in ("export", "backup"):
            sub.add_argument("file", metavar="FILE", help="where to; -: the output")
        elif name in ("import", "restore"):
            sub.add_argument("file", metavar="FILE", help="where from; -: the input")
            sub.add_argument("--dry-run", action="store_true", help="only say what would change")
        if name == "import":
            sub.add_argument("--yes", action="store_true",
                             help="also where resources that the file lacks are removed")
        if name == "restore":
            sub.add_argument("--replace", action="store_true",
                             help="also where the store holds a configuration")
            sub.set_defaults(local=True)
        if name not in ("show", "accept"):
            sub.add_argument(
                "--config-file", metavar="NODE.CONF", required=name == "restore",
                help="open the store that this node's configuration names, rather than ask a node",
            )
        common_options(sub, default=argparse.SUPPRESS)


COMMANDS = [
    Command(
        "config", "Is the stored configuration followed? Export, import, backup, restore",
        config, _arguments,
        ("vnctl config", "vnctl config accept", "vnctl config export vnc.jsonl",
         "vnctl config import vnc.jsonl --dry-run", "vnctl config backup vnc.backup"), lists=False,
    ),
]

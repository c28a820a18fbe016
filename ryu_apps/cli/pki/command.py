"""vnctl pki: make a site's authorities, issue certificates, and replace both.

It works on the directory of the site alone and asks no node.  It never prints a private key.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from ryu_apps.cli.client import Client
from ryu_apps.cli.command import Command, Result, common_options, completer
from ryu_apps.cli.output import arguments as list_arguments
from ryu_apps.pki.inventory import MAX_DAYS, InventoryError, load
from ryu_apps.pki.roles import ROLES

DIRECTORY = "/etc/vnc/pki"
CA_DAYS, LEAF_DAYS, SOON = 3650, 397, 30
STEPS = {
    "begin": "make new authorities, which everybody trusts beside the old ones",
    "reissue": "have the new ones sign: new keys and certificates for all",
    "finish": "trust the old ones no longer",
}


def run(client: None, options: Any) -> Result:
    from ryu_apps.cli.pki import actions

    return actions.perform(options)


def _days(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or not 1 <= int(text) <= MAX_DAYS:
        raise argparse.ArgumentTypeError(f"{text} is no number of days from 1 to {MAX_DAYS}")
    return int(text)


def _sub(
    actions: Any, name: str, text: str, examples: tuple[str, ...]
) -> argparse.ArgumentParser:
    sub = actions.add_parser(
        name, help=text, description=text, formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="examples:\n" + "\n".join(f"  {one}" for one in examples),
    )
    sub.set_defaults(perform=name)
    list_arguments(sub)
    common_options(sub, default=argparse.SUPPRESS)
    return sub


def _directory(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-d", "--directory", metavar="DIRECTORY", default=os.environ.get(
        "VNC_PKI", DIRECTORY), help=f"of the site; default: $VNC_PKI, or {DIRECTORY}")


def _holder(parser: argparse.ArgumentParser, optional: bool = False) -> None:
    how = {"nargs": "?"} if optional else {}
    parser.add_argument("role", choices=list(ROLES), **how, help="; ".join(
        f"{role.name}: {role.help}" for role in ROLES.values()))
    name = parser.add_argument("name", metavar="NAME", **how, help="of the holder")
    completer(name, _holders)


def _holders(_: Client) -> list[str]:
    """Who has a certificate, for the shell: of the usual site, and without the cryptography
    library."""
    try:
        record = Path(os.environ.get("VNC_PKI", DIRECTORY), "site.json").read_bytes()
        return sorted({name for _, name in load(record).current()})
    except (OSError, InventoryError):
        return []


def _arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(metavar="ACTION", title="actions", required=True,
                                     help="what to do")
    sub = _sub(actions, "init", "Make a site's authorities, where there are none",
               (f"vnctl pki init {DIRECTORY} --site fra1",))
    sub.add_argument("directory", metavar="DIRECTORY", help="where; keep it off the nodes")
    sub.add_argument("--site", metavar="NAME", required=True, help="what the site is called")
    sub.add_argument("--days", type=_days, default=CA_DAYS,
                     help=f"for which authorities are valid; default: {CA_DAYS}")
    sub = _sub(actions, "issue", "Make a key and a certificate", (
        "vnctl pki issue node node1 --address 192.0.2.1 --dns node1.example.net",
        "vnctl pki issue hypervisor 6f1d0a3e-5b0f-4f5a-9a59-0d3e5b1c2f10 --dns hv1 "
        "--address 198.18.1.11",
        "vnctl pki issue etcd etcd1 --address 192.0.2.1",
        "vnctl pki issue client alice"))
    _directory(sub)
    _holder(sub)
    sub.add_argument("--address", metavar="ADDRESS", action="append", default=[],
                     help="that others reach it by; of a hypervisor each of its VTEPs, and it may "
                     "have no other; more than one allowed")
    sub.add_argument("--dns", metavar="NAME", action="append", default=[],
                     help="likewise, a DNS name")
    sub.add_argument("--days", type=_days, default=LEAF_DAYS,
                     help=f"for which it is valid; default: {LEAF_DAYS}")
    sub = _sub(actions, "list", "Certificates in use, and how long they are valid", (
        "vnctl pki list", "vnctl pki list --within 30 -o json   # exit status 1: some end soon"))
    _directory(sub)
    sub.add_argument("--within", type=_days, default=0, metavar="DAYS",
                     help="exit status 1 where any ends within so many days; default: where any "
                     "has ended")
    sub = _sub(actions, "export",
               "Copy a holder's files for its host, and say what to do with them there", (
                   "vnctl pki export node node1 --to /tmp/node1 --at /etc/vnc/tls",
                   "vnctl pki export hypervisor SYSTEM-ID   # only says it"))
    _directory(sub)
    _holder(sub)
    sub.add_argument("--to", metavar="DIRECTORY", help="where the copies go")
    sub.add_argument("--at", metavar="DIRECTORY", help="where they will be on its host; default: "
                     "as --to")
    _rotate_arguments(actions)


def _rotate_arguments(actions: Any) -> None:
    sub = actions.add_parser("rotate", help="Replace certificates, or the authorities",
                             description="Replace certificates, or the authorities")
    kinds = sub.add_subparsers(metavar="WHAT", title="what", required=True,
                                 help="what to replace")
    leaf = _sub(kinds, "leaf",
                "New keys and certificates for holders", (
                    "vnctl pki rotate leaf --within 30", "vnctl pki rotate leaf node node1"))
    _directory(leaf)
    _holder(leaf, optional=True)
    leaf.add_argument("--within", type=_days, default=SOON, metavar="DAYS",
                      help=f"all that end within so many days; default: {SOON}")
    ca = _sub(kinds, "ca",
              "New authorities, in three steps; hand out the files after each", (
                  "vnctl pki rotate ca --begin", "vnctl pki rotate ca --reissue",
                  "vnctl pki rotate ca --finish"))
    _directory(ca)
    steps = ca.add_mutually_exclusive_group(required=True)
    for name, text in STEPS.items():
        steps.add_argument(f"--{name}", dest="step", action="store_const", const=name, help=text)


COMMANDS = [
    Command(
        "pki", "Certificates of nodes, hypervisors, etcd and operators", run, _arguments,
        (f"vnctl pki init {DIRECTORY} --site fra1",
         "vnctl pki issue node node1 --address 192.0.2.1",
         "vnctl pki list", "vnctl pki rotate leaf --within 30", "vnctl pki rotate ca --begin"),
        lists=False, local=True, watched=False,
    ),
]


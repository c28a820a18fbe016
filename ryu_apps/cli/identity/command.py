"""vnctl identity: users, projects, roles and the keys of tokens of a system with ``[api] auth =
tokens``."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from ryu_apps.cli.client import Client
from ryu_apps.cli.command import Command, Result, common_options, completer
from ryu_apps.cli.identity import actions, directory, passwords
from ryu_apps.cli.identity.bootstrap import bootstrap
from ryu_apps.cli.output import arguments as list_arguments

Perform = Callable[[Any, Any], Result]
ROLES = ("admin", "member", "reader")


def identity(client: Client, options: Any) -> Result:
    action: Perform = getattr(options, "perform", actions.list_("user"))
    return action(client, options)


def _group(parent: Any, name: str, text: str) -> Any:
    sub = parent.add_parser(name, help=text, description=text)
    return sub.add_subparsers(metavar="ACTION", title="actions", help="what to do", required=True)


def _action(
    parent: Any, name: str, perform: Perform, text: str, *examples: str
) -> argparse.ArgumentParser:
    epilog = "examples:\n" + "\n".join(f"  {one}" for one in examples)
    sub = parent.add_parser(
        name, help=text, description=text, epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    sub.set_defaults(perform=perform)
    list_arguments(sub)
    common_options(sub, default=argparse.SUPPRESS)
    return sub


def _arguments(parser: argparse.ArgumentParser) -> None:
    groups = parser.add_subparsers(metavar="WHAT", title="what", help="of what")
    for kind in ("user", "project"):
        _of_kind(_group(groups, kind, f"{kind.capitalize()}s"), kind)
    _of_roles(_group(groups, "role", "Who has which role where"))
    _of_tokens(_group(groups, "token", "The keys that seal tokens"))
    sub = _action(
        groups, "bootstrap", bootstrap, "Make the first administrator, or let one in again whose "
        "password is lost",
        "vnctl identity bootstrap --code CODE   # a running node's log says it, while there is no "
        "user",
        "vnctl identity bootstrap --config-file /etc/vnc/node.conf",
    )
    sub.set_defaults(local=True)
    sub.add_argument("--code", metavar="CODE", help="from the log of a node on this host")
    sub.add_argument("--config-file", metavar="NODE.CONF", help="open the store that this node's "
                     "configuration names, rather than ask a node")
    sub.add_argument("--user", metavar="NAME", default="admin", help="default: admin")
    sub.add_argument("--project", metavar="NAME", default="admin", help="its first project; "
                     "default: admin")
    passwords.arguments(sub)


def _of_kind(group: Any, kind: str) -> None:
    command = f"vnctl identity {kind}"
    _action(group, "list", actions.list_(kind), f"List {kind}s", f"{command} list -o wide")
    _name(_action(group, "show", actions.show(kind), f"Show a {kind}", f"{command} show red"), kind)
    sub = _action(group, "create", actions.create(kind), f"Create a {kind}",
                  f"{command} create red --description 'of the reds'")
    sub.add_argument("name", metavar="NAME", help="not of another one")
    _fields(sub, kind)
    if kind == "user":
        passwords.arguments(sub)
        sub.add_argument("--no-password", action="store_true", help="it cannot log in until it "
                         "has one")
    sub = _action(group, "set", actions.set_(kind), f"Change a {kind}",
                  f"{command} set red --disable", f"{command} set red --name crimson")
    _name(sub, kind)
    sub.add_argument("--name", dest="new_name", metavar="NAME", help="another name")
    _fields(sub, kind)
    if kind == "user":
        sub = _action(group, "password", actions.set_password, "Give a user another password; its "
                      "tokens are void then", f"{command} password alice")
        _name(sub, kind)
        passwords.arguments(sub)
    text = "Delete a user" if kind == "user" else "Delete a project; what networks it has stay"
    _name(_action(group, "delete", actions.delete(kind), text, f"{command} delete red"), kind)


def _fields(parser: argparse.ArgumentParser, kind: str) -> None:
    parser.add_argument("--description", metavar="TEXT", help="for people")
    if kind == "user":
        parser.add_argument("--email", metavar="ADDRESS", help="for people")
        completer(parser.add_argument(
            "--default-project", metavar="PROJECT", help="of tokens that ask for none",
        ), lambda client: directory.names(client, "project"))
    able = parser.add_mutually_exclusive_group()
    able.add_argument("--enable", action="store_true", help="let it in (again)")
    able.add_argument("--disable", action="store_true", help="its tokens are void at once")


def _name(parser: argparse.ArgumentParser, kind: str) -> None:
    completer(parser.add_argument("name", metavar=kind.upper(), help="id or name"),
              lambda client: directory.names(client, kind))


def _of_roles(group: Any) -> None:
    sub = _action(group, "list", actions.roles, "Who has which role where",
                  "vnctl identity role list --project red")
    _where(sub, "USER", required=False)
    for name, perform, text in (("assign", actions.assign, "Give a user a role"),
                                ("unassign", actions.unassign, "Take a role from a user")):
        sub = _action(group, name, perform, text,
                      f"vnctl identity role {name} member --user alice --project red")
        sub.add_argument("role", choices=ROLES, help="reader sees; member also changes; admin does "
                         "everything in all projects")
        _where(sub, "USER", required=True)


def _where(parser: argparse.ArgumentParser, user: str, required: bool) -> None:
    completer(parser.add_argument("--user", metavar=user, required=required, help="id or name"),
              lambda client: directory.names(client, "user"))
    place = parser.add_mutually_exclusive_group(required=required)
    completer(place.add_argument("--project", metavar="PROJECT", help="id or name"),
              lambda client: directory.names(client, "project"))
    place.add_argument("--system", action="store_true", help="in the whole system, of no project")


def _of_tokens(group: Any) -> None:
    _action(group, "keys", actions.keys, "The keys, without themselves",
            "vnctl identity token keys")
    _action(group, "rotate-keys", actions.rotate, "Seal new tokens with the next key; those of "
            "before stay valid", "vnctl identity token rotate-keys")
    _action(group, "drop-old-keys", actions.drop, "Forget the old keys: all tokens that they "
            "sealed are void", "vnctl identity token drop-old-keys")


COMMANDS = [
    Command(
        "identity", "Users, projects, roles and tokens, where the system has its own", identity,
        _arguments,
        ("vnctl identity bootstrap --config-file /etc/vnc/node.conf",
         "vnctl identity project create red", "vnctl identity user create alice",
         "vnctl identity role assign member --user alice --project red",
         "vnctl identity token rotate-keys"),
    ),
]

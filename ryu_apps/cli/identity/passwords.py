"""Passwords that a command needs: asked for, or read from a file; never an argument, which every
user of the host could see."""

from __future__ import annotations

import getpass
import sys
from typing import Any

from ryu_apps.cli.errors import USAGE, CliError


def arguments(parser: Any) -> None:
    parser.add_argument("--password-file", metavar="FILE", help="its first line is the password; "
                        "-: the input. Default: it is asked for")


def password(options: Any, whose: str) -> str:
    """Raises CliError."""
    file = options.password_file
    if file == "-":
        found = sys.stdin.readline()
    elif file:
        try:
            with open(file) as lines:
                found = lines.readline()
        except (OSError, UnicodeDecodeError) as error:
            raise CliError(f"cannot read {file}: {error}", USAGE) from error
    elif not sys.stdin.isatty():
        raise CliError("the password is asked for at a terminal; without one: --password-file",
                       USAGE)
    else:
        found = getpass.getpass(f"Password of {whose}: ")
        if getpass.getpass("Again: ") != found:
            raise CliError("the two are not the same", USAGE)
    found = found.rstrip("\r\n")
    if not found:
        raise CliError("the password is empty", USAGE)
    return found

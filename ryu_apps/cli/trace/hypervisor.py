"""Running a command on a hypervisor, which has nothing of ours: by a template, ssh by default."""

from __future__ import annotations

import os
import re
import shlex
import subprocess

from ryu_apps.cli.errors import UNREACHABLE, CliError

DEFAULT_TEMPLATE = "ssh {host}"
BRIDGE = "br-int"
TIMEOUT = 30
_HOST = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:%-]*")
_FLOW = re.compile(r"[A-Za-z0-9_.:,=/]+")
TRACKED = ("--ct-next", "trk,est") * 2
"""What connection tracking finds, at the sender and at the receiver.  A known connection is held
against the same rules as a new one, and is not entered again, which would end its trace."""


def default_template() -> str:
    return os.environ.get("VNCTL_EXEC") or DEFAULT_TEMPLATE


def trace(template: str, host: str, flow: str) -> str:
    """The output of ``ofproto/trace`` for ``flow`` in br-int of ``host``.  Raises CliError."""
    # Both end in a shell of the other host.
    if not _HOST.fullmatch(host):
        raise CliError(f"the hypervisor's name {host!r} is no host name")
    if not _FLOW.fullmatch(flow):
        raise CliError(f"the flow {flow!r} cannot be given to a hypervisor")
    try:
        words = [word.replace("{host}", host) for word in shlex.split(template)]
    except ValueError as error:
        raise CliError(f"the template {template!r} is malformed: {error}") from error
    command = [*words, "ovs-appctl", "ofproto/trace", *TRACKED, BRIDGE, flow]
    hint = "; --exec or VNCTL_EXEC says how to run a command there, as \"ssh root@{host}\""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=TIMEOUT,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except OSError as error:
        raise CliError(f"cannot run {words[0] if words else ''}: {error.strerror}{hint}",
                       UNREACHABLE) from error  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise CliError(f"{host} gave no answer in {TIMEOUT} s{hint}", UNREACHABLE) from error
    if done.returncode:
        said = (done.stderr or done.stdout).strip() or "it said nothing"
        raise CliError(
            f"`{shlex.join(command)}` ended with status {done.returncode}: {said}{hint}",
            UNREACHABLE,
        )
    return done.stdout

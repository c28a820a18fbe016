"""Programs of the hypervisor on which vnctl runs: ovs-vsctl, ip, and a DHCP client."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import subprocess
from collections.abc import Sequence
from typing import Any

from ryu_apps.cli.errors import UNREACHABLE, CliError

BRIDGE = "br-int"
TIMEOUT = 30
MADE = "vnc-plugged"
"""Key of an interface's external_ids that says vnctl made it; its value is the port's name."""
NETNS = "vnc-netns"
NETNS_MADE = "vnc-netns-made"


def run(words: Sequence[str], check: bool = True, timeout: float = TIMEOUT) -> str:
    """The output of a command.  Raises CliError."""
    try:
        done = subprocess.run(
            words, capture_output=True, text=True, errors="replace", timeout=timeout,
            stdin=subprocess.DEVNULL,
        )
    except FileNotFoundError as error:
        raise CliError(f"there is no {words[0]} here; run this on a hypervisor",
                       UNREACHABLE) from error
    except subprocess.TimeoutExpired as error:
        raise CliError(f"`{shlex.join(words)}` did not end in {timeout:g} s",
                       UNREACHABLE) from error
    if check and done.returncode:
        said = (done.stderr or done.stdout).strip() or "it said nothing"
        raise CliError(f"`{shlex.join(words)}` failed: {said}", UNREACHABLE)
    return done.stdout


def must_be_root() -> None:
    if os.geteuid() != 0:
        raise CliError("this changes Open vSwitch and network namespaces of this host: run it as "
                       "root")


def vsctl(*words: str) -> str:
    return run(["ovs-vsctl", "--timeout=20", *words])


def interfaces(key: str, value: str) -> list[dict[str, Any]]:
    """``{"name", "external_ids", "ofport", "error"}`` of interfaces with this external id."""
    answer = json.loads(vsctl(
        "--format=json", "--columns=name,external_ids,ofport,error", "find", "Interface",
        f'external_ids:{key}="{value}"',
    ))
    found = []
    for row in answer["data"]:
        one = dict(zip(answer["headings"], row, strict=True))
        one["external_ids"] = dict(one["external_ids"][1])
        found.append({key: "" if value == ["set", []] else value for key, value in one.items()})
    return found


def bridge_exists() -> bool:
    return BRIDGE in vsctl("list-br").split()


# ---------------------------------------------------------------- ip


def namespaces() -> set[str]:
    return {line.split()[0] for line in run(["ip", "netns", "list"]).splitlines() if line.split()}


def ip(netns: str, *words: str, check: bool = True) -> str:
    """``ip`` in a network namespace; "": in this one."""
    return run(["ip", *(["-n", netns] if netns else []), *words], check)


def has_link(netns: str, name: str) -> bool:
    return bool(ip(netns, "-o", "link", "show", "dev", name, check=False).strip())


def links(netns: str) -> list[str]:
    """Names of the interfaces, but for those that every namespace has."""
    shown = json.loads(ip(netns, "-json", "-details", "link", "show") or "[]")
    return [one["ifname"] for one in shown
            if one.get("link_type") == "ether"
            and one.get("linkinfo", {}).get("info_kind") not in ("gretap", "erspan")]


def no_advertised_routes(name: str) -> None:
    """This host's default route is none of a tenant's to say (ip-sysctl, accept_ra_defrtr)."""
    for key in ("accept_ra_defrtr", "accept_ra_rtr_pref", "accept_ra_rt_info_max_plen"):
        path = f"/proc/sys/net/ipv6/conf/{name}/{key}"
        with contextlib.suppress(OSError), open(path, "w") as file:
            file.write("0")

"""``python -m lab up|down|status|exec``: a lab from the shell, without the demo."""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys

from lab.journal import Journal, LabBusy, process_start
from lab.net import CommandError
from lab.wait import LabTimeout


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m lab", description=__doc__)
    parser.add_argument("--name", default=os.environ.get("LAB") or "vnc", help="name of the lab")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("up", help="build the default lab and leave it running")
    commands.add_parser("down", help="remove everything the lab made, also after a crash")
    commands.add_parser("status", help="what of the lab exists and runs")
    run = commands.add_parser("exec", help="run a command on a host of the lab")
    run.add_argument("host")
    run.add_argument("words", nargs=argparse.REMAINDER, metavar="COMMAND")
    options = parser.parse_args(argv)
    if os.geteuid() != 0:
        print("lab: network namespaces need root; use sudo", file=sys.stderr)
        return 2
    try:
        if options.command == "up":
            return _up(options.name)
        if options.command == "down":
            return _down(options.name)
        if options.command == "status":
            return _status(options.name)
        return _exec(options.name, options.host, options.words)
    except (CommandError, LabBusy, LabTimeout, OSError, ValueError) as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1


def _up(name: str) -> int:
    from lab.topology import Lab

    lab = Lab(name, api_ports=api_ports())
    try:
        lab.up(print)
        lab.journal.keep()
    except BaseException:
        lab.down()
        raise
    for node in lab.nodes.values():
        print(f"{node.name}: {node.url}")
    print(f"on a host: {lab.exec_script} HOST COMMAND...")
    return 0


def api_ports() -> tuple[int, ...]:
    """Ports of the host's loopback for the nodes' APIs: ``$API_PORTS`` or 9696,9697.

    Raises ValueError.
    """
    text = os.environ.get("API_PORTS") or "9696,9697"
    ports = text.split(",")
    if not all(re.fullmatch("[0-9]{1,5}", port) and int(port) < 65536 for port in ports):
        raise ValueError(
            f"API_PORTS={text}: port numbers with commas between, as 9696,9697; 0 takes a free one"
        )
    return tuple(map(int, ports))


def _down(name: str) -> int:
    journal = Journal(name)
    journal.lock()
    removed = journal.remove_all()
    journal.unlock()
    print(f"removed {', '.join(removed) or 'nothing: there is no such lab'}")
    return 0


def _status(name: str) -> int:
    journal = Journal(name)
    if not journal.exists:
        print(f"there is no lab {name!r}")
        return 1
    print(f"lab {name} in {journal.directory}")
    print("hosts: " + " ".join(space.removeprefix(f"{name}-") for space in journal.namespaces()))
    for entry in journal.entries("process"):
        alive = process_start(entry["pid"]) == entry["start"]
        print(f"  {entry['name']:<16} pid {entry['pid']:<8} {'runs' if alive else 'ended'}")
    for entry in journal.entries("api"):
        print(f"  API of {entry['node']}: http://127.0.0.1:{entry['port']}")
    return 0


def _exec(name: str, host: str, words: list[str]) -> int:
    journal = Journal(name)
    if f"{name}-{host}" not in journal.namespaces():
        print(f"lab: no host {host!r} in the lab {name!r}", file=sys.stderr)
        return 2
    if not words:
        words = [os.environ.get("SHELL", "/bin/sh")]
    return subprocess.run([str(journal.directory / "exec"), host, *words], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())

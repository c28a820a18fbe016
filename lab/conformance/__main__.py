"""``python -m lab.conformance``: tempest's and Neutron's own API tests against a node."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from lab.beds.node_bed import LoopbackNode
from lab.beds.openflow_bed import free_port
from lab.client import Client
from lab.conformance.workspace import Workspace, excluded
from lab.keystone import Keystone

SUITES = {
    "tempest": r"^tempest\.api\.network",
    "neutron": r"^neutron_tempest_plugin\.api",
}
WORKERS = 2


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m lab.conformance",
                                     description=__doc__.rpartition(": ")[2])
    parser.add_argument("suites", nargs="*", choices=[*SUITES, []], metavar="SUITE",
                        help=f"{' or '.join(SUITES)}; both by default")
    parser.add_argument("--regex", help="the tests to run instead of whole suites")
    parser.add_argument("--workers", type=int, default=WORKERS)
    parser.add_argument("--keep", type=Path, help="a directory for logs that stay")
    options = parser.parse_args()
    chosen = options.suites or list(SUITES)
    runs = {"chosen": options.regex} if options.regex else {one: SUITES[one] for one in chosen}
    failed = 0
    with tempfile.TemporaryDirectory(prefix="vnc-conformance-") as made:
        directory = options.keep or Path(made)
        directory.mkdir(parents=True, exist_ok=True)
        with Keystone(free_port()) as keystone:
            token = keystone.token()
            settings = f"auth = keystone\n{keystone.section()}"
            with LoopbackNode(directory, settings=settings, token=token) as node:
                keystone.service("network", node.url)
                workspace = Workspace(directory, keystone.url, extensions(node.client))
                for name, regex in runs.items():
                    failed += run(workspace, name, regex, options.workers)
    return 1 if failed else 0


def extensions(client: Client) -> list[str]:
    return [one["alias"] for one in client.get("/v2.0/extensions")["extensions"]]


def run(workspace: Workspace, name: str, regex: str, workers: int) -> int:
    """Run one suite and print what came of it; returns how many tests failed."""
    print(f"{name}: {regex} ...", flush=True)
    begun = time.monotonic()
    outcome = workspace.run(regex, workers)
    print(f"{name}: {outcome.passed} passed, {len(outcome.failed)} failed, {outcome.skipped} "
          f"skipped, {len(excluded())} patterns not run, {time.monotonic() - begun:.0f} s")
    for test in outcome.failed:
        print(f"  FAILED {test}\n         {workspace.why(test)}")
    return len(outcome.failed)


if __name__ == "__main__":
    sys.exit(main())

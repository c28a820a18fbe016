"""``python -m lab.conformance``: other people's tests and clients against a node."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from lab.conformance.outcome import excluded
from lab.conformance.playbooks import Playbooks
from lab.conformance.sdk import Sdk
from lab.conformance.site import Site
from lab.conformance.workspace import Workspace

WORKERS = 2


class Suite(NamedTuple):
    """``runner``: what runs it.  ``regex``: which of the runner's tests are of it."""

    runner: type[Workspace] | type[Sdk] | type[Playbooks]
    regex: str


SUITES = {
    "tempest": Suite(Workspace, r"^tempest\.api\.network"),
    "neutron": Suite(Workspace, r"^neutron_tempest_plugin\.api"),
    "sdk": Suite(Sdk, r"^openstack\.tests\.functional\.(network|cloud\.test_network)\b"),
    "ansible": Suite(Playbooks, ""),
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m lab.conformance",
                                     description=__doc__.partition(": ")[2])
    parser.add_argument("suites", nargs="*", choices=[*SUITES, []], metavar="SUITE",
                        help=f"{', '.join(SUITES)}; all by default")
    parser.add_argument("--regex", help="the tests of a suite to run instead of all of them")
    parser.add_argument("--workers", type=int, default=WORKERS)
    parser.add_argument("--keep", type=Path, help="a directory for logs that stay")
    options = parser.parse_args()
    chosen = options.suites or (["tempest"] if options.regex else list(SUITES))
    failed = 0
    with tempfile.TemporaryDirectory(prefix="vnc-conformance-") as made:
        directory = options.keep or Path(made)
        directory.mkdir(parents=True, exist_ok=True)
        with Site(directory) as site:
            for name in chosen:
                failed += run(site, name, options.regex or SUITES[name].regex, options.workers)
    return 1 if failed else 0


def run(site: Site, name: str, regex: str, workers: int) -> int:
    """Run tests of one suite and print what came of it; returns how many failed.  A traceback in
    the node's log counts as a failure, and so does a suite of no tests."""
    print(f"{name}: {regex} ...", flush=True)
    begun, before = time.monotonic(), site.node.logged("Traceback")
    outcome = SUITES[name].runner(site.directory / name, site).run(regex, workers)
    raised = site.node.logged("Traceback") - before
    print(f"{name}: {outcome.passed} passed, {len(outcome.failed)} failed, {outcome.skipped} "
          f"skipped, {len(excluded())} patterns not run, {raised} tracebacks in the node's log, "
          f"{time.monotonic() - begun:.0f} s")
    for test, said in outcome.failed:
        print(f"  FAILED {test}\n         {said}")
    return len(outcome.failed) + raised + (outcome.passed == 0)


if __name__ == "__main__":
    sys.exit(main())

"""openstacksdk's own functional tests of its network part."""

from __future__ import annotations

from pathlib import Path

from lab import python_environment
from lab.conformance.outcome import Outcome
from lab.conformance.site import Site, environment
from lab.conformance.stestr import Runner

REQUIREMENTS = Path(__file__).with_name("requirements-sdk.txt")
PARTS = ("network", "cloud")
"""Directories of its tests: of the network service, and of the layer above all services."""
SECONDS = 300
"""For a test."""


class Sdk:
    """``directory``: for its files."""

    def __init__(self, directory: Path, site: Site) -> None:
        directory.mkdir(exist_ok=True)
        python = python_environment.python("conformance-sdk", REQUIREMENTS)
        (packages,) = python.parent.parent.glob("lib/python*/site-packages")
        self._runners = []
        for part in PARTS:
            where = directory / part
            where.mkdir(exist_ok=True)
            tests = packages / "openstack" / "tests" / "functional" / part
            (where / ".stestr.conf").write_text(
                f"[DEFAULT]\ntest_path={tests}\ntop_dir={packages}\n")
            self._runners.append(Runner(python, where, _environment(site)))

    def run(self, regex: str, workers: int) -> Outcome:
        """Run the tests whose names match.  Raises CalledProcessError where they cannot be."""
        done = [one.run("stestr", "run", regex, "--concurrency", str(workers))
                for one in self._runners]
        return Outcome(sum(one.passed for one in done), sum(one.skipped for one in done),
                       tuple(failed for one in done for failed in one.failed))


def _environment(site: Site) -> dict[str, str]:
    return {
        **environment(), "OS_CLIENT_CONFIG_FILE": str(site.clouds), "OS_CLOUD": "admin",
        "OPENSTACKSDK_DEMO_CLOUD": "demo", "OPENSTACKSDK_DEMO_CLOUD_ALT": "demo-alt",
        "OPENSTACKSDK_OPERATOR_CLOUD": "admin",
        "OPENSTACKSDK_SYSTEM_ADMIN_CLOUD": "system-admin", "OS_TEST_TIMEOUT": str(SECONDS),
        **{f"OS_{stream}_CAPTURE": "1" for stream in ("LOG", "STDOUT", "STDERR")},
    }

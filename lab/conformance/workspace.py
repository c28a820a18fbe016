"""A workspace of tempest: its configuration, its runs and what came of them."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from lab import python_environment
from lab.keystone.server import ADMIN, PASSWORD, REGION

HERE = Path(__file__).parent
REQUIREMENTS, EXCLUDED = HERE / "requirements.txt", HERE / "excluded.txt"
_COUNT = re.compile(r"^ - (Passed|Skipped|Failed|Unexpected Success): (\d+)", re.MULTILINE)
_NEXT = re.compile(r"^\{\d+\} |^Captured pythonlogging", re.MULTILINE)
"""Where what a test has said ends."""
CREDENTIALS = ("OS_AUTH_TYPE", "OS_ENDPOINT", "OS_CLOUD", "OS_AUTH_URL", "OS_TOKEN")
"""Variables of whoever runs this that clients would read."""


class Outcome(NamedTuple):
    """``failed``: the names of the tests."""

    passed: int
    skipped: int
    failed: tuple[str, ...]


def excluded() -> list[tuple[str, str]]:
    """(regular expression of a test's name, why it is not run) of each line of the file."""
    found = []
    for line in EXCLUDED.read_text().splitlines():
        pattern, _, reason = line.partition("  # ")
        if pattern.strip() and not line.startswith("#"):
            found.append((pattern.strip(), reason.strip()))
    return found


class Workspace:
    """``directory``: for its files.  ``keystone``: URL of the Identity API.  ``extensions``: what
    the node lists."""

    def __init__(self, directory: Path, keystone: str, extensions: Iterable[str]) -> None:
        self.directory = directory
        self._python = python_environment.python("conformance", REQUIREMENTS)
        self._output = directory / "run.out"
        # Its list of workspaces would be the user's own, and has each name once.
        self._tempest("init", "--workspace-path", str(directory / "workspaces.yaml"),
                      str(directory / "workspace"))
        self._where = directory / "workspace"
        (self._where / "etc" / "tempest.conf").write_text(
            _configuration(keystone, sorted(extensions), directory / "locks"))

    def run(self, regex: str, workers: int) -> Outcome:
        """Run the tests whose names match.  Raises CalledProcessError where none could be."""
        patterns = self.directory / "excluded"
        patterns.write_text("".join(f"{pattern}\n" for pattern, _ in excluded()))
        done = self._tempest(
            "run", "--regex", regex, "--exclude-list", str(patterns),
            "--concurrency", str(workers), check=False,
        )
        self._output.write_text(done.stdout + done.stderr)
        counts = {name: int(count) for name, count in _COUNT.findall(done.stdout)}
        if not counts:
            raise subprocess.CalledProcessError(
                done.returncode, done.args, done.stdout[-4000:], done.stderr[-4000:])
        return Outcome(counts.get("Passed", 0), counts.get("Skipped", 0), tuple(self._failures()))

    def _failures(self) -> list[str]:
        done = self._call("stestr", "failing", "--list")
        return sorted(line for line in done.stdout.splitlines() if line.strip())

    def why(self, test: str) -> str:
        """What a test that failed has said at last."""
        told = self._output.read_text().partition(f" {test.partition('[')[0]} [")[2]
        told = _NEXT.split(told, maxsplit=1)[0]
        lines = [line.strip() for line in told.splitlines()[1:] if line.strip()]
        said = [line for line in lines if line.startswith(("Details:", "MismatchError"))]
        return (said or lines or ["it said nothing"])[-1][:300]

    def _tempest(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return self._call("tempest", *words, check=check)

    def _call(
        self, program: str, *words: str, check: bool = False
    ) -> subprocess.CompletedProcess[str]:
        environment = {key: value for key, value in os.environ.items() if key not in CREDENTIALS}
        where = getattr(self, "_where", self.directory)
        return subprocess.run(
            [str(self._python.with_name(program)), *words], cwd=where, env=environment,
            capture_output=True, text=True, check=check, stdin=subprocess.DEVNULL,
        )


def _configuration(keystone: str, extensions: list[str], locks: Path) -> str:
    return "\n".join([
        "[DEFAULT]", "log_file = tempest.log", "debug = false",
        "[auth]", "use_dynamic_credentials = true", f"admin_username = {ADMIN}",
        f"admin_password = {PASSWORD}", "admin_project_name = admin", "admin_domain_name = Default",
        "admin_domain_scope = false", "create_isolated_networks = false",
        "default_credentials_domain_name = Default",
        "[identity]", f"uri_v3 = {keystone}", "auth_version = v3", f"region = {REGION}",
        "[identity-feature-enabled]", "api_v3 = true",
        "[oslo_concurrency]", f"lock_path = {locks}",
        "[service_available]", "neutron = true",
        *(f"{name} = false" for name in ("nova", "glance", "cinder", "swift", "horizon")),
        "[network]", "project_network_cidr = 10.100.0.0/16", "project_network_mask_bits = 28",
        "project_network_v6_cidr = 2001:db8:100::/48", "project_network_v6_mask_bits = 64",
        "default_network = 10.100.0.0/16", "build_timeout = 60", "build_interval = 1",
        "[network-feature-enabled]", "ipv6 = true", f"api_extensions = {','.join(extensions)}",
        "ipv6_subnet_attributes = true", "port_admin_state_change = true", "port_security = true",
        "floating_ips = false", "available_features =",
        "[enforce_scope]", "neutron = false",
        "[neutron_plugin_options]", "provider_vlans =", "available_type_drivers = vxlan",
        "create_shared_resources = true",
        "[compute]", "image_ref = 00000000-0000-0000-0000-000000000000", "flavor_ref = 1", "",
    ])

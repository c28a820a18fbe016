"""The packages that a fresh machine gets: they exist, together, on the machine that runs this."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SCRIPT = ROOT / ".ci" / "packages"


def run(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, capture_output=True, text=True, timeout=110)


@pytest.mark.skipif(shutil.which("apt-get") is None, reason="needs apt-get")
def test_apt_would_install_everything_on_a_machine_that_has_nothing() -> None:
    """``--plan`` does not look at what is installed here, and neither does this simulation
    (apt-get(8), ``--simulate``): the state of the packages is an empty file."""
    plan = run(SCRIPT, "--plan")
    assert plan.returncode == 0, plan.stderr
    packages = plan.stdout.split()
    assert {"openvswitch-switch", "frr", "iproute2"} <= set(packages)
    made = run(
        "apt-get", "install", "--simulate", "--no-install-recommends", "-o",
        "Dir::State::status=/dev/null", *packages,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    installed = set(re.findall(r"^Inst (\S+)", made.stdout, re.MULTILINE))
    assert set(packages) <= installed


def test_an_unknown_option_is_told_what_there_is() -> None:
    refused = run(SCRIPT, "--everything")
    assert refused.returncode == 2
    assert "--plan" in refused.stderr


@pytest.mark.parametrize("script", [".ci/packages", ".ci/python", ".ci/run", "Makefile"])
def test_no_pipe_ends_early_under_pipefail(script: str) -> None:
    """With ``set -o pipefail`` a reader that closes the pipe early (``grep -q``, ``head``) makes
    the whole line fail at times: the writer gets SIGPIPE (bash(1), "Pipelines")."""
    early = r"\|\s*(grep\s+(-\w+\s+)*-\w*[qm]|head\b|sed\s+(-n\s+)?.*\bq\b|read\b)"
    text = (ROOT / script).read_text()
    assert "pipefail" in text
    code = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    assert [line for line in code if re.search(early, line)] == []

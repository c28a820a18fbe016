"""``make demo`` itself: killed in the middle, run again, nothing left behind."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.journal import Journal
from lab.net import run

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 400.0
"""Seconds for a whole demo, to end a hang: on two cores with a load of 9 it takes 120."""
BY_ITSELF = ("VMs got address, route and MTU by DHCP", "VMs got their IPv6 address by SLAAC")
ROWS = (
    *BY_ITSELF,
    "IPv6 ping within a network",
    "IPv6 ping between networks",
    "tcp 22 from a group member: allowed, and by what",
    "the rule counted the packets that it let through",
    "tcp 80 from a group member: dropped, and why",
    "tcp 22 from another VM: dropped, and why",
    "forged frames are dropped, an honest one is not",
    "the switch's table guard dropped them",
    "both uplinks of every hypervisor carry traffic",
    "a cut link costs no more than its detection",
    "the mended link carries traffic again",
    "one node owns each hypervisor, the other stands by",
    "a node drained and undrained: nothing is lost",
    "its hypervisors move and come back, no flow is touched",
    "a node killed for good: its hypervisors move, nothing is lost",
    "meanwhile new connections: permitted ones work, others do not",
    "a new port there, made by the node that is left",
)


@pytest.fixture
def environment() -> Iterator[dict[str, str]]:
    name = f"vncd{os.getpid()}"
    yield {**os.environ, "LAB": name, "API_PORTS": "0,0", "PYTHONUNBUFFERED": "1", "KEEP": ""}
    Journal(name).remove_all()


@pytest.mark.timeout(600)
def test_demo_after_a_crash_in_the_middle(environment: dict[str, str]) -> None:
    name = environment["LAB"]
    command = [sys.executable, "-m", "lab.demo"]
    first = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True,
    )
    assert first.stdout is not None
    seen = ""
    for line in first.stdout:
        seen += line
        if "is drained" in line:  # under steady traffic, with monitors of flows
            break
    first.kill()
    first.wait(10)
    assert "is drained" in seen, seen
    assert f"{name}-hv1" in run(["ip", "netns", "list"]).stdout

    second = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=PATIENCE,
        check=False,
    )
    assert "removed what an earlier run left" in second.stdout
    assert second.returncode == 0, second.stdout + second.stderr
    summary = re.search(r"(\d+) of (\d+) passed", second.stdout)
    assert summary is not None and summary[1] == summary[2]
    assert "FAIL" not in second.stdout
    table = second.stdout.partition("what was checked")[2]
    assert [row for row in ROWS if row not in table] == []
    assert name not in run(["ip", "netns", "list"]).stdout
    assert not Journal(name).exists


@pytest.mark.timeout(600)
def test_demo_with_addresses_put_there_and_left_running(environment: dict[str, str]) -> None:
    name = environment["LAB"]
    done = subprocess.run(
        [sys.executable, "-m", "lab.demo"], cwd=ROOT, capture_output=True, text=True,
        timeout=PATIENCE, check=False, env={**environment, "STATIC": "1", "KEEP": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    table = done.stdout.partition("what was checked")[2]
    assert [row for row in ROWS if (row in table) == (row in BY_ITSELF)] == []
    # The commands that it proposes are there to be pasted.
    proposed = table.partition("Try:")[2]
    explain = re.search(r"vnctl (explain .*)", proposed)
    url = re.search(r"VNCTL_URL=(\S+)", proposed)
    assert explain is not None and url is not None, done.stdout
    denied = run(
        [sys.executable, "-m", "ryu_apps.cli.vnctl", "--url", url[1], *explain[1].split()],
        check=False,
    )
    assert denied.returncode == 1 and "DENIED" in denied.stdout, denied.stdout + denied.stderr
    down = run([sys.executable, "-m", "lab", "--name", name, "down"])
    assert "namespaces" in down.stdout
    assert name not in run(["ip", "netns", "list"]).stdout


@pytest.mark.parametrize("wrong", [
    {"API_PORTS": "foo"}, {"API_PORTS": "99999,1"}, {"API_PORTS": "1,,2"}, {"LAB": "a/b"},
    {"LAB": "x y"}, {"LAB": "n" * 40},
])
def test_wrong_settings_are_said(environment: dict[str, str], wrong: dict[str, str]) -> None:
    (name, value), = wrong.items()
    done = subprocess.run(
        [sys.executable, "-m", "lab.demo"], cwd=ROOT, env={**environment, **wrong},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 2 and done.stdout == ""
    assert len(done.stderr.splitlines()) == 1 and value in done.stderr and name in done.stderr

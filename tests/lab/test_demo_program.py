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


@pytest.fixture
def environment() -> Iterator[dict[str, str]]:
    name = f"vncd{os.getpid()}"
    yield {**os.environ, "LAB": name, "API_PORTS": "0,0", "PYTHONUNBUFFERED": "1", "KEEP": ""}
    Journal(name).remove_all()


@pytest.mark.timeout(180)
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
        if "tenant blue" in line:
            break
    first.kill()
    first.wait(10)
    assert "tenant blue" in seen, seen
    assert f"{name}-hv1" in run(["ip", "netns", "list"]).stdout

    second = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=150,
        check=False,
    )
    assert "removed what an earlier run left" in second.stdout
    assert second.returncode == 0, second.stdout + second.stderr
    summary = re.search(r"(\d+) of (\d+) passed", second.stdout)
    assert summary is not None and summary[1] == summary[2]
    assert "FAIL" not in second.stdout
    assert name not in run(["ip", "netns", "list"]).stdout
    assert not Journal(name).exists

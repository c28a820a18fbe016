"""Commands that the demo shows together with what they print."""

from __future__ import annotations

import os
import subprocess
import sys

from lab.client import Client
from lab.demo.report import Report
from lab.net import run
from lab.topology import Lab


def vnctl(
    lab: Lab, report: Report, client: Client, *words: str
) -> subprocess.CompletedProcess[str]:
    """Run ``vnctl`` against a node of the lab and show it; the caller judges its exit status."""
    report.say(f"vnctl {' '.join(words)}")
    done = run(
        [sys.executable, "-m", "ryu_apps.cli.vnctl", *words], check=False,
        env={**os.environ, "VNCTL_URL": client.url,
             "VNCTL_EXEC": f"{lab.exec_script} {{host}}"},
    )  # fmt: skip
    report.show(done.stdout + done.stderr)
    return done

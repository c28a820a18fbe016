"""Processes that Ctrl-C ends, also where the tests themselves run without it.

A shell has the commands that it puts into the background ignore SIGINT, and their children inherit
that (POSIX, "Shell Command Language", asynchronous lists).
"""

from __future__ import annotations

import signal
import subprocess
from typing import Any


def start(argv: list[str], **options: Any) -> subprocess.Popen[str]:
    """``subprocess.Popen`` with text, and with SIGINT as a terminal's programs have it."""
    return subprocess.Popen(
        argv, text=True, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL), **options
    )

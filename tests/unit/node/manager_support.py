"""The launcher as a program: started with applications of the test, its output read."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def start(*arguments: str, cwd: Path | None = None) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "ryu_apps.manager", *arguments], text=True, cwd=cwd or ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT)


def run(*arguments: str, cwd: Path | None = None) -> tuple[int, str]:
    process = start(*arguments, cwd=cwd)
    try:
        output, _ = process.communicate(timeout=20)
    finally:
        process.kill()
    return process.returncode, output


def errors(output: str) -> list[str]:
    return [line for line in output.splitlines() if line.startswith("ryu-manager: ")]


def write_app(directory: Path, name: str, body: str, imports: str = "") -> Path:
    path = directory / f"{name}.py"
    path.write_text(textwrap.dedent(imports) + textwrap.dedent("""
        from os_ken.base import app_manager

        class App(app_manager.OSKenApp):
        """) + textwrap.indent(textwrap.dedent(body), "    "))
    return path


def read_until(process: subprocess.Popen, text: str) -> str:
    output = ""
    deadline = time.monotonic() + 20
    while text not in output:
        assert time.monotonic() < deadline, output
        line = process.stdout.readline()
        assert line, output
        output += line
    return output

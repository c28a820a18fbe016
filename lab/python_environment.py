"""Python environments of other people's programs, each made once for its set of versions.

They are kept in ``$XDG_CACHE_HOME/vnc`` (default ``~/.cache/vnc``), for all working trees, 200 MB
each.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

INSTALLING = 900
"""Seconds at most."""


def cache() -> Path:
    """The directory of what is downloaded once."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "vnc"


def python(name: str, requirements: Path) -> Path:
    """The interpreter of the environment with the packages of a file with exact versions; it is
    made if there is none.  Several may ask at a time.  Raises subprocess.CalledProcessError with
    what pip said."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    key = hashlib.sha256(requirements.read_bytes() + version.encode()).hexdigest()[:12]
    made = cache() / f"{name}-{key}"
    made.parent.mkdir(parents=True, exist_ok=True)
    with open(made.with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (made / "complete").exists():
            _make(made, requirements)
    return made / "bin" / "python"


def _make(made: Path, requirements: Path) -> None:
    shutil.rmtree(made, ignore_errors=True)
    _run(sys.executable, "-m", "venv", str(made))
    _run(str(made / "bin" / "python"), "-m", "pip", "install", "--quiet",
         "--disable-pip-version-check", "--no-deps", "-r", str(requirements))
    (made / "complete").touch()


def _run(*words: str) -> None:
    try:
        subprocess.run(words, check=True, capture_output=True, text=True, timeout=INSTALLING)
    except subprocess.CalledProcessError as error:
        error.add_note(error.stderr)
        raise

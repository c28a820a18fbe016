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
import tempfile
import zipfile
from collections.abc import Callable
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
    return _once(f"{name}-{key}", lambda made: _make(made, requirements)) / "bin" / "python"


def part_of_wheel(python: Path, requirement: str, part: str) -> Path:
    """A directory with the files of a distribution whose names begin with ``part``.
    ``requirement``: it and its exact version.  ``python``: for which interpreter."""
    name, _, version = requirement.partition("==")

    def make(made: Path) -> None:
        with tempfile.TemporaryDirectory(dir=made.parent) as place:
            _run(str(python), "-m", "pip", "download", "--quiet", "--disable-pip-version-check",
                 "--no-deps", "--only-binary", ":all:", "--dest", place, requirement)
            (wheel,) = Path(place).glob("*.whl")
            with zipfile.ZipFile(wheel) as archive:
                files = [one for one in archive.namelist() if one.startswith(part)]
                archive.extractall(made, files)

    return _once(f"{name}-{version}", make)


def _once(name: str, make: Callable[[Path], None]) -> Path:
    """The directory of a name, made if it is not whole.  Several may ask at a time."""
    made = cache() / name
    made.parent.mkdir(parents=True, exist_ok=True)
    with open(made.parent / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (made / "complete").exists():
            shutil.rmtree(made, ignore_errors=True)
            make(made)
            (made / "complete").touch()
    return made


def _make(made: Path, requirements: Path) -> None:
    _run(sys.executable, "-m", "venv", str(made))
    _run(str(made / "bin" / "python"), "-m", "pip", "install", "--quiet",
         "--disable-pip-version-check", "--no-deps", "-r", str(requirements))


def _run(*words: str) -> None:
    try:
        subprocess.run(words, check=True, capture_output=True, text=True, timeout=INSTALLING)
    except subprocess.CalledProcessError as error:
        error.add_note(error.stderr)
        raise

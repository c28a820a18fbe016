"""Trees of the program's source that a node can be started from: this one, and an earlier one that
is taken out of the history."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
EARLIER = "3512930ec0723468d6fd3e5259624575af45a918"
"""The revision that a system must be able to be upgraded from while it runs."""


class NoRevision(Exception):
    """The revision is not in the history at hand.  The text says how to get it."""


@dataclass(frozen=True)
class Tree:
    """``root``: the folder that has the packages.  ``label``: the end of the version that a node of
    this tree says it has; "" for the tree that the lab itself is of."""

    root: Path
    label: str = ""

    @property
    def environment(self) -> dict[str, str]:
        """Variables by which Python, and what it starts in turn, takes the packages of this tree.

        PYTHONSAFEPATH: ``python -m`` would look into the working directory first, where another
        tree may be (python(1), -P).
        """
        return {
            "PYTHONPATH": str(self.root), "PYTHONSAFEPATH": "1", "PYTHONUNBUFFERED": "1",
            # A service that is started again has its modules compiled.
            "PYTHONDONTWRITEBYTECODE": "",
        }

    def module(self, name: str, *words: str) -> list[str]:
        """The command that runs a module of this tree."""
        return [sys.executable, "-m", name, *words]

    def manager(self) -> list[str]:
        """``ryu-manager``: of the running environment, which is this tree's; the module where it is
        not installed, and in another tree."""
        script = Path(sys.executable).parent / "ryu-manager"
        if self == THIS and script.exists():
            return [str(script)]
        return self.module("ryu_apps.manager")


THIS = Tree(ROOT)


def earlier_revision() -> str:
    """The revision to take for an earlier one: the variable ``EARLIER``, or the usual one."""
    return os.environ.get("EARLIER") or EARLIER


def take_out(revision: str, directory: Path) -> Tree:
    """The tree of ``revision`` in ``directory``, which is made; the working tree is not touched.

    Nodes of it say so in their version.  Raises NoRevision.
    """
    if shutil.which("git") is None:
        raise NoRevision("needs git, and a clone of the repository")
    found = _git("rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")
    if found.returncode:
        said = found.stderr.decode(errors="replace").strip()
        raise NoRevision(
            f"{revision} is not in the history of {ROOT}{said and f' ({said})'}; where the clone "
            "is shallow: git fetch --unshallow"
        )
    commit = found.stdout.decode().strip()
    archive = _git("archive", "--format=tar", commit)
    archive.check_returncode()
    directory.mkdir(parents=True)
    subprocess.run(["tar", "-x", "-C", str(directory)], input=archive.stdout, check=True)
    label = f"+{commit[:7]}"
    with open(directory / "ryu_apps" / "__init__.py", "a") as stamp:
        stamp.write(f'\n__version__ += "{label}"\n')
    return Tree(directory, label)


def _git(*words: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, check=False)

"""The import contracts of pyproject.toml refuse what they say they refuse."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
COMMAND = Path(sys.executable).with_name("lint-imports")


@pytest.fixture(scope="module")
def tree(tmp_path_factory) -> Path:
    """A copy of the tree that a test may add to."""
    copy = tmp_path_factory.mktemp("tree")
    for name in ("ryu_apps", "vrouter_ovs", "lab", "bench", "tests"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", copy)
    return copy


def lint(tree: Path) -> tuple[int, str]:
    done = subprocess.run([COMMAND, "--no-cache"], cwd=tree, capture_output=True, text=True,
                          env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(tree), "COLUMNS": "200"})
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("folder", [
    "ryu_apps/analytics", "ryu_apps/control/unplaced", "ryu_apps/southbound/xmpp",
    "ryu_apps/peering/monitoring", "vrouter_ovs/mirrors",
])
def test_a_package_without_a_place(tree, folder):
    package = tree / folder
    package.mkdir()
    try:
        (package / "__init__.py").write_text('"""New."""\n')
        status, text = lint(tree)
    finally:
        shutil.rmtree(package)
    assert status == 1
    assert f"- {folder.replace('/', '.')}" in text, text[-2000:]


@pytest.mark.parametrize("file,line,reason", [
    ("ryu_apps/control/world.py", "import socket",
     "ryu_apps.control is not allowed to import socket"),
    ("vrouter_ovs/cookies.py", "import time", "vrouter_ovs is not allowed to import time"),
    ("ryu_apps/control/ids.py", "import threading",
     "ryu_apps.control is not allowed to import threading"),
    ("ryu_apps/control/config/ipam.py", "import ryu_apps.control.world",
     "ryu_apps.control.config is not allowed to import ryu_apps.control.world"),
    ("ryu_apps/southbound/ovsdb/contents/rows.py", "import ryu_apps.southbound.openflow.channel",
     "ryu_apps.southbound.ovsdb is not allowed to import ryu_apps.southbound.openflow"),
    ("vrouter_ovs/wire/flows.py", "import ryu_apps.settings",
     "vrouter_ovs is not allowed to import ryu_apps"),
])  # fmt: skip
def test_an_import_against_the_layers(tree, file, line, reason):
    path = tree / file
    before = path.read_text()
    try:
        path.write_text(f"{before}\n{line}\n")
        status, text = lint(tree)
    finally:
        path.write_text(before)
    assert status == 1
    assert reason in " ".join(text.split()), text[-2000:]


def test_the_tree_as_it_is(tree):
    status, text = lint(tree)
    assert status == 0, text[-2000:]

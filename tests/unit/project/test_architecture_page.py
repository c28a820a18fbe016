"""docs/architecture.md and behaviour.md name every package, and only paths that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PAGES = ["architecture.md", "behaviour.md"]
ROOTS = [ROOT, ROOT / "ryu_apps", ROOT / "vrouter_ovs", ROOT / "ryu_apps/control"]


def packages() -> list[str]:
    """Every folder with modules in it, besides the tests."""
    return sorted(
        f"{init.parent.relative_to(ROOT)}/"
        for top in ("vrouter_ovs", "ryu_apps", "lab", "bench")
        for init in (ROOT / top).rglob("__init__.py")
    )


def rows(page: str) -> dict[str, str]:
    """Package -> where to begin, of the map."""
    found = re.findall(r"^\| `([\w/]+/)` \|[^|]+\|([^|]+)\|$", page, re.M)
    return dict(found)


def test_every_package_is_in_the_map():
    assert sorted(rows((ROOT / "docs/architecture.md").read_text())) == packages()


def test_the_map_names_files_that_are_there():
    for package, begin in rows((ROOT / "docs/architecture.md").read_text()).items():
        for name in re.findall(r"`([\w/]+\.py)`", begin):
            assert (ROOT / package / name).is_file(), f"{package}: {name}"


@pytest.mark.parametrize("page", PAGES)
def test_every_path_is_there(page):
    """Of paths with a folder; a bare file name is read beside the one before it."""
    text = (ROOT / "docs" / page).read_text()
    for path in sorted(set(re.findall(r"`((?:[a-z_]+/)+(?:[a-z_0-9]+\.py)?)`", text))):
        assert any((root / path).exists() for root in ROOTS), f"docs/{page}: {path}"

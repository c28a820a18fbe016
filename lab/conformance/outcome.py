"""What came of a run of tests, and which are not run."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

EXCLUDED = Path(__file__).with_name("excluded.txt")


class Outcome(NamedTuple):
    """``failed``: of each test that failed its name and the last thing it said."""

    passed: int
    skipped: int
    failed: tuple[tuple[str, str], ...]


def excluded() -> list[tuple[str, str]]:
    """(regular expression of a test's name, why it is not run) of each line of the file."""
    found = []
    for line in EXCLUDED.read_text().splitlines():
        pattern, _, reason = line.partition("  # ")
        if pattern.strip() and not line.startswith("#"):
            found.append((pattern.strip(), reason.strip()))
    return found

"""Directories for tests."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from typing import Any

from ryu_apps.identity.directory import rules
from ryu_apps.identity.directory.directory import Directory
from ryu_apps.identity.directory.records import PasswordHash, Project, User, put

ADMIN, ALICE, BOB = (character * 32 for character in "abc")
RED, BLUE = (character * 32 for character in "12")


def make(directory: Directory, plan: rules.Plan) -> Any:
    """Carry out a plan; its result."""
    changes, result = plan(directory)
    for change in changes:
        directory.apply(change)
    return result


def two_projects() -> Directory:
    """An administrator; alice, a member of red, and bob, a reader of blue."""
    directory = Directory()
    for id, name in ((RED, "red"), (BLUE, "blue")):
        make(directory, rules.create_project(Project(id, name)))
    for id, name in ((ADMIN, "admin"), (ALICE, "alice"), (BOB, "bob")):
        directory.apply(put(User(id, name)))
        directory.apply(put(PasswordHash(id, f"hash of {name}")))
    make(directory, rules.assign(ADMIN, "system", "admin"))
    make(directory, rules.assign(ALICE, RED, "member"))
    make(directory, rules.assign(BOB, BLUE, "reader"))
    return directory


def contents(directory: Directory) -> dict[str, Any]:
    return {kind: dict(table) for kind, table in directory.tables.items()}


def without_generation(record: Any) -> Any:
    return dataclasses.replace(record, generation=0)


def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.01)

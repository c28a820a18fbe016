"""Configurations of a test, stopped after it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.configuration.doubt_support import Node


@pytest.fixture
def nodes():
    made: list[Node] = []

    def begin(store, state: Path | str = "") -> Node:
        made.append(Node(store, state))
        return made[-1]

    yield begin
    for node in made:
        node.configuration.stop()

"""``vnctl`` run in this process against an API of the tests."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ryu_apps.cli.vnctl import main
from tests.unit.northbound.api_client import Node


def runner(node: Node, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """A function that runs ``vnctl`` with these words, demands its exit status, and returns what
    it printed: the answer, or the error where it refused."""

    def call(*words: str, status: int = 0) -> str:
        capsys.readouterr()
        found = main(["--url", node.url, *words])
        captured = capsys.readouterr()
        assert found == status, captured
        return captured.out if status in (0, 1) else captured.err

    return call

"""A minute of faults at random, by a fixed seed; ``make chaos`` runs as long as is asked.

A seed that failed once stands in ``SEEDS`` with the steps that it failed at.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from lab.chaos.faults import parts
from lab.chaos.run import run
from lab.chaos.schedule import schedule
from lab.chaos.system import System

SEED = 20_261_129
MINUTE = 60.0


@pytest.fixture(scope="module")
def system() -> Iterator[System]:
    made = System(f"vncx{os.getpid()}")
    try:
        made.up(lambda text: None)
        yield made
    finally:
        made.down()


@pytest.mark.timeout(400)
def test_a_minute_of_faults(system: System) -> None:
    said: list[str] = []
    results = run(system, schedule(SEED, 100, parts(system)), MINUTE, said.append)
    assert results and not any(result.wrong for result in results), "\n".join(said)

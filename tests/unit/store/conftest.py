"""Three members of etcd, alive before and after each test."""

from __future__ import annotations

import signal

import pytest

from tests.unit.store.etcd_cluster import Cluster
from tests.unit.store.store_support import cluster


@pytest.fixture(scope="module")
def trio():
    with cluster(3) as one:
        yield one


@pytest.fixture
def healed(trio: Cluster):
    """Three live members before and after a test."""
    yield trio
    dead = [number for number, process in enumerate(trio.processes) if process is None]
    for process in trio.processes:
        if process is not None:
            process.send_signal(signal.SIGCONT)
    if dead:
        trio.start(*dead)
    for number in range(3):
        trio.wait_ready(number)

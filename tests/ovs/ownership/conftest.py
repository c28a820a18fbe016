"""A hypervisor and its nodes, for the tests of who may change it."""

from __future__ import annotations

import pytest

from lab.beds.ownership_bed import Listener, Shared


@pytest.fixture(scope="module")
def listener():
    listener = Listener()
    yield listener
    listener.close()


@pytest.fixture
def shared(listener):
    """Two nodes; the first owns the hypervisor, the second stands by."""
    shared = Shared(listener)
    yield shared
    shared.stop()

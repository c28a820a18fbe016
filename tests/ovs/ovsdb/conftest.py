"""Hypervisors and nodes of a test, ended after it."""

from __future__ import annotations

import pytest

from lab.beds.ovsdb_bed import Hypervisor, Node


@pytest.fixture
def bed():
    """Makes hypervisors and nodes, and ends them."""
    made: list = []

    class Bed:
        @staticmethod
        def hypervisor(name, vtep=None, switch=True, **more):
            made.append(Hypervisor(name, vtep, **more))
            return made[-1].start(switch)

        @staticmethod
        def node(**settings):
            made.append(Node(**settings))
            return made[-1]

    yield Bed
    for item in reversed(made):
        item.stop()

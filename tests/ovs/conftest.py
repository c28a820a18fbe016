"""A real ovsdb-server and ovs-vswitchd with a dummy datapath, private to a test module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab.beds.sandbox import OpenFlow, Sandbox


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    box = Sandbox()
    try:
        box.start()
        client = box.connect()
        client.make_meters()
        client.close()
        yield box
    finally:
        box.stop()


@pytest.fixture
def openflow(sandbox: Sandbox) -> Iterator[OpenFlow]:
    client = sandbox.connect()
    try:
        client.clear()
        yield client
    finally:
        client.close()

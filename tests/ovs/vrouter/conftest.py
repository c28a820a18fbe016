"""A switch that has the objects of two tenants."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab.beds.sandbox import Sandbox
from tests.ovs.vrouter.tenants import OBJECTS, VTEP2, VTEP3


@pytest.fixture(scope="module")
def vrouter(sandbox: Sandbox) -> Iterator[Sandbox]:
    sandbox.add_ports(*range(1, 10))
    sandbox.add_underlay()
    sandbox.add_tunnel(22, VTEP2)
    sandbox.add_tunnel(23, VTEP3)
    client = sandbox.connect()
    client.install(list(OBJECTS))
    client.close()
    yield sandbox

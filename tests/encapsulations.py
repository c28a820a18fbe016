"""An encapsulation that a switch could send besides those that it does, for tests of what is open
to one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from ryu_apps.southbound.ovsdb.endpoints import is_reachable, tunnel_name
from vrouter_ovs.encapsulation import ENCAPSULATIONS, IP, SENDABLE, OvsTunnel

MORE = {
    "gre": OvsTunnel("gre", "gr", 4, IP),
}
NAMES = (*sorted(SENDABLE), *MORE)


@contextmanager
def declared() -> Iterator[None]:
    """It is in the table meanwhile."""
    is_reachable.cache_clear()
    with pytest.MonkeyPatch.context() as patch:
        for name, ovs in MORE.items():
            patch.setitem(ENCAPSULATIONS, name, ENCAPSULATIONS[name]._replace(ovs=ovs))
        yield
    tunnel_name.cache_clear()
    is_reachable.cache_clear()

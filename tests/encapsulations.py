"""Encapsulations beside VXLAN that a switch could send, for tests of what is open to them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from ryu_apps.southbound.ovsdb.endpoints import is_reachable, tunnel_name
from vrouter_ovs.encapsulation import ENCAPSULATIONS, ETHERNET, IP, VXLAN, OvsTunnel

MORE = {
    "geneve": OvsTunnel("geneve", "gn", 16, ETHERNET, udp_port=6081),
    "gre": OvsTunnel("gre", "gr", 4, IP),
}
NAMES = (VXLAN, *MORE)


@contextmanager
def declared() -> Iterator[None]:
    """They are in the table meanwhile."""
    is_reachable.cache_clear()
    with pytest.MonkeyPatch.context() as patch:
        for name, ovs in MORE.items():
            patch.setitem(ENCAPSULATIONS, name, ENCAPSULATIONS[name]._replace(ovs=ovs))
        yield
    tunnel_name.cache_clear()
    is_reachable.cache_clear()

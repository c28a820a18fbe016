"""What raises while the core computes: the key that it concerns is tried again until it succeeds,
everything else is computed meanwhile, and in the end nothing has been lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ryu_apps.control import local_paths
from ryu_apps.control.edge import edge, names
from ryu_apps.control.forwarding import presence, services
from ryu_apps.control.forwarding.resolve import Resolver
from ryu_apps.control.graph.graph import RARELY
from ryu_apps.control.policy import memberships, sets
from ryu_apps.control.ports import ports

from .operations import operations
from .world_model import DEEPER, STALE_TIME, Driver, Node, rebuild, same

SITES: dict[str, tuple[object, str, Callable[..., object]]] = {
    "binding": (ports, "bound_port", lambda config, port, *_: port.id),
    "edge": (edge, "edge_port", lambda config, bound, *_: bound.port_id),
    "port route": (local_paths, "port_paths", lambda config, asn, bound, *_: bound.port_id),
    "evi route": (local_paths, "evi_paths", lambda spec, egress, *_: (spec.vni, egress.vtep)),
    "vrf routes": (
        local_paths, "vrf_paths", lambda config, spec, egress, *_: (spec.vni, egress.vtep)
    ),
    "lookup": (Resolver, "_resolve_lookup", lambda resolver, lookup, elements: lookup),
    "router": (presence, "router_networks", lambda config, router_id: router_id),
    "subnet": (services, "own_service_address", lambda config, subnet: subnet.id),
    "policy": (sets, "rules_of", lambda config, policy, groups, bits: groups),
    "policy pages": (memberships, "places", lambda project, groups: project),
    "policy peer": (memberships, "_peer_address", lambda view, page, member, mask: member),
    "names": (names, "assignments", lambda port, domain: port.id),
}
"""Where the core computes -> what is replaced there, and what it works at, from its arguments."""


class Injected(Exception):
    """What the test makes the core stumble over."""


class Faults:
    """Whether a site raises for a key: by its hash, for one in three, as long as it is broken."""

    def __init__(self) -> None:
        self.broken: dict[str, int] = {}
        self.raised = 0

    def check(self, site: str, key: object) -> None:
        seed = self.broken.get(site)
        if seed is not None and (sum(repr(key).encode()) + seed) % 3 == 0:
            self.raised += 1
            raise Injected(f"{site} {key}")

    @contextmanager
    def installed(self) -> Iterator[None]:
        """While the context lasts, every site asks this object first."""
        patches = []
        for site, (owner, name, key_of) in SITES.items():
            patches.append(mock.patch.object(owner, name, self._around(site, owner, name, key_of)))
        for patch in patches:
            patch.start()
        try:
            yield
        finally:
            for patch in patches:
                patch.stop()

    def _around(self, site: str, owner: object, name: str, key_of: Callable) -> Callable:
        function = getattr(owner, name)

        def checked(*arguments: Any) -> Any:
            self.check(site, key_of(*arguments))
            return function(*arguments)

        return checked


class Stumbling(Node):
    """A node whose core fails here and there; that the effects are the state waits for the end."""

    def check_folds(self) -> None:
        if not self.world.graph.failing():
            super().check_folds()

    def recover(self) -> None:
        """Nothing fails any more; time passes until all has been tried again."""
        for _ in range(RARELY + 1):
            if self.world.graph.failing():
                self.tick(1)
                self.settle()
        assert not self.world.graph.failing()
        for seconds in (STALE_TIME, 1):
            self.tick(seconds)
            self.settle()


breakdown = st.tuples(st.sampled_from(sorted(SITES)), st.integers(0, 2), operations)


@settings(max_examples=200 * DEEPER, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(breakdown, min_size=1, max_size=4), operations, st.integers(0, 9))
def test_what_failed_for_a_while_is_made_up_for(breakdowns, after, seed):
    node, faults = Stumbling(), Faults()
    driver = Driver(node, conflicts=False)
    with faults.installed():
        driver.populate()
        node.settle()
        for site, parity, history in breakdowns:
            faults.broken[site] = parity
            driver.run(history)
            node.flush()
        faults.broken.clear()
        driver.run(after)
        node.recover()
    node.check_folds()
    same(node, rebuild(node, seed))

"""A node is paused, or cut off from all others: they take its hypervisors over, where things
change.  When it goes on it believes what was, and nobody may hear that from it again."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ryu_apps.control.ownership.records import NODES, REACH
from ryu_apps.control.routes import MacIp
from tests.property.mesh import furnish
from tests.property.world_model import DEEPER, ELEMENTS
from tests.unit.control.shared_support import Shared

PORT = "port5"
"""At e0, which is n0's, by its second interface."""


class Site(Shared):
    """n0 is paused, and others have what it had: there the port is gone."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.others = range(1, size)
        furnish(self, second_ports=True)
        self.share()
        self.mac = self.author.node.inputs.config["port", PORT].mac_address
        assert all(map(self.knows, range(size)))
        self._replace_the_first()
        self.bind("e0", "tap2", None)
        self.wait(2)
        assert not any(map(self.knows, self.others))
        self.told.clear()

    def knows(self, number: int) -> bool:
        """Whether a node has a route to the port, of whomever."""
        return any(
            type(nlri) is MacIp and nlri.mac == self.mac
            for nlri in self.nodes[number].world.rib.best
        )

    def _replace_the_first(self) -> None:
        self.paused.add(0)
        for other in self.others:
            self.cut(0, other)
        for name in ELEMENTS:
            self.wish(f"{REACH}n0/{name}", None)
        self.wish(NODES + "n0", None)
        self.wait(5)
        for name in ELEMENTS:
            (self.home[name],) = set(self.owner(name)) - {0}
            assert self.nodes[self.home[name]].world.elements.accepted[name].serving

    def go_on(self) -> None:
        """n0 has its sessions back; what the databases have is shown to it."""
        self.paused.clear()
        for other in self.others:
            self.mend(0, other)
        first = self.nodes[0]
        self.wish(NODES + "n0", {"url": "http://192.0.2.0:9696", "ownership": 1})
        for name in ELEMENTS:
            one = first.inputs.elements[name]
            one.interfaces = dict(self.nodes[self.home[name]].inputs.elements[name].interfaces)

    def step(self, what: str, other: int) -> None:
        """n0 takes something in, or it is heard."""
        if what == "store":
            self.watch(0)
        elif what == "flush":
            self.flush(0)
        elif what == "database":
            one = self.nodes[0].inputs.elements["e0"]
            if one.interfaces.get("tap2") is None and one.connected:
                self.nodes[0].interface("e0", "tap2", None)
        elif what == "hears":
            self.deliver(other, 0)
        else:
            self.deliver(0, other)
            self.flush(other)


steps = st.lists(st.tuples(
    st.sampled_from(("store", "flush", "flush", "hears", "hears", "heard", "heard", "database")),
    st.integers(0, 1),
), max_size=80)  # fmt: skip


@settings(max_examples=25 * DEEPER, deadline=None)
@given(st.integers(2, 3), steps)
def test_what_a_paused_node_had_is_not_heard_again(size, order):
    site = Site(size)
    site.go_on()
    for what, other in order:
        site.step(what, 1 + other % (size - 1))
        assert not any(map(site.knows, site.others)), what
    site.rest()
    assert not any(map(site.knows, site.others))
    assert not [key for number, _, key in site.told if number in site.others]
    site.wait(site.RESTART_TIME)
    assert not any(map(site.knows, range(size)))
    (routes,) = {frozenset(node.world.rib.best) for node in site.nodes}
    assert len(routes) > len(ELEMENTS), "and of all else everybody knows"


@pytest.mark.parametrize("size", [2, 3])
def test_the_sessions_are_back_long_before_the_store(size):
    """It has nothing to say until it has read what the store had when they came up."""
    site = Site(size)
    site.go_on()
    for _ in range(10):
        for what in ("hears", "flush", "heard"):
            for other in site.others:
                site.step(what, other)
    assert len(site.catching[0]) == 1, "one look at the store serves all that came up together"
    assert not any(source == 0 for source, _ in site.opened)
    site.rest()
    assert {to for source, to in site.opened if source == 0} == set(site.others)
    assert not any(map(site.knows, site.others))

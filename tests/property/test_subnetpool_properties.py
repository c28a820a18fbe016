"""Subnet pools under every order of requests: nothing is given out twice, and what is free is
found."""

from __future__ import annotations

import contextlib
import ipaddress
import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from ryu_apps.control.config import consistency, prefix_space
from ryu_apps.control.config.rules import Draft, RuleError, networks
from ryu_apps.control.config.rules.addressing import subnetpools, subnets
from ryu_apps.control.config.rules.addressing.prefix_allocation import free_space
from tests.unit.control.rules_support import Bench

BASE = int(ipaddress.IPv4Address("10.0.0.0"))
lengths = st.integers(24, 30)


@st.composite
def nets(draw):
    length = draw(lengths)
    return ipaddress.ip_network((BASE + (draw(st.integers(0, 511)) >> (32 - length)
                                         << (32 - length)), length))


def numbers(found):
    return {int(address) for net in found for address in net}


@given(st.lists(nets(), max_size=8), st.lists(nets(), max_size=8), nets(), lengths)
def test_spaces_are_sets_of_addresses(whole, part, one, length):
    left = prefix_space.without(prefix_space.space(whole), prefix_space.space(part))
    wanted = numbers(whole) - numbers(part)
    assert numbers(map(ipaddress.ip_network, prefix_space.prefixes(left, 4))) == wanted
    assert all(first <= last for first, last in left)
    assert all(before[1] + 1 < after[0] for before, after in itertools.pairwise(left))
    collapsed = ipaddress.collapse_addresses(map(ipaddress.ip_network,
                                                 prefix_space.prefixes(left, 4)))
    assert tuple(map(str, collapsed)) == prefix_space.prefixes(left, 4)
    assert prefix_space.holds(left, one) == (numbers([one]) <= wanted)
    assert prefix_space.overlap(prefix_space.space(whole), prefix_space.space(part)) == bool(
        numbers(whole) & numbers(part))
    found = prefix_space.best_fit(left, length, 4)
    fitting = [net for net in map(ipaddress.ip_network, prefix_space.prefixes(left, 4))
               if net.prefixlen <= length]
    assert (found is None) == (not fitting)
    if found is not None:
        tightest = max(net.prefixlen for net in fitting)
        block = next(net for net in fitting if net.prefixlen == tightest)
        assert found.prefixlen == length and found.network_address == block.network_address


step = st.one_of(
    st.tuples(st.just("any"), st.integers(0, 1), lengths),
    st.tuples(st.just("cidr"), st.integers(0, 1), nets()),
    st.tuples(st.just("bulk"), st.integers(0, 1), st.lists(lengths, min_size=2, max_size=4)),
    st.tuples(st.just("free"), st.integers(0, 30), st.none()),
    st.tuples(st.just("add"), st.integers(0, 1), nets()),
    st.tuples(st.just("remove"), st.integers(0, 1), nets()),
)


class Site(Bench):
    """Two pools, and a network for each subnet, so that only the pools stand between them."""

    def __init__(self):
        super().__init__()
        self.pools = [
            self.do(subnetpools.create, name="p", prefixes=[prefix], min_prefixlen=24).id
            for prefix in ("10.0.0.0/24", "10.0.1.0/24")
        ]

    def run(self, verb, number, detail):
        with contextlib.suppress(RuleError):
            getattr(self, verb)(number, detail)
        assert list(consistency.faults(self.config)) == []

    def any(self, number, length):
        pool = self.config.subnetpools[self.pools[number]]
        room = prefix_space.best_fit(free_space(self.config, pool), length, 4)
        network = self.do(networks.create).id
        try:
            made = self.do(subnets.create, network_id=network, subnetpool_id=pool.id,
                           prefixlen=length)
        except RuleError as error:
            assert error.type == "SubnetAllocationError" and room is None
        else:
            assert made.net == room

    def cidr(self, number, net):
        self.do(subnets.create, network_id=self.do(networks.create).id,
                subnetpool_id=self.pools[number], cidr=str(net))

    def bulk(self, number, wanted):
        """All or nothing, each seeing what those before it took."""
        made = [self.do(networks.create).id for _ in wanted]
        with Draft(self.config) as draft:
            for network, length in zip(made, wanted, strict=True):
                subnets.create(draft, {
                    "network_id": network, "subnetpool_id": self.pools[number],
                    "prefixlen": length,
                }, self.context)
            changes = draft.changes()
        for change in changes:
            self.config.apply(change)

    def free(self, number, _):
        """The very prefix is free again."""
        ids = sorted(self.config.subnets)
        if ids:
            gone = self.config.subnets[ids[number % len(ids)]]
            self.drop(subnets.delete, gone.id)
            again = self.do(subnets.create, network_id=gone.network_id, cidr=gone.cidr,
                            subnetpool_id=gone.subnetpool_id)
            self.drop(subnets.delete, again.id)

    def add(self, number, net):
        self.do(subnetpools.add_prefixes, self.pools[number], prefixes=[str(net)])

    def remove(self, number, net):
        self.do(subnetpools.remove_prefixes, self.pools[number], prefixes=[str(net)])


@settings(max_examples=100, deadline=None)
@given(st.lists(step, max_size=25))
def test_nothing_is_given_out_twice(steps):
    site = Site()
    for one in steps:
        site.run(*one)
    for pool_id in site.pools:
        pool = site.config.subnetpools[pool_id]
        given_out = [site.config.subnets[id].net
                     for id in site.config.subnets_by_pool.get(pool_id, ())]
        assert len(numbers(given_out)) == sum(net.num_addresses for net in given_out)
        free = numbers(map(ipaddress.ip_network, prefix_space.prefixes(
            free_space(site.config, pool), 4)))
        assert free | numbers(given_out) == numbers(map(ipaddress.ip_network, pool.prefixes))
        assert not free & numbers(given_out)

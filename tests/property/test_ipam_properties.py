"""The hints of AllocatingConfig change the speed of an answer, never the answer."""

from __future__ import annotations

import ipaddress

from hypothesis import given, settings
from hypothesis import strategies as st

from ryu_apps.control.config import ipam
from ryu_apps.control.config.config import Config
from ryu_apps.control.config.model import Change, FixedIp, Network, Port, Subnet
from ryu_apps.control.config.rules import Draft

SUBNETS = {
    "s4": Subnet("s4", "n", "10.0.0.0/27", gateway_ip="10.0.0.5",
                 allocation_pools=ipam.default_pools(
                     ipaddress.ip_network("10.0.0.0/27"), "10.0.0.5")),
    "s6": Subnet("s6", "n", "fd00::/123", allocation_pools=ipam.default_pools(
        ipaddress.ip_network("fd00::/123"), "")),
}

step = st.one_of(
    st.tuples(st.just("address"), st.sampled_from(sorted(SUBNETS)), st.integers(0, 3)),
    st.tuples(st.just("request"), st.sampled_from(sorted(SUBNETS)), st.integers(1, 30)),
    st.tuples(st.just("free"), st.integers(0, 40)),
    st.tuples(st.just("network"), st.integers(0, 3)),
    st.tuples(st.just("vni"), st.integers(1, 12)),
    st.tuples(st.just("drop"), st.integers(0, 10)),
    st.tuples(st.just("draft"), st.sampled_from(sorted(SUBNETS)), st.integers(1, 5)),
)


def answer(function, *arguments):
    try:
        return function(*arguments)
    except ipam.Exhausted:
        return None

RANGES = ([(3, 9)], [(3, 5)], [(5, 7), (3, 9)], [(8, 9), (3, 4), (6, 6)])
"""Where to look for a VNI, in turn."""


class Both:
    """The same history in a plain Config and an AllocatingConfig."""

    def __init__(self):
        self.configs = (Config(), ipam.AllocatingConfig())
        self.made = 0
        for subnet in SUBNETS.values():
            self.apply(Change("subnet", subnet.id, subnet))

    def apply(self, change):
        for config in self.configs:
            config.apply(change)

    def same(self, function, *arguments):
        plain, fast = (answer(function, config, *arguments) for config in self.configs)
        assert plain == fast
        return plain

    def port(self, subnet_id, address):
        self.made += 1
        id = f"p{self.made}"
        return Change("port", id, Port(id, "n", "fa:16:3e:00:00:01",
                                       fixed_ips=(FixedIp(subnet_id, address),)))

    def run(self, item):
        kind, *rest = item
        getattr(self, kind)(*rest)

    def address(self, subnet_id, extra):
        net = SUBNETS[subnet_id].net
        found = self.same(ipam.lowest_address, SUBNETS[subnet_id],
                          [str(net[i + 1]) for i in range(extra)])
        if found:
            self.apply(self.port(subnet_id, found))

    def request(self, subnet_id, number):
        address = str(SUBNETS[subnet_id].net[number])
        if (subnet_id, address) not in self.configs[0].ports_by_address:
            self.apply(self.port(subnet_id, address))

    def free(self, number):
        ports = sorted(self.configs[0].ports)
        if ports:
            self.apply(Change("port", ports[number % len(ports)], None))

    def network(self, number):
        vni = self.same(ipam.lowest_vni, RANGES[number % len(RANGES)])
        index = self.same(ipam.lowest_rd_index)
        if vni:
            self.apply(Change("network", f"n{vni}", Network(f"n{vni}", vni, index)))

    def vni(self, vni):
        if vni not in self.configs[0].by_vni:
            index = self.same(ipam.lowest_rd_index)
            self.apply(Change("network", f"n{vni}", Network(f"n{vni}", vni, index)))

    def drop(self, number):
        networks = sorted(self.configs[0].networks)
        if networks:
            self.apply(Change("network", networks[number % len(networks)], None))

    def draft(self, subnet_id, count):
        """Tried and taken back: what a refused request leaves behind is nothing."""
        before = [dict(config.ports) for config in self.configs]
        for config in self.configs:
            with Draft(config) as draft:
                for index in range(count):
                    address = answer(ipam.lowest_address, config, SUBNETS[subnet_id])
                    if address:
                        id = f"draft{index}"
                        draft.put("port", Port(id, "n", "fa:16:3e:00:00:01",
                                               fixed_ips=(FixedIp(subnet_id, address),)))
        assert [dict(config.ports) for config in self.configs] == before


@settings(max_examples=150, deadline=None)
@given(st.lists(step, max_size=60))
def test_hints_do_not_show(steps):
    both = Both()
    for item in steps:
        both.run(item)
    for subnet in SUBNETS.values():
        both.same(ipam.lowest_address, subnet)
    for ranges in RANGES:
        both.same(ipam.lowest_vni, ranges)


@given(st.integers(0, 2**128 - 1))
def test_addresses_round_trip(number):
    assert ipam.address_int(ipam.address_text(number, 6)) == number
    assert ipam.address_text(number, 6) == str(ipaddress.IPv6Address(number))
    small = number % 2**32
    assert ipam.address_text(small, 4) == str(ipaddress.IPv4Address(small))
    assert ipam.address_int(ipam.address_text(small, 4)) == small

"""IPv6 requests in whatever order: every port has the addresses that follow from its MAC, none is
given twice, and a refused request leaves no trace."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from ryu_apps.control.config.ipam import eui64_address
from ryu_apps.control.config.rules.addressing import subnets
from ryu_apps.control.config.rules.ports import ports

from . import test_rules_properties as base

CIDRS = ("10.0.0.0/29", "fd00::/64", "fd01::/64", "fd02::/64", "fd02::/126", "fd03::/127")
MODES = (None, "slaac", "dhcpv6-stateful", "dhcpv6-stateless")
ADDRESSES = (None, "10.0.0.2", "fd00::1", "fd00::5", "fd01::f816:3eff:fe00:1", "fd02::2")
MACS = (None, None, "fa:16:3e:00:00:01", "fa:16:3e:00:00:02")

pick = st.integers(0, 5)
operation = st.one_of(
    st.tuples(st.just("create_network"), st.none()),
    st.tuples(st.just("six"), pick, st.sampled_from(CIDRS), st.sampled_from(MODES),
              st.sampled_from(MODES)),
    st.tuples(st.just("six"), pick, st.sampled_from(CIDRS), st.just("slaac"), st.just("slaac")),
    st.tuples(st.just("create_port"), pick, st.sampled_from(ADDRESSES), st.sampled_from(MACS)),
    st.tuples(st.just("update_port"), pick, st.sampled_from(ADDRESSES), st.sampled_from(MACS)),
    st.tuples(st.just("again"), pick),
    st.tuples(st.just("create_router")),
    st.tuples(st.just("gateway"), pick, st.sampled_from(ADDRESSES)),
    st.tuples(st.just("add_subnet"), pick, pick),
    st.tuples(st.just("add_port"), pick, pick),
    st.tuples(st.just("remove"), pick, pick),
    st.tuples(st.just("delete"), st.sampled_from(("network", "subnet", "port", "router")), pick),
)


class Site(base.Site):
    def six(self, draft, number, cidr, ra_mode, address_mode):
        body = {"network_id": self.some("network", number), "cidr": cidr,
                "ipv6_ra_mode": ra_mode, "ipv6_address_mode": address_mode}
        subnets.create(draft, body, self.context)

    def update_port(self, draft, number, address, mac):
        body = {"mac_address": mac}
        if address:
            body["fixed_ips"] = [{"ip_address": address}]
        ports.update(draft, self.some("port", number), body, self.context)

    def again(self, draft, number):
        """A client sends back what it read: nothing changes."""
        id = self.some("port", number)
        port = draft.config.ports.get(id)
        fixed = [] if port is None else [
            {"subnet_id": one.subnet_id, "ip_address": one.ip_address} for one in port.fixed_ips
        ]
        after = ports.update(draft, id, {"fixed_ips": fixed}, self.context)
        assert set(after.fixed_ips) == set(port.fixed_ips)


def check(config) -> None:
    base.check(config)
    for subnet in config.subnets.values():
        assert not (subnet.auto_address and not subnet.cidr.endswith("/64"))
    for port in config.ports.values():
        held = [fixed.subnet_id for fixed in port.fixed_ips]
        if port.is_router_interface:
            continue
        for fixed in port.fixed_ips:
            subnet = config.subnets[fixed.subnet_id]
            if subnet.auto_address:
                assert fixed.ip_address == eui64_address(subnet.cidr, port.mac_address)
                assert held.count(subnet.id) == 1
        if held:
            automatic = {id for id in config.subnets_by_network[port.network_id]
                         if config.subnets[id].auto_address}
            assert automatic <= set(held)


@settings(max_examples=100, deadline=None)
@given(st.lists(operation, max_size=40))
def test_invariants(operations):
    site = Site()
    for item in [("create_network", None), ("create_router",),
                 ("six", 0, "fd00::/64", "slaac", "slaac"),
                 ("create_port", 0, None, None), *operations]:
        site.run(*item)
        check(site.config)
    assert site.accepted >= 4

"""Whatever is asked, in whatever order, an accepted configuration keeps its invariants, and a
refused request leaves no trace."""

from __future__ import annotations

import ipaddress
import itertools
import random

from hypothesis import given, settings
from hypothesis import strategies as st

from lab.beds.option_values import rules_context
from ryu_apps.control.config import ipam
from ryu_apps.control.config.config import Config
from ryu_apps.control.config.ipam import AllocatingConfig
from ryu_apps.control.config.rules import Draft, RuleError, networks
from ryu_apps.control.config.rules.addressing import subnets
from ryu_apps.control.config.rules.ports import ports
from ryu_apps.control.config.rules.routing import routers
from ryu_apps.control.config.stored import decode, encode

CIDRS = ("10.0.0.0/29", "10.0.0.8/30", "10.0.0.0/24", "10.1.0.0/30", "fd00::/125", "fd00::/64")
ADDRESSES = (None, "10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.9", "10.1.0.1", "fd00::1", "fd00::3")
GATEWAYS = (*ADDRESSES, "10.9.9.9", "10.0.0.0", "10.0.0.255", "fe80::1", "fd00::", "fd0f::1")
MACS = (None, None, "fa:16:3e:00:00:01", "fa:16:3e:00:00:02", "01:00:5e:00:00:01")

pick = st.integers(0, 5)
operation = st.one_of(
    st.tuples(st.just("create_network"), st.sampled_from((None, 10, 11, 99))),
    st.tuples(st.just("create_subnet"), pick, st.sampled_from(CIDRS),
              st.sampled_from(("default", *GATEWAYS))),
    st.tuples(st.just("create_port"), pick, st.sampled_from(ADDRESSES), st.sampled_from(MACS)),
    st.tuples(st.just("move_port"), pick, st.sampled_from(ADDRESSES), st.sampled_from(MACS)),
    st.tuples(st.just("create_router")),
    st.tuples(st.just("gateway"), pick, st.sampled_from(GATEWAYS)),
    st.tuples(st.just("add_subnet"), pick, pick),
    st.tuples(st.just("add_port"), pick, pick),
    st.tuples(st.just("remove"), pick, pick),
    st.tuples(st.just("delete"), st.sampled_from(("network", "subnet", "port", "router")), pick),
)
RULES = {"network": networks, "subnet": subnets, "port": ports, "router": routers}


class Site:
    def __init__(self):
        self.config = AllocatingConfig()
        ids = (f"id{number}" for number in itertools.count())
        self.context = rules_context("2026-01-31T12:00:00Z", lambda: next(ids), random.Random(1),
                               vni_range=(10, 15))
        self.accepted = 0

    def some(self, kind, number):
        ids = list(self.config.tables[kind])
        return ids[number % len(ids)] if ids else "none"

    def run(self, name, *arguments):
        before = {kind: dict(table) for kind, table in self.config.tables.items()}
        try:
            with Draft(self.config) as draft:
                getattr(self, name)(draft, *arguments)
                changes = draft.changes()
        except RuleError as error:
            assert 400 <= error.status < 600 and error.type and error.message
            changes = []
        assert {kind: dict(table) for kind, table in self.config.tables.items()} == before
        for change in changes:
            self.config.apply(change)
        self.accepted += bool(changes)

    def create_network(self, draft, vni):
        networks.create(draft, {"segmentation_id": vni}, self.context)

    def create_subnet(self, draft, number, cidr, gateway):
        body = {"network_id": self.some("network", number), "cidr": cidr}
        if gateway != "default":
            body["gateway_ip"] = gateway
        subnets.create(draft, body, self.context)

    def create_port(self, draft, number, address, mac):
        body = {"network_id": self.some("network", number), "mac_address": mac}
        if address:
            body["fixed_ips"] = [{"ip_address": address}]
        ports.create(draft, body, self.context)

    def move_port(self, draft, number, address, mac):
        body = {"mac_address": mac, "fixed_ips": [{"ip_address": address}] if address else []}
        ports.update(draft, self.some("port", number), body, self.context)

    def create_router(self, draft):
        routers.create(draft, {}, self.context)

    def gateway(self, draft, number, address):
        subnets.update(draft, self.some("subnet", number), {"gateway_ip": address}, self.context)

    def add_subnet(self, draft, router, subnet):
        routers.add_interface(draft, self.some("router", router),
                              {"subnet_id": self.some("subnet", subnet)}, self.context)

    def add_port(self, draft, router, port):
        routers.add_interface(draft, self.some("router", router),
                              {"port_id": self.some("port", port)}, self.context)

    def remove(self, draft, router, subnet):
        routers.remove_interface(draft, self.some("router", router),
                                 {"subnet_id": self.some("subnet", subnet)}, self.context)

    def delete(self, draft, kind, number):
        RULES[kind].delete(draft, self.some(kind, number), self.context)


def check(config: Config) -> None:
    vnis = [item.vni for item in [*config.networks.values(), *config.routers.values()]]
    assert len(set(vnis)) == len(vnis) and all(10 <= vni <= 15 for vni in vnis)
    assert all(len(users) == 1 for users in config.ports_by_address.values())
    assert all(len(users) == 1 for users in config.ports_by_mac.values())
    for subnet in config.subnets.values():
        assert subnet.network_id in config.networks
        first, last = ipam.usable_range(subnet.net)
        gateway = ipaddress.ip_address(subnet.gateway_ip) if subnet.gateway_ip else None
        if gateway is not None:
            assert gateway.version == subnet.ip_version
            assert gateway.version == 6 or gateway not in subnet.net or (
                first <= int(gateway) <= last)
        for pool in subnet.allocation_pools:
            low, high = ipam.address_int(pool.start), ipam.address_int(pool.end)
            assert first <= low <= high <= last
            if gateway is not None:
                assert not low <= int(gateway) <= high
        owners = {config.ports[id].device_id
                  for id in config.interfaces_by_subnet.get(subnet.id, ())}
        assert len(owners) <= 1
    for ids in config.subnets_by_network.values():
        no_overlap([config.subnets[id].net for id in ids])
    for port in config.ports.values():
        assert port.network_id in config.networks
        for fixed in port.fixed_ips:
            subnet = config.subnets[fixed.subnet_id]
            assert subnet.network_id == port.network_id
            assert ipaddress.ip_address(fixed.ip_address) in subnet.net
        if port.is_router_interface:
            assert port.device_id in config.routers and port.fixed_ips
    for router in config.routers.values():
        no_overlap([
            config.subnets[fixed.subnet_id].net
            for id in config.ports_by_device.get(router.id, ())
            for fixed in config.ports[id].fixed_ips
        ])
    for kind, table in config.tables.items():
        for item in table.values():
            assert decode(kind, encode(item)) == item


def no_overlap(nets):
    for one, two in itertools.combinations(nets, 2):
        assert one.version != two.version or not one.overlaps(two)


@settings(max_examples=200, deadline=None)
@given(st.lists(operation, max_size=40))
def test_invariants(operations):
    site = Site()
    for item in [("create_network", None), ("create_router",),
                 ("create_subnet", 0, "10.0.0.0/29", "default"), *operations]:
        site.run(*item)
        check(site.config)
    assert site.accepted >= 3

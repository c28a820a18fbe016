"""Whose an address is, as every vrouter is told: what is somebody's own, nobody else announces."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ryu_apps.control.addresses.eligibility import AddressEligibility
from ryu_apps.control.config.model import AddressPair, FixedIp
from ryu_apps.control.ids import link_local
from ryu_apps.control.routes import Attributes, MacIp, Path
from tests.property.world_model import PEERS, target
from tests.unit.control.learned_support import FAR, VIP, mac, node, path, port, see
from vrouter_ovs.state import OWNER_KNOWN, OWNER_NETWORK, OWNER_PORT


def owner(one, address: str, element: str = "e0") -> int:
    return one.tables[element]["neighbor", 101, address].owner


def test_fixed_addresses_are_their_ports_own_on_every_vrouter() -> None:
    one = node()
    for element in ("e0", "e1"):
        for number in (1, 2, 3):
            assert owner(one, f"10.0.0.{10 + number}", element) == OWNER_PORT


def test_link_local_addresses_are_their_ports_own() -> None:
    one = node()
    one.set("subnet", "b", replace(one.world.config.subnets["a"], id="b", cidr="fd00::/64",
                                   gateway_ip="fd00::1"))
    changed = replace(port(3), fixed_ips=(*port(3).fixed_ips, FixedIp("b", "fd00::13")))
    one.set("port", "p3", changed)
    one.settle()
    for element in ("e0", "e1"):
        assert owner(one, "fd00::13", element) == OWNER_PORT
        assert owner(one, link_local(mac(19)), element) == OWNER_PORT


def test_a_shared_address_can_be_taken_over() -> None:
    one = node()
    see(one, 1)
    one.settle()
    assert owner(one, VIP, "e0") == owner(one, VIP, "e1") == OWNER_KNOWN


def test_a_route_that_comes_before_its_port() -> None:
    one = node()
    where = mac(40)
    one.receive(PEERS[0], (path(0, where),))
    one.settle()
    assert owner(one, VIP) == OWNER_KNOWN
    late = replace(port(4), mac_address=where, fixed_ips=(FixedIp("a", VIP),))
    one.set("port", "p4", late)
    one.settle()
    assert owner(one, VIP) == owner(one, VIP, "e1") == OWNER_PORT
    one.set("port", "p4", replace(late, fixed_ips=(FixedIp("a", "10.0.0.40"),)))
    one.settle()
    assert owner(one, VIP) == OWNER_KNOWN


def test_a_host_of_another_system_is_known_and_no_more() -> None:
    one = node()
    attrs = Attributes(FAR, (target(101),))
    one.receive(PEERS[0], (Path(MacIp(f"{FAR}:1", 0, "02:00:00:00:99:01", "10.0.0.77"), attrs,
                                (101,)),))
    one.settle()
    assert owner(one, "10.0.0.77") == OWNER_KNOWN


@pytest.fixture
def without_router():
    one = node(AddressPair("10.0.0.0/24"))
    one.set("port", "if", None)
    one.settle()
    return one


def test_the_address_that_the_network_answers_from(without_router) -> None:
    assert owner(without_router, "10.0.0.254") == OWNER_NETWORK


def test_no_port_learns_the_address_that_the_network_answers_from(without_router) -> None:
    see(without_router, 1, address="10.0.0.254")
    without_router.settle()
    assert (101, "10.0.0.254") not in without_router.world.learned.holders
    eligibility: AddressEligibility = without_router.world.learned._eligibility
    bound = without_router.world.ports.bound["p1"]
    assert eligibility.denial_reason(bound, bound.mac, "10.0.0.254") == "an address of the network"

"""The addresses that a network itself answers from are nobody's."""

from __future__ import annotations

import ipaddress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ryu_apps.control import messages as msg
from ryu_apps.control.addresses.eligibility import AddressEligibility
from ryu_apps.control.config import ipam
from ryu_apps.control.config.config import Config
from ryu_apps.control.config.model import AddressPair, Change, FixedIp, Network, Port, Subnet
from ryu_apps.control.config.service_addresses import (
    CANDIDATES,
    own_service_address,
    resolver_addresses,
    service_address,
    service_mac,
)
from ryu_apps.control.desired.desired import Desired
from ryu_apps.control.edge.edge import edge_port
from ryu_apps.control.elements.elements import Elements
from ryu_apps.control.tables import Tables
from ryu_apps.control.vpn.instances import Instances
from ryu_apps.control.vpn.origins import Origins
from ryu_apps.control.vpn.rib import Rib
from ryu_apps.control.vpn.translate import bound_port
from ryu_apps.control.vpn.underlay import Underlay
from tests.property.world_node import Node
from tests.unit.control.graph_support import Part


def config(cidr: str, *addresses: str, gateway: str = "", pairs: tuple[str, ...] = ()) -> Config:
    made = Config()
    items = [("network", Network("n", 100, 1)),
             ("subnet", Subnet("s", "n", cidr, gateway_ip=gateway))]  # fmt: skip
    for number, address in enumerate(addresses):
        port = Port(f"p{number}", "n", f"fa:16:3e:00:01:{number:02x}",
                    fixed_ips=(FixedIp("s", address),),
                    allowed_address_pairs=tuple(map(AddressPair, pairs)))  # fmt: skip
        items.append(("port", port))
    for kind, item in items:
        made.apply(Change(kind, item.id, item))
    return made


def chosen(*args, **kwargs) -> str:
    made = config(*args, **kwargs)
    return service_address(made, made.subnets["s"])


def test_the_highest_that_is_free() -> None:
    assert chosen("10.0.0.0/24") == "10.0.0.254"
    assert chosen("10.0.0.0/24", gateway="10.0.0.254") == "10.0.0.253"
    assert chosen("10.0.0.0/24", "10.0.0.254", "10.0.0.252") == "10.0.0.253"
    assert chosen("10.0.0.0/24", "10.0.0.5", pairs=("10.0.0.254", "10.0.0.253/32")) == "10.0.0.252"
    assert chosen("10.0.0.0/31", "10.0.0.1") == "10.0.0.0"
    assert chosen("fd00::/64") == "fd00::ffff:ffff:ffff:ffff"
    assert chosen("fd00::/126", "fd00::3") == "fd00::2"
    assert service_mac(0xABCDEF) == "02:56:4e:ab:cd:ef"


@pytest.mark.parametrize(
    ("cidr", "addresses", "gateway"),
    [
        ("10.9.9.0/30", ("10.9.9.2",), "10.9.9.1"), ("10.9.9.0/31", ("10.9.9.0", "10.9.9.1"), ""),
        ("10.9.9.7/32", ("10.9.9.7",), ""), ("10.9.9.7/32", ("10.9.9.7",), "192.0.2.1"),
        ("10.9.9.0/27", tuple(f"10.9.9.{n}" for n in range(15, 31)), ""),
    ],
)  # fmt: skip
def test_a_full_subnet_is_served_from_a_link_local_address(cidr, addresses, gateway) -> None:
    made = config(cidr, *addresses, gateway=gateway)
    assert service_address(made, made.subnets["s"]) == "169.254.255.254"
    port = edge_port(made, bound_port(made, made.ports["p0"], "e", "tap", 1))
    (lease,) = port.v4
    assert lease.server == lease.dns[0] == "169.254.255.254"


def test_a_full_ipv6_subnet() -> None:
    made = config("fd00::1/128", "fd00::1")
    assert resolver_addresses(made, made.subnets["s"]) == ("fe80::56:4eff:fe00:64",)


def test_a_link_local_subnet_beside_a_full_one() -> None:
    made = config("10.9.9.7/32", "10.9.9.7")
    made.apply(Change("subnet", "l", Subnet("l", "n", "169.254.0.0/16")))
    made.apply(Change("port", "q", Port("q", "n", "fa:16:3e:00:02:00", fixed_ips=(
        FixedIp("l", "169.254.255.254"),
    ))))  # fmt: skip
    assert service_address(made, made.subnets["s"]) == "169.254.255.253"


@given(st.data())
def test_never_an_address_that_a_port_has(data: st.DataObject) -> None:
    cidr = data.draw(st.sampled_from(["10.0.0.0/24", "10.0.0.0/28", "10.0.0.4/30", "10.0.0.6/31",
                                      "10.0.0.7/32", "fd00::/64", "fd00::/126"]))  # fmt: skip
    first, last = ipam.usable_range(ipaddress.ip_network(cidr))
    version = 6 if ":" in cidr else 4
    numbers = st.integers(max(first, last - CANDIDATES - 2), last)
    addresses = numbers.map(lambda number: ipam.address_text(number, version))
    taken = data.draw(st.lists(addresses, unique=True, max_size=20))
    pairs = tuple(data.draw(st.lists(addresses, unique=True, max_size=3))) if taken else ()
    gateway = data.draw(st.one_of(st.just(""), addresses))
    assert chosen(cidr, *taken, gateway=gateway, pairs=pairs) not in {*taken, *pairs, gateway}


def test_no_pair_takes_it() -> None:
    """A pair that covers the whole subnet leaves no address that it does not name."""
    made = config("10.0.0.0/24", "10.0.0.5", pairs=("10.0.0.0/24",))
    own = own_service_address(made, made.subnets["s"])
    bound = bound_port(made, made.ports["p0"], "e", "tap", 1)
    part = Part()
    rib, elements = Rib(), Elements("node", part.marks("Elements"))
    instances, desired = Instances(rib, part.marks("Instances")), Desired(part.marks("Desired"))
    tables = Tables(
        made, rib, elements, instances, desired, Origins(elements, rib), Underlay(rib))
    eligibility = AddressEligibility(tables)
    assert eligibility.denial_reason(bound, bound.mac, own) == "an address of the network"
    assert eligibility.denial_reason(bound, bound.mac, "10.0.0.77") == ""


def test_ports_are_told_of_another_when_one_takes_it() -> None:
    """And the switch answers for the new one; all is as before when the port is gone."""
    node = Node()
    node.set("network", "n", Network("n", 100, 1))
    node.set("subnet", "s", Subnet("s", "n", "10.0.0.0/24"))
    node.set("port", "p", Port("p", "n", "fa:16:3e:00:00:01", fixed_ips=(FixedIp("s", "10.0.0.5"),),
                               unfiltered=True))  # fmt: skip
    node.connect("e0")
    node.bind("e0", "tap0", "p")

    def served() -> tuple[str, list[str]]:
        node.settle()
        answered = [key[2] for key, item in node.tables["e0"].items()
                    if key[0] == "neighbor" and item.mac == service_mac(100)]  # fmt: skip
        return node.edges["e0", 1].v4[0].server, answered

    before = served()
    assert before == ("10.0.0.254", ["10.0.0.254"])
    other = Port("q", "n", "fa:16:3e:00:00:02", fixed_ips=(FixedIp("s", "10.0.0.254"),))
    node.set("port", "q", other)
    assert served() == ("10.0.0.253", ["10.0.0.253"])
    node.set("port", "r", Port("r", "n", "fa:16:3e:00:00:03", allowed_address_pairs=(
        AddressPair("10.0.0.253"),
    )))  # fmt: skip
    assert served() == ("10.0.0.252", ["10.0.0.252"])
    node.set("port", "q", None)
    node.set("port", "r", None)
    assert served() == before


def test_neighbors_hear_of_the_port_that_takes_it_and_of_its_return() -> None:
    """They know the MAC that answered so far."""
    node = Node()
    node.set("network", "n", Network("n", 100, 1))
    node.set("subnet", "s", Subnet("s", "n", "10.0.0.0/24"))
    for number, address in ((1, "10.0.0.5"), (2, "10.0.0.6")):
        node.set("port", f"p{number}", Port(
            f"p{number}", "n", f"fa:16:3e:00:00:0{number}", fixed_ips=(FixedIp("s", address),),
            unfiltered=True,
        ))  # fmt: skip
    node.connect("e0")
    node.bind("e0", "tap0", "p1")
    node.bind("e0", "tap1", "p2")
    node.settle()

    def told() -> list[tuple[str, str]]:
        found = []
        for _ in range(4):
            node.tick(1)
            for _ in range(3):  # until the switch has confirmed, and what comes of that
                found += [(one.address, one.mac) for one in node.flush()
                          if isinstance(one, msg.SendGratuitousArp)]  # fmt: skip
                node.ack("e0")
        return sorted(set(found))

    told()
    port = node.world.config.ports["p2"]
    node.set("port", "p2", replace(port, fixed_ips=(FixedIp("s", "10.0.0.254"),)))
    assert ("10.0.0.254", "fa:16:3e:00:00:02") in told()
    node.set("port", "p2", replace(port, fixed_ips=(FixedIp("s", "10.0.0.6"),)))
    assert ("10.0.0.254", service_mac(100)) in told()
    # The same by way of an address that nobody has for a while.
    node.set("port", "p2", None)
    told()
    node.set("port", "p3", replace(port, id="p3", fixed_ips=(FixedIp("s", "10.0.0.254"),)))
    assert ("10.0.0.254", "fa:16:3e:00:00:02") not in told()
    node.bind("e0", "tap1", "p3")
    assert ("10.0.0.254", "fa:16:3e:00:00:02") in told()

"""Allocation: examples from the RFCs' corners, and bulk."""

from __future__ import annotations

import dataclasses
import ipaddress
import random

import pytest

from ryu_apps.control.config import ipam
from ryu_apps.control.config.config import Config
from ryu_apps.control.config.model import Change, FixedIp, Network, Pool, Port, Router, Subnet


def subnet(cidr: str, gateway: str = "", pools=None) -> Subnet:
    net = ipaddress.ip_network(cidr)
    return Subnet("s", "n", cidr, gateway_ip=gateway,
                  allocation_pools=pools or ipam.default_pools(net, gateway))


def use(config: Config, name: str, address: str, subnet_id: str = "s") -> None:
    config.apply(Change("port", name, Port(
        name, "n", "fa:16:3e:00:00:01", fixed_ips=(FixedIp(subnet_id, address),))))


@pytest.mark.parametrize("cidr,gateway,pools", [
    ("10.0.0.0/24", "10.0.0.1", [("10.0.0.2", "10.0.0.254")]),
    ("10.0.0.0/24", "10.0.0.100", [("10.0.0.1", "10.0.0.99"), ("10.0.0.101", "10.0.0.254")]),
    ("10.0.0.0/24", "10.0.0.254", [("10.0.0.1", "10.0.0.253")]),
    ("10.0.0.0/30", "", [("10.0.0.1", "10.0.0.2")]),
    ("10.0.0.0/31", "10.0.0.0", [("10.0.0.1", "10.0.0.1")]),
    ("10.0.0.7/32", "", [("10.0.0.7", "10.0.0.7")]),
    ("10.0.0.7/32", "10.0.0.7", []),
    ("fd00::/64", "fd00::1", [("fd00::2", "fd00::ffff:ffff:ffff:ffff")]),
    ("fd00::/127", "", [("fd00::", "fd00::1")]),
])
def test_default_pools(cidr, gateway, pools):
    found = ipam.default_pools(ipaddress.ip_network(cidr), gateway)
    assert found == tuple(Pool(*pool) for pool in pools)


def test_lowest_first_and_reuse():
    config, net = ipam.AllocatingConfig(), subnet("10.0.0.0/29", "10.0.0.1")
    for index in range(5):
        address = ipam.lowest_address(config, net)
        assert address == f"10.0.0.{index + 2}"
        use(config, f"p{index}", address)
    for _ in range(2):
        with pytest.raises(ipam.Exhausted):
            ipam.lowest_address(config, net)
    config.apply(Change("port", "p1", None))
    assert ipam.lowest_address(config, net) == "10.0.0.3"
    assert ipam.lowest_address(config, net) == "10.0.0.3"


def test_extra_addresses_are_only_skipped_this_once():
    config, net = ipam.AllocatingConfig(), subnet("fd00::/120")
    assert ipam.lowest_address(config, net, ["fd00::1", "fd00::2"]) == "fd00::3"
    assert ipam.lowest_address(config, net) == "fd00::1"


def test_ipv6_text_is_canonical_where_libc_differs():
    net = ipaddress.ip_network("::ffff:0:0/112")
    config, six = ipam.AllocatingConfig(), subnet(str(net))
    assert ipam.lowest_address(config, six) == str(net[1])


def test_a_changed_subnet_is_looked_at_anew():
    config, net = ipam.AllocatingConfig(), subnet(
        "10.0.0.0/24", pools=(Pool("10.0.0.50", "10.0.0.60"),))
    config.apply(Change("subnet", "s", net))
    assert ipam.lowest_address(config, net) == "10.0.0.50"
    wider = dataclasses.replace(net, allocation_pools=(Pool("10.0.0.40", "10.0.0.60"),))
    config.apply(Change("subnet", "s", wider))
    assert ipam.lowest_address(config, wider) == "10.0.0.40"


def test_thousands_in_bulk_look_at_each_address_once(monkeypatch):
    config, net = ipam.AllocatingConfig(), subnet("10.0.0.0/16", "10.0.0.1")
    looked = 0
    text = ipam.address_text

    def counted(value, version):
        nonlocal looked
        looked += 1
        return text(value, version)

    monkeypatch.setattr(ipam, "address_text", counted)
    for index in range(5000):
        use(config, f"p{index}", ipam.lowest_address(config, net))
    assert looked < 5000 * 3


def test_macs():
    config = Config()
    one = ipam.new_mac(config, "n", "fa:16:3e", random.Random(1))
    assert one == ipam.new_mac(config, "n", "fa:16:3e", random.Random(1))
    config.apply(Change("port", "p", Port("p", "n", one)))
    assert ipam.new_mac(config, "n", "fa:16:3e", random.Random(1)) != one
    assert ipam.new_mac(config, "other", "fa:16:3e", random.Random(1)) == one
    assert ipam.canonical_mac("FA-16-3E-00-00-0A") == "fa:16:3e:00:00:0a"
    for bad in ("01:00:5e:00:00:01", "00:00:00:00:00:00", "fa:16:3e", "x", "fa:16:3e:00:00:0g"):
        with pytest.raises(ValueError):
            ipam.canonical_mac(bad)


def test_vnis():
    config = ipam.AllocatingConfig()
    for index, vni in enumerate((10, 11, 12)):
        assert ipam.lowest_vni(config, [(10, 12)]) == vni
        assert ipam.lowest_rd_index(config) == index + 1
        kind, cls = ("network", Network) if index % 2 else ("router", Router)
        config.apply(Change(kind, str(vni), cls(str(vni), vni, index + 1)))
    with pytest.raises(ipam.Exhausted):
        ipam.lowest_vni(config, [(10, 12)])
    config.apply(Change("network", "11", None))
    assert ipam.lowest_vni(config, [(10, 12)]) == 11
    assert ipam.lowest_rd_index(config) == 2


@pytest.mark.parametrize("text", ["", "5", "0-5", "5-4", "a-b", "1-16777216", "1-2-3"])
def test_vni_ranges(text):
    if text == "5":
        assert ipam.parse_range(text) == (5, 5)
    else:
        with pytest.raises(ValueError):
            ipam.parse_range(text)

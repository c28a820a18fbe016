"""Endpoints of tunnels: their order, their keys, and how a hypervisor's database names them."""

from __future__ import annotations

import ipaddress
import pickle
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ryu_apps.southbound.ovsdb.endpoints import (
    PATHS,
    is_reachable,
    marked_endpoint,
    tunnel_mark,
    tunnel_name,
)
from tests.encapsulations import NAMES, declared
from vrouter_ovs.state import Endpoint, Tunnel

vteps = st.one_of(
    st.integers(1, 2**32 - 1).map(lambda n: str(ipaddress.IPv4Address(n))),
    st.integers(1, 2**128 - 1).map(lambda n: str(ipaddress.IPv6Address(n))),
)
endpoints = st.builds(
    Endpoint, vteps, st.sampled_from(NAMES), st.integers(0, PATHS - 1)
)


@pytest.fixture(autouse=True, scope="module")
def more_encapsulations() -> Iterator[None]:
    with declared():
        yield


@given(st.sets(endpoints, max_size=40))
def test_no_two_endpoints_share_a_name_a_mark_or_a_key(found: set[Endpoint]) -> None:
    for named in (
        {tunnel_name(one) for one in found},
        {tunnel_mark(one) for one in found},
        {Tunnel(one, 1).key for one in found},
    ):
        assert len(named) == len(found)


@given(vteps)
def test_endpoints_of_one_vtep_differ_in_name(vtep: str) -> None:
    found = [Endpoint(vtep, encap, path) for encap in NAMES for path in range(PATHS)]
    assert len({tunnel_name(one) for one in found}) == len(found)


@given(endpoints)
def test_a_name_is_one_of_an_interface_and_a_mark_says_which_endpoint(endpoint: Endpoint) -> None:
    name = tunnel_name(endpoint)
    assert len(name) <= 15 and name.isascii() and name.isalnum()
    assert is_reachable(endpoint)
    assert marked_endpoint(tunnel_mark(endpoint)) == endpoint


@given(vteps)
def test_vxlan_on_the_first_path_is_named_as_ever(vtep: str) -> None:
    """Tunnel ports and flows that are there must be known again."""
    endpoint = Endpoint(vtep)
    assert tunnel_mark(endpoint) == str(endpoint) == vtep
    assert Tunnel(endpoint, 1).key == ("tunnel", vtep)


def test_names_that_are_in_databases() -> None:
    assert tunnel_name(Endpoint("192.0.2.13")) == "vxc000020d"
    assert tunnel_name(Endpoint("fd00::1")) == "vx58cb25630741"
    assert tunnel_name(Endpoint("192.0.2.13", path=10)) == "vxc000020da"


@given(st.text(max_size=40))
def test_any_mark_is_an_endpoint_that_writes_it_again(mark: str) -> None:
    endpoint = marked_endpoint(mark)
    assert marked_endpoint(tunnel_mark(endpoint)) == endpoint


@given(st.lists(endpoints))
def test_equal_endpoints_are_one_key_and_all_have_an_order(found: list[Endpoint]) -> None:
    copies = pickle.loads(pickle.dumps(found))
    assert copies == found and list(map(hash, copies)) == list(map(hash, found))
    assert {one: 1 for one in found} == {one: 1 for one in copies}
    assert all(one <= other for one, other in pairwise(sorted(found)))
    assert sorted(found) == sorted(reversed(found))


@pytest.mark.parametrize("endpoint", [
    Endpoint("banana"), Endpoint("010.0.0.1"), Endpoint("192.0.2.1", "mpls"),
    Endpoint("192.0.2.1", "nonsense"), Endpoint("192.0.2.1", path=PATHS),
    Endpoint("192.0.2.1", path=-1), Endpoint("FD00::1"),
])  # fmt: skip
def test_where_no_tunnel_port_can_lead(endpoint: Endpoint) -> None:
    assert not is_reachable(endpoint)

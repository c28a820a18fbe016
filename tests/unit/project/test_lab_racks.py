"""The plan of a lab's racks: addresses that are nobody else's, and one route for each path."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.fabric.plan import MAX_RACKS, PLANES, UNDERLAY, Racks, plane


@st.composite
def plans(draw: st.DrawFn) -> Racks:
    count = draw(st.integers(1, MAX_RACKS))
    homes = st.lists(st.integers(1, count), min_size=1, max_size=PLANES).map(tuple)
    return Racks(count, draw(st.dictionaries(st.sampled_from(["hv1", "hv2", "hv3"]), homes)),
                 draw(homes))


@given(plans())
def test_a_path_stays_in_its_plane(plan: Racks) -> None:
    for number, host in enumerate(("hv1", "hv2", "hv3"), 11):
        for path, uplink in enumerate(plan.uplinks(host, number)):
            (prefix, gateway), = uplink.routes
            assert prefix == plane(path)
            own = ipaddress.ip_interface(f"{uplink.address}/{uplink.length}").network
            assert ipaddress.ip_address(gateway) in own
            # So the way to any far end's address of this path is this uplink, and no other's.
            assert own.subnet_of(ipaddress.ip_network(prefix))


@given(plans())
def test_no_address_is_given_twice(plan: Racks) -> None:
    given_out = [one for rack in plan.racks for one in plan.link(rack)]
    given_out += [plan.gateway(rack, path) for rack in plan.racks for path in range(PLANES)]
    given_out += [uplink.address for number, host in enumerate(("hv1", "hv2", "hv3"), 11)
                  for uplink in plan.uplinks(host, number)]
    assert len(set(given_out)) == len(given_out)
    whole = ipaddress.ip_network(UNDERLAY)
    assert all(ipaddress.ip_address(one.partition("/")[0]) in whole for one in given_out)


@pytest.mark.parametrize("wrong", [
    {"count": 0}, {"count": MAX_RACKS + 1}, {"count": 1}, {"homes": {"hv1": (3, 1)}},
    {"homes": {"hv1": ()}}, {"homes": {"hv1": (1, 2, 1)}}, {"control": "radio"},
])  # fmt: skip
def test_what_is_no_fabric_is_refused(wrong: dict) -> None:
    with pytest.raises(ValueError):
        Racks(**wrong)

"""Filters: whatever is asked, the answer is a list or a refusal, and one attribute's value, however
it is spelled, finds just what has it."""

from __future__ import annotations

import ipaddress
import json
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ryu_apps.northbound.resources.declared import COLLECTIONS

from .rest_tenants import Site

TEXTS = (
    "", "none", "null", "0", "1", "-1", "t", "yes", "false", "6", "tcp", "IPV4", "fa163e000001",
    "fd00::1", "10.0.0.0/255.0.0.0", "::/0", "ip_address=", "ip_address=fd00::1", "start=x", "=",
    "subnet_id=none", "ip_address_substr=", "ip_version=4", "ip_version=x", "9" * 40, "%", "a,b",
)


@pytest.fixture(scope="module")
def site():
    one = Site()
    one.call("", "POST", "/v2.0/networks", {"networks": [{"name": "n"}, {"shared": True}]})
    network = json.loads(one.call("", "GET", "/v2.0/networks?name=n")[1])["networks"][0]["id"]
    one.call("", "POST", "/v2.0/subnets", {"subnets": [
        {"network_id": network, "cidr": "10.0.0.0/24", "dns_nameservers": ["10.0.0.53"],
         "host_routes": [{"destination": "10.9.0.0/16", "nexthop": "10.0.0.9"}]},
        {"network_id": network, "cidr": "fd00::/64", "gateway_ip": None},
    ]})
    one.call("", "POST", "/v2.0/ports", {"ports": [
        {"network_id": network, "allowed_address_pairs": [{"ip_address": "10.7.0.0/24"}]},
        {"network_id": network, "fixed_ips": [], "port_security_enabled": False},
    ]})
    one.call("", "POST", "/v2.0/routers", {"router": {}})
    one.call("", "POST", "/v2.0/address-groups", {"address_group": {"addresses": ["10.0.0.0/8"]}})
    yield one
    one.close()


@settings(max_examples=300, deadline=None)
@given(st.sampled_from([one for one in COLLECTIONS if one.parent is None]), st.data())
def test_any_filter_is_answered(site, declaration, data):
    known = sorted(declaration.attributes)
    value = st.one_of(st.sampled_from(TEXTS), st.text(max_size=8))
    query = data.draw(st.lists(st.tuples(st.sampled_from(known), value), max_size=3))
    who = data.draw(st.sampled_from(("", "red")))
    path = f"{declaration.root}?{urlencode(query)}"
    status, text = site.call(who, "GET", path)
    assert status in (200, 400) or (status == 403 and who), (path, text)


@settings(max_examples=100, deadline=None)
@given(
    st.integers(1, 2**24 - 1), st.sampled_from((":", "-", "", ".")), st.booleans(),
    st.integers(1, 2**16 - 1), st.booleans(),
)
def test_an_address_is_found_by_any_spelling(number, separator, upper, host, exploded):
    site = Site()
    try:
        digits = f"fa163e{number:06x}"
        width = 4 if separator == "." else 2
        spelled = separator.join(digits[at:at + width] for at in range(0, 12, width))
        ip = ipaddress.ip_address(f"fd00::{host:x}")
        text = ip.exploded if exploded else str(ip)
        if upper:
            spelled, text = spelled.upper(), text.upper()
        _, made = site.call("", "POST", "/v2.0/networks", {"network": {}})
        network = json.loads(made)["network"]["id"]
        site.call("", "POST", "/v2.0/subnets", {"subnet": {
            "network_id": network, "cidr": "fd00::/64", "gateway_ip": None}})
        status, made = site.call("", "POST", "/v2.0/ports", {"port": {
            "network_id": network, "mac_address": spelled, "fixed_ips": [{"ip_address": text}]}})
        assert status == 201, made
        site.call("", "POST", "/v2.0/ports", {"port": {"network_id": network}})
        id = json.loads(made)["port"]["id"]
        for query in ({"mac_address": spelled}, {"fixed_ips": f"ip_address={text}"}):
            _, found = site.call("", "GET", f"/v2.0/ports?{urlencode(query)}")
            assert [one["id"] for one in json.loads(found)["ports"]] == [id], query
    finally:
        site.close()

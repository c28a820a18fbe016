"""Rules of address scopes and subnet pools: what is given out, what is refused."""

from __future__ import annotations

import dataclasses

import pytest

from ryu_apps.control.config import consistency
from ryu_apps.control.config.model import Change
from ryu_apps.control.config.rules import Context, networks
from ryu_apps.control.config.rules.addressing import address_scopes, subnetpools, subnets
from ryu_apps.control.config.rules.routing import routers
from tests.unit.control.rules_support import Bench


@pytest.fixture
def bench():
    made = Bench()
    yield made
    assert list(consistency.faults(made.config)) == []


def pool(bench, *prefixes, **fields):
    return bench.do(subnetpools.create, name="pool",
                    prefixes=list(prefixes) or ["10.0.0.0/16"], **fields)


def subnet(bench, **fields):
    fields.setdefault("network_id", bench.do(networks.create).id)
    return bench.do(subnets.create, **fields)


def as_project(bench, project):
    bench.context = Context(**{**vars(bench.context), "project_id": project})


def test_what_a_pool_is_by_default(bench):
    four = pool(bench, "10.0.1.0/24", "10.0.0.9/24", "192.0.2.0/25")
    assert four.prefixes == ("10.0.0.0/23", "192.0.2.0/25") and four.ip_version == 4
    assert (four.min_prefixlen, four.default_prefixlen, four.max_prefixlen) == (8, 8, 32)
    six = pool(bench, "2001:db8::/48", min_prefixlen=56)
    assert (six.min_prefixlen, six.default_prefixlen, six.max_prefixlen) == (56, 56, 128)
    assert six.ip_version == 6 and not six.shared and not six.is_default
    assert pool(bench, "2001:db8::/48").min_prefixlen == 64
    everything = pool(bench, "0.0.0.0/0", "0.0.0.0/1")
    assert everything.prefixes == ("0.0.0.0/0",)


@pytest.mark.parametrize("prefixes,type", [
    ([], "EmptySubnetPoolPrefixList"), (["10.0.0.0/8", "fd00::/48"], "PrefixVersionMismatch"),
    (["10.0.0.0"], "HTTPBadRequest"), (["10.0.0.0/33"], "HTTPBadRequest"),
    (["127.0.0.0/8"], "HTTPBadRequest"), (["x"], "HTTPBadRequest"),
    (["fe80::1%eth0/64"], "HTTPBadRequest"),
])
def test_prefixes_that_are_refused(bench, prefixes, type):
    bench.refused(type, 400, subnetpools.create, name="p", prefixes=prefixes)


@pytest.mark.parametrize("fields", [
    {"min_prefixlen": 25, "max_prefixlen": 24}, {"max_prefixlen": 33},
    {"min_prefixlen": 24, "default_prefixlen": 23}, {"max_prefixlen": 28, "default_prefixlen": 29},
])
def test_bounds_that_are_refused(bench, fields):
    bench.refused("IllegalSubnetPoolPrefixBounds", 400, subnetpools.create, name="p",
                  prefixes=["10.0.0.0/16"], **fields)
    made = pool(bench, min_prefixlen=16, default_prefixlen=26, max_prefixlen=30)
    if "min_prefixlen" in fields and "max_prefixlen" not in fields:
        fields = {"min_prefixlen": 27}
    bench.refused("IllegalSubnetPoolPrefixBounds", 400, subnetpools.update, made.id, **fields)


def test_prefixes_are_given_out_where_they_fit_best(bench):
    made = pool(bench, "10.0.0.0/22", "192.0.2.0/26", default_prefixlen=26)
    got = [subnet(bench, subnetpool_id=made.id, prefixlen=length).cidr
           for length in (24, 26, 25, 27, 27)]
    # The first /24 is the lowest, the /26 is the block of just that size, the /25 halves a /24.
    assert got == ["10.0.0.0/24", "192.0.2.0/26", "10.0.1.0/25", "10.0.1.128/27", "10.0.1.160/27"]
    assert subnet(bench, subnetpool_id=made.id).cidr == "10.0.1.192/26"
    first = subnet(bench, subnetpool_id=made.id, cidr="10.0.3.16/28", ip_version=4)
    assert (first.cidr, first.gateway_ip, first.subnetpool_id) == (
        "10.0.3.16/28", "10.0.3.17", made.id)
    for cidr in ("10.0.3.0/24", "10.0.3.16/29", "10.9.0.0/24"):
        bench.refused("SubnetAllocationError", 409, subnets.create, cidr=cidr,
                      network_id=bench.do(networks.create).id, subnetpool_id=made.id)
    bench.refused("SubnetAllocationError", 409, subnets.create, prefixlen=23,
                  network_id=bench.do(networks.create).id, subnetpool_id=made.id)


def test_what_a_subnet_leaves_is_given_out_again(bench):
    made = pool(bench, "10.0.0.0/24", default_prefixlen=26)
    four = [subnet(bench, subnetpool_id=made.id) for _ in range(4)]
    network = bench.do(networks.create).id
    bench.refused("SubnetAllocationError", 409, subnets.create, network_id=network,
                  subnetpool_id=made.id)
    bench.drop(subnets.delete, four[2].id)
    assert subnet(bench, subnetpool_id=made.id).cidr == four[2].cidr
    bench.drop(networks.delete, four[1].network_id)  # Its subnets go with it.
    assert subnet(bench, subnetpool_id=made.id).cidr == four[1].cidr


def test_lengths_of_a_pool(bench):
    made = pool(bench, min_prefixlen=24, max_prefixlen=28)
    network = bench.do(networks.create).id
    for wanted, type in (({"prefixlen": 23}, "Min"), ({"prefixlen": 29}, "Max"),
                         ({"cidr": "10.0.0.0/16"}, "Min"), ({"cidr": "10.0.0.0/30"}, "Max")):
        bench.refused(f"{type}PrefixSubnetAllocationError", 400, subnets.create,
                      network_id=network, subnetpool_id=made.id, **wanted)


def test_what_does_not_go_together_in_a_request(bench):
    made, network = pool(bench), bench.do(networks.create).id
    for fields in (
        {}, {"prefixlen": 24},
        {"subnetpool_id": made.id, "use_default_subnetpool": True},
        {"subnetpool_id": made.id, "cidr": "10.0.0.0/24", "prefixlen": 24},
        {"subnetpool_id": made.id, "ip_version": 6},
        {"subnetpool_id": made.id, "cidr": "fd00::/64"},
        {"subnetpool_id": made.id, "allocation_pools": [{"start": "10.0.0.2", "end": "10.0.0.3"}]},
        {"use_default_subnetpool": True, "ip_version": 4}, {"use_default_subnetpool": True},
    ):
        bench.refused("BadRequest", 400, subnets.create, network_id=network, **fields)
    bench.refused("SubnetPoolNotFound", 404, subnets.create, network_id=network,
                  subnetpool_id="none")


@pytest.mark.parametrize("prefix,quota,lengths,beyond", [
    ("10.0.0.0/16", 512, (25, 24, 25), 30), ("2001:db8::/32", 3, (64, 63), 80),
])
def test_quotas_count_per_project(bench, prefix, quota, lengths, beyond):
    made = pool(bench, prefix, shared=True, default_quota=quota, min_prefixlen=20)
    for project in ("p", "q"):
        as_project(bench, project)
        for length in lengths:
            subnet(bench, subnetpool_id=made.id, prefixlen=length)
        network = bench.do(networks.create).id
        bench.refused("SubnetPoolQuotaExceeded", 409, subnets.create, network_id=network,
                      subnetpool_id=made.id, prefixlen=beyond)
    as_project(bench, "")
    bench.do(subnetpools.update, made.id, default_quota=None)
    subnet(bench, subnetpool_id=made.id, prefixlen=beyond)


def test_one_default_pool_of_each_ip_version(bench):
    four = pool(bench, is_default=True, default_prefixlen=24)
    six = pool(bench, "2001:db8::/48", is_default=True)
    other = pool(bench, "10.9.0.0/16")
    bench.refused("InvalidInput", 400, subnetpools.create, name="x", prefixes=["10.0.0.0/8"],
                  is_default=True)
    bench.refused("InvalidInput", 400, subnetpools.update, other.id, is_default=True)
    assert bench.do(subnetpools.update, four.id, is_default=True) == four
    for version, wanted in ((4, four), (6, six)):
        made = subnet(bench, use_default_subnetpool=True, ip_version=version)
        assert made.subnetpool_id == wanted.id
    assert subnet(bench, use_default_subnetpool=True, cidr="10.0.7.0/24").subnetpool_id == four.id
    # A default pool that a project does not see is none.
    as_project(bench, "p")
    network = bench.do(networks.create).id
    bench.refused("BadRequest", 400, subnets.create, network_id=network, ip_version=4,
                  use_default_subnetpool=True)
    as_project(bench, "")
    bench.do(subnetpools.update, four.id, is_default=False)
    bench.do(subnetpools.update, other.id, is_default=True)


def test_prefixes_of_a_pool_change(bench):
    made = pool(bench, "10.0.0.0/24")
    assert bench.do(subnetpools.update, made.id, prefixes=["10.0.0.0/16"]).prefixes == (
        "10.0.0.0/16",)
    for prefixes in (["10.0.0.0/17"], ["10.1.0.0/16"], []):
        type = "IllegalSubnetPoolPrefixUpdate" if prefixes else "EmptySubnetPoolPrefixList"
        bench.refused(type, 400, subnetpools.update, made.id, prefixes=prefixes)
    bench.refused("PrefixVersionMismatch", 400, subnetpools.add_prefixes, made.id,
                  prefixes=["fd00::/48"])
    answer = bench.do(subnetpools.add_prefixes, made.id, prefixes=["10.1.0.0/16", "10.0.5.0/24"])
    assert answer == {"prefixes": ["10.0.0.0/15"]}
    subnet(bench, subnetpool_id=made.id, cidr="10.1.2.0/24")
    bench.refused("IllegalSubnetPoolPrefixUpdate", 400, subnetpools.remove_prefixes, made.id,
                  prefixes=["10.1.2.128/25"])
    answer = bench.do(subnetpools.remove_prefixes, made.id, prefixes=["10.0.0.0/16"])
    assert answer == {"prefixes": ["10.1.0.0/16"]}
    revision = bench.config.subnetpools[made.id].revision_number
    for rule in (subnetpools.add_prefixes, subnetpools.remove_prefixes):
        assert bench.do(rule, made.id, prefixes=[]) == {"prefixes": ["10.1.0.0/16"]}
    bench.do(subnetpools.remove_prefixes, made.id, prefixes=["192.0.2.0/24"])
    assert bench.config.subnetpools[made.id].revision_number == revision
    bench.context = Context(**{**vars(bench.context), "if_match": revision - 1})
    bench.refused("RevisionNumberConstraintFailed", 412, subnetpools.add_prefixes, made.id,
                  prefixes=["10.2.0.0/16"])
    bench.refused("RevisionNumberConstraintFailed", 412, subnetpools.remove_prefixes, made.id,
                  prefixes=["10.1.0.0/24"])


def test_a_pool_in_use_stays(bench):
    made = pool(bench, default_prefixlen=24)
    used = subnet(bench, subnetpool_id=made.id)
    bench.refused("SubnetPoolDeleteError", 400, lambda draft, id, _, context:
                  subnetpools.delete(draft, id, context), made.id)
    bench.drop(subnets.delete, used.id)
    bench.drop(subnetpools.delete, made.id)
    assert not bench.config.subnetpools and not bench.config.subnets_by_pool


def test_subnets_of_a_network_are_of_one_pool(bench):
    one = pool(bench, default_prefixlen=24)
    other = pool(bench, "10.9.0.0/16", default_prefixlen=24)
    six = pool(bench, "2001:db8::/48")
    network = bench.do(networks.create).id
    for id in (one.id, one.id, six.id):
        subnet(bench, network_id=network, subnetpool_id=id)
    bench.refused("NetworkSubnetPoolAffinityError", 400, subnets.create, network_id=network,
                  subnetpool_id=other.id)
    bench.refused("NetworkSubnetPoolAffinityError", 400, subnets.create, network_id=network,
                  cidr="192.0.2.0/24")
    plain = subnet(bench, cidr="192.0.2.0/24").network_id
    bench.refused("NetworkSubnetPoolAffinityError", 400, subnets.create, network_id=plain,
                  subnetpool_id=one.id)


def test_life_of_an_address_scope(bench):
    scope = bench.do(address_scopes.create, name="s", ip_version=4)
    assert not scope.shared
    bench.refused("HTTPBadRequest", 400, address_scopes.create, ip_version=5)
    assert bench.do(address_scopes.update, scope.id, shared=True, name="t").shared
    bench.refused("AddressScopeUpdateError", 400, address_scopes.update, scope.id, shared=False)
    made = pool(bench, address_scope_id=scope.id)
    bench.refused_drop("AddressScopeInUse", address_scopes.delete, scope.id)
    bench.do(subnetpools.update, made.id, address_scope_id=None)
    bench.drop(address_scopes.delete, scope.id)


def test_pools_of_a_scope_do_not_overlap(bench):
    four = bench.do(address_scopes.create, ip_version=4).id
    six = bench.do(address_scopes.create, ip_version=6).id
    made = pool(bench, "20.0.0.0/18", "30.0.0.0/18", address_scope_id=four)
    conflict = ("AddressScopePrefixConflict", 409)
    bench.refused(*conflict, subnetpools.create, name="x", address_scope_id=four,
                  prefixes=["40.0.0.0/18", "30.0.0.0/12"])
    free = pool(bench, "20.0.32.0/24")
    bench.refused(*conflict, subnetpools.update, free.id, address_scope_id=four)
    other = pool(bench, "50.0.0.0/24", address_scope_id=four)
    bench.refused(*conflict, subnetpools.update, other.id, prefixes=["50.0.0.0/24", "20.0.0.0/8"])
    bench.refused(*conflict, subnetpools.add_prefixes, made.id, prefixes=["50.0.0.0/30"])
    bench.refused("IllegalSubnetPoolIpVersionAssociationToAddressScope", 400, subnetpools.update,
                  free.id, address_scope_id=six)
    bench.refused("AddressScopeNotFound", 404, subnetpools.update, free.id, address_scope_id="x")


def test_a_pool_in_a_scope_of_another_project(bench):
    scope = bench.do(address_scopes.create, ip_version=4, project_id="q").id
    as_project(bench, "p")
    made = pool(bench)
    bench.refused("AddressScopeNotFound", 404, subnetpools.update, made.id, address_scope_id=scope)
    as_project(bench, "")
    bench.do(address_scopes.update, scope, shared=True)
    as_project(bench, "p")
    bench.do(subnetpools.update, made.id, address_scope_id=scope)
    for rule in (subnetpools.update, subnetpools.add_prefixes, subnetpools.remove_prefixes):
        bench.refused("IllegalSubnetPoolUpdate", 400, rule, made.id, prefixes=["10.0.0.0/8"])
    as_project(bench, "")
    bench.do(subnetpools.update, made.id, prefixes=["10.0.0.0/8"])


def test_a_network_is_in_one_scope(bench):
    scope = bench.do(address_scopes.create, ip_version=4).id
    one = pool(bench, "10.1.0.0/16", address_scope_id=scope, default_prefixlen=24)
    two = pool(bench, "10.2.0.0/16", address_scope_id=scope, default_prefixlen=24)
    free = pool(bench, "10.3.0.0/16", default_prefixlen=24)
    network = subnet(bench, subnetpool_id=one.id).network_id
    subnet(bench, network_id=network, subnetpool_id=two.id)
    error = ("NetworkAddressScopeAffinityError", 400)
    bench.refused(*error, subnets.create, network_id=network, subnetpool_id=free.id)
    bench.refused("NetworkSubnetPoolAffinityError", 400, subnets.create, network_id=network,
                  cidr="10.9.0.0/24")
    bench.refused(*error, subnetpools.update, two.id, address_scope_id=None)
    other = bench.do(address_scopes.create, ip_version=4).id
    bench.refused(*error, subnetpools.update, two.id, address_scope_id=other)
    bench.do(subnetpools.update, two.id, name="still in its scope")
    bench.do(subnetpools.update, free.id, address_scope_id=other)


def test_a_router_is_in_one_scope(bench):
    scope = bench.do(address_scopes.create, ip_version=4).id
    one = pool(bench, "10.1.0.0/16", address_scope_id=scope, default_prefixlen=24)
    two = pool(bench, "10.2.0.0/16", default_prefixlen=24)
    six = pool(bench, "2001:db8::/48")
    router = bench.do(routers.create).id
    for id in (one.id, six.id):
        bench.do(routers.add_interface, router, subnet_id=subnet(bench, subnetpool_id=id).id)
    outside = subnet(bench, subnetpool_id=two.id)
    bench.refused("NotImplemented", 501, routers.add_interface, router, subnet_id=outside.id)
    bench.do(subnetpools.update, two.id, address_scope_id=scope)
    bench.do(routers.add_interface, router, subnet_id=outside.id)
    bench.refused("NotImplemented", 501, subnetpools.update, two.id, address_scope_id=None)


def test_what_is_wrong_with_stored_pools(bench):
    made = pool(bench, "10.0.0.0/16", default_prefixlen=24)
    first, second = (subnet(bench, subnetpool_id=made.id) for _ in range(2))
    undo = [Change("subnet", one.id, one) for one in (first, second)]

    def faults(item, kind, **fields):
        bench.config.apply(Change(kind, item.id, dataclasses.replace(item, **fields)))
        return " ".join(consistency.faults(bench.config))

    assert "overlap" in faults(second, "subnet", cidr=first.cidr)
    assert "which is not in it" in faults(second, "subnet", cidr="192.0.2.0/24")
    assert "no subnetpool gone" in faults(second, "subnet", subnetpool_id="gone")
    for change in undo:
        bench.config.apply(change)
    assert "no address_scope gone" in faults(made, "subnetpool", address_scope_id="gone")
    assert "not written" in faults(made, "subnetpool", prefixes=("10.0.0.0/17", "10.0.128.0/17"))
    assert "not written" in faults(made, "subnetpool", ip_version=6)
    bench.config.apply(Change("subnetpool", made.id, made))

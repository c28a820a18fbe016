"""Extra routes of a router with real packets: a VM forwards for a network of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab.tenants import Tenant, new_tenant
from lab.topology import Lab
from lab.traffic.ping import ping
from lab.wait import wait_until

BEHIND, PREFIX = "192.168.50.7", "192.168.50.0/24"
LAYOUT = (("web1", "hv1"), ("web2", "hv3"), ("db1", "hv1"), ("db2", "hv3"))


@pytest.fixture(scope="module")
def tenant(lab: Lab) -> Iterator[Tenant]:
    made = new_tenant("routes", lab.nodes["node1"].client)
    made.create_vms(lab, LAYOUT)
    made.wait_active()
    yield made
    for name in list(made.vms):
        made.remove_vm(lab, name)


def route(tenant: Tenant, *next_hops: str) -> None:
    tenant.client.update("router", tenant.router["id"], routes=[
        {"destination": PREFIX, "nexthop": one} for one in next_hops])


def reached(tenant: Tenant, *names: str) -> bool:
    return all(ping(tenant.vms[name].space, BEHIND, 1).ok for name in names)


def nobody_reaches(tenant: Tenant, *names: str) -> bool:
    return not any(ping(tenant.vms[name].space, BEHIND, 1).ok for name in names)


def test_what_is_behind_a_vm_is_reached_from_everywhere(tenant):
    for name in ("db1", "db2"):
        # Either one may be the way; its port may send from what is behind it.
        tenant.vms[name].space.batch([f"addr add {BEHIND}/32 dev lo"])
        tenant.client.update("port", tenant.vms[name].port.id,
                             allowed_address_pairs=[{"ip_address": PREFIX}])
    tenant.wait_active()
    assert nobody_reaches(tenant, "web1", "web2")
    route(tenant, tenant.vms["db1"].ip)
    wait_until(lambda: reached(tenant, "web1", "web2"), "the network behind db1", 15)
    answer = tenant.client.get(
        f"/v1/explain?port={tenant.vms['web2'].port.id}&to={BEHIND}&protocol=icmp")
    assert PREFIX in str(answer["stages"]), answer
    route(tenant, tenant.vms["db2"].ip)
    wait_until(lambda: reached(tenant, "web1", "web2"), "the network behind db2", 15)
    route(tenant, *(tenant.vms[name].ip for name in ("db1", "db2")))
    wait_until(lambda: reached(tenant, "web1", "web2"), "the network behind either", 15)
    route(tenant)
    wait_until(lambda: nobody_reaches(tenant, "web1", "web2"), "the route to be gone", 15)

"""A node alone, with its configuration in SQLite, is upgraded from an earlier revision."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from lab.hosts.tree import THIS, Tree
from lab.tenants import new_tenant
from lab.topology import Lab
from lab.traffic.ping import reach_all
from tests.lab.earlier_support import Record, Traffic, apart, configured, exchange, settled


@pytest.fixture(scope="module")
def lab(earlier: Tree) -> Iterator[Lab]:
    trees = {"node1": earlier}
    with Lab(f"vnca{os.getpid()}", {"node1": ("hv1",)}, store="sqlite", trees=trees) as made:
        yield made


def test_upgrade_of_a_node_with_sqlite(lab: Lab, record_property: Record) -> None:
    """It is killed under traffic; with the file that it leaves this tree's node goes on."""
    client = lab.nodes["node1"].client
    red = new_tenant("red", client, ipv6=True)
    red.create_vms(lab, (("web1", "hv1"), ("db1", "hv1")))
    settled(lab, red.vms.values())
    before = configured(client)

    traffic = Traffic(lab, red.vms, [("web1", "db1", "ip"), ("db1", "web1", "ip6")],
                      [("web1", "db1", "ip")])
    exchange(lab, red.vms, traffic, "node1", THIS, kill=True, record=record_property)
    (node,) = client.v1("nodes")
    assert "+" not in node["version"]
    assert apart(before, configured(client)) == []
    client.update("network", red.networks["web"]["id"], name="changed")
    red.create_vm(lab, "web2", "hv1")
    settled(lab, red.vms.values())
    web, db = red.vms["web2"], red.vms["db1"]
    results = reach_all((a.space, to) for a, b in ((web, db), (db, web)) for to in (b.ip, b.ip6))
    assert [result.output for result in results if not result.ok] == []

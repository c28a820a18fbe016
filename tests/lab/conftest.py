"""Fixtures of the end-to-end tests: one lab with two nodes and three hypervisors for all of them.

Needs root and the programs that ``make deps`` installs; without them these tests are skipped.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest

from lab.hosts.tree import NoRevision, Tree, earlier_revision, take_out
from lab.tenants import Tenant, new_tenant
from lab.topology import Lab
from tests.unit.northbound.api_client import Node, options

TOOLS = ("ip", "ovs-vswitchd", "ovsdb-server", "etcd", "tcpdump", "ethtool", "ping",
         "udhcpc", "dhclient", "rdisc6", "dig", "curl", "iperf3", "nmap", "arping",
         "keepalived", "nft")  # fmt: skip
HERE = os.path.dirname(__file__)
# A peer that cannot be reached is noticed within three seconds, so that tests need not wait long.
PEER_OPTIONS = "hold-time 3"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here is marked ``lab``, and skipped where it cannot run."""
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    reason = "needs root" if os.geteuid() else f"needs {', '.join(missing)}" if missing else ""
    for item in items:
        if str(item.path).startswith(HERE):
            item.add_marker(pytest.mark.lab)
            if item.get_closest_marker("timeout") is None:
                item.add_marker(pytest.mark.timeout(120))
            if reason:
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    with Lab(f"vnct{os.getpid()}", peer_options=PEER_OPTIONS) as made:
        made.wait_converged()
        yield made


@pytest.fixture(scope="session")
def red(lab: Lab) -> Tenant:
    return _tenant(lab, "red", "node1")


@pytest.fixture(scope="session")
def blue(lab: Lab) -> Tenant:
    """The same subnets and addresses as red, made through the other node."""
    return _tenant(lab, "blue", "node2")


def _tenant(lab: Lab, name: str, node: str) -> Tenant:
    tenant = new_tenant(name, lab.nodes[node].client)
    tenant.create_vms(lab)
    tenant.wait_active()
    tenant.wait_reachable()
    return tenant


@pytest.fixture(scope="session")
def node() -> Iterator[Node]:
    """An API without switches.  One for all tests of the ``openstack`` command: the program keeps
    its connection, hence the endpoint, for the life of the process."""
    node = Node(conf=options(unlimited=True))
    yield node
    node.close()


@pytest.fixture(scope="session")
def earlier(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    """The source of an earlier revision; ``EARLIER`` names another than the usual one."""
    try:
        return take_out(earlier_revision(), tmp_path_factory.mktemp("earlier") / "tree")
    except NoRevision as error:
        if "EARLIER" in os.environ:
            raise
        pytest.skip(str(error))


@pytest.fixture(autouse=True)
def whole_again(request: pytest.FixtureRequest) -> Iterator[None]:
    """After a test that failed half way: every node of the shared lab runs again."""
    yield
    if "lab" in request.fixturenames:
        shared: Lab = request.getfixturevalue("lab")
        for node in shared.nodes.values():
            if not node.daemon.alive:
                node.restart()

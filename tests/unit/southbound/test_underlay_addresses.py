"""A hypervisor's addresses in the underlay: as its database gives them, and as tunnel ports get
them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ryu_apps.southbound.ovsdb.contents.rows import encap_ips
from ryu_apps.southbound.ovsdb.contents.vtep import VtepCheck
from tests.unit.southbound.ovsdb_support import SPEC, Database, asked
from vrouter_ovs.state import Endpoint, TunnelPort


@pytest.mark.parametrize(("given", "wanted"), [
    ("10.0.0.1", ("10.0.0.1",)),
    (" 10.0.0.1 , 10.1.0.1", ("10.0.0.1", "10.1.0.1")),
    ("10.0.0.1,FD00::0:1", ("10.0.0.1", "fd00::1")),
])
def test_one_address_or_two(given: str, wanted: tuple[str, ...]) -> None:
    assert encap_ips(given) == (wanted, "")


@pytest.mark.parametrize(("given", "why"), [
    (None, "is missing"),
    ("", "not an IP address"),
    ("10.0.0.1,", "not an IP address"),
    ("10.0.0.1,10.0.0.1", "twice"),
    ("10.0.0.1,10.0.0.2,10.0.0.3", "3 addresses, and 2"),
    ("10.0.0.1,banana", "not an IP address ('banana')"),
    ("10.0.0.1,224.0.0.5", "multicast"),
    ("127.0.0.1,10.0.0.1", "loopback"),
    ("10.0.0.1,fe80::1", "of one link"),
    ("10.0.0.1,fd00::1%eth0", "not an IP address"),
    ("10.0.0.1,::1", "loopback"),
    ("10.0.0.1,ff02::1", "multicast"),
    ("10.0.0.1,::ffff:10.0.0.2", "written as IPv6"),
    ("10.0.0.1," + "1" * 1000, "no list"),
    (7, "no list"),
])
def test_what_is_no_address_is_told(given: object, why: str) -> None:
    addresses, problem = encap_ips(given)
    assert addresses == () and why in problem


@given(st.one_of(st.text(max_size=200), st.text("0123456789abcdef.:,% ", max_size=80)))
def test_whatever_is_there_gives_addresses_or_a_problem(text: str) -> None:
    addresses, problem = encap_ips(text)
    assert bool(addresses) != bool(problem) and len(addresses) <= 2
    if addresses:
        assert encap_ips(",".join(addresses)) == (addresses, "")


def test_every_address_is_checked_against_what_the_node_knows_once() -> None:
    asked_for: list[str] = []

    def find(vtep: str, peer: str) -> str:
        asked_for.append(vtep)
        return f"{vtep} is this node's" if vtep == "10.1.0.1" else ""

    check = VtepCheck(find, "192.0.2.1")
    for _ in range(2):
        assert check.problem(("10.0.0.1", "10.1.0.1")) == "10.1.0.1 is this node's"
    assert check.problem(("10.0.0.1",)) == ""
    assert asked_for == ["10.0.0.1", "10.1.0.1", "10.0.0.1"]


def test_a_tunnel_port_takes_the_ends_of_its_path() -> None:
    database = Database()
    far = Endpoint("10.0.0.2")
    ports = [
        TunnelPort(far, "10.0.0.1", "10.0.0.2"),
        TunnelPort(far._replace(path=1), "10.1.0.1", "10.1.0.2"),
    ]
    database.commit(database.diff(SPEC, asked(*ports)))  # First the bridge.
    database.settle(SPEC, asked(*ports))
    rows = {row["name"]: row for row in database.replica.tables["Interface"].values()}
    ends = {
        name: (row["options"]["local_ip"], row["options"]["remote_ip"])
        for name, row in rows.items() if name.startswith("vx")
    }
    assert ends == {
        "vx0a000002": ("10.0.0.1", "10.0.0.2"), "vx0a0000021": ("10.1.0.1", "10.1.0.2"),
    }
    assert rows["vx0a0000021"]["bfd"]["mult"] == "3"
    assert set(database.view.tunnels) == {port.endpoint for port in ports}
    # Other ends of the same path: the port stays.
    moved = TunnelPort(far._replace(path=1), "10.1.0.1", "10.1.0.9")
    operations = database.settle(SPEC, asked(ports[0], moved))
    assert operations and not any("ports" in str(item.get("mutations")) for item in operations)
    assert database.row("Interface", "vx0a0000021")["options"]["remote_ip"] == "10.1.0.9"

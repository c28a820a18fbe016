"""A VTEP with two underlay paths: the switch chooses a tunnel port that is live, by itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from lab.beds.sandbox import Sandbox
from tests.ovs.vrouter.tracing import trace
from vrouter_ovs.encapsulation import VXLAN
from vrouter_ovs.state import (
    BridgedHop,
    Endpoint,
    Evi,
    Flood,
    FloodRemotes,
    LocalPort,
    RemoteMac,
    Tunnel,
    Vrouter,
)
from vrouter_ovs.wire import encode

FIRST, SECOND = "192.0.2.2", "192.0.2.3"
"""The two addresses of the far end; flows name it by the first."""
OTHER = "192.0.2.9"
OWN, GROUP = "02:00:00:00:00:01", "01:00:5e:00:00:09"
HERE, THERE = "52:54:00:00:00:01", "52:54:00:00:00:02"
FLOWS = 64


@pytest.fixture(scope="module")
def switch(sandbox: Sandbox) -> Iterator[Sandbox]:
    sandbox.add_ports(1, 2)
    sandbox.add_underlay()
    sandbox.add_tunnel(22, FIRST)
    sandbox.add_tunnel(23, SECOND)
    sandbox.add_tunnel(29, OTHER)
    yield sandbox


@pytest.fixture
def client(switch: Sandbox):
    found = switch.connect()
    found.clear()
    yield found
    found.close()


def install(client, tunnel: Tunnel) -> None:
    hop, other = BridgedHop(tunnel.endpoint, 100), BridgedHop(Endpoint(OTHER), 100)
    client.install([
        Vrouter(OWN, ((VXLAN, 1450),)), Evi(100), tunnel, Tunnel(Endpoint(OTHER), 29),
        LocalPort("p1", 1, 100, HERE, ((HERE, "10.0.0.1"),)),
        LocalPort("p2", 2, 100, "52:54:00:00:00:05", ()),
        RemoteMac(100, THERE, (hop,)),
        Flood(100, (1, 2)), FloodRemotes(100, (hop, other)),
    ])  # fmt: skip


def to(switch: Sandbox, port: int, destination: str = THERE) -> list:
    return trace(
        switch, f"in_port=p1,tcp,dl_src={HERE},dl_dst={destination},nw_src=10.0.0.1,"
        f"nw_dst=10.0.0.2,nw_ttl=64,tcp_src={port},tcp_dst=80",
    ).sent  # fmt: skip


def taken(switch: Sandbox) -> set[str]:
    """The far addresses that a number of connections are sent to, one each."""
    found = set()
    for port in range(1, FLOWS):
        ((vtep, vni),) = to(switch, port)
        assert vni == 100
        found.add(vtep)
    return found


def set_live(switch: Sandbox, ofport: int, is_live: bool) -> None:
    """Nobody answers BFD at the far end, so a port is not live while BFD is on."""
    on = "false" if is_live else "true"
    switch.vsctl("set", "interface", f"t{ofport}", f"bfd:enable={on}")
    # A switch looks at its ports when one of them has changed; a BFD session that is over tells
    # nothing.
    for state in ("down", "up"):
        switch.appctl("netdev-dummy/set-admin-state", "p2", state)


def eventually(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


@pytest.fixture(autouse=True)
def live_again(switch: Sandbox) -> Iterator[None]:
    for ofport in (22, 23):
        set_live(switch, ofport, True)
    yield


def test_both_paths_carry_traffic_and_a_connection_keeps_its_own(switch, client):
    install(client, Tunnel(Endpoint(FIRST), 22, (23,), spread=True))
    assert taken(switch) == {FIRST, SECOND}
    assert [to(switch, 7) for _ in range(3)] == [to(switch, 7)] * 3


def test_a_path_that_fails_is_left_and_taken_again_without_a_node(switch, client):
    tunnel = Tunnel(Endpoint(FIRST), 22, (23,), spread=True)
    install(client, tunnel)
    before = client.read_flows()
    for ofport, left in ((22, SECOND), (23, FIRST)):
        set_live(switch, ofport, False)
        eventually(lambda left=left: taken(switch) == {left}, f"all to {left}")
        set_live(switch, ofport, True)
        eventually(lambda: taken(switch) == {FIRST, SECOND}, "both again")
    assert client.read_flows() == before


def test_one_that_is_preferred_takes_everything_while_it_is_live(switch, client):
    install(client, Tunnel(Endpoint(FIRST), 23, (22,)))
    assert taken(switch) == {SECOND}
    set_live(switch, 23, False)
    eventually(lambda: taken(switch) == {FIRST}, "the other")


def test_what_the_datapath_matches_does_not_depend_on_which_are_live(switch, client):
    """Else flows of before and after would overlap, and a userspace datapath change the wrong
    one."""
    packet = (
        f"in_port=p1,tcp,dl_src={HERE},dl_dst={THERE},nw_src=10.0.0.1,nw_dst=10.0.0.2,nw_ttl=64,"
        "tcp_src=7,tcp_dst=80"
    )

    def matched() -> list[str]:
        found = switch.trace(packet).splitlines()
        return [line for line in found if line.startswith("Megaflow:")]

    both = Tunnel(Endpoint(FIRST), 22, (23,), spread=True)
    install(client, both)
    before = matched()
    assert "tp_src=7" in before[-1]
    for tunnel in (Tunnel(Endpoint(FIRST), 23, (22,)), both):
        install(client, tunnel)
        assert matched() == before
        set_live(switch, 22, False)
        eventually(lambda: (SECOND, 100) in to(switch, 7), "the other path")
        assert matched() == before
        set_live(switch, 22, True)


def test_where_none_is_live_one_takes_everything_all_the_same(switch, client):
    """The far end's switch may be starting again over a datapath that forwards on."""
    install(client, Tunnel(Endpoint(FIRST), 22, (23,), spread=True))
    set_live(switch, 22, False)
    set_live(switch, 23, False)
    eventually(lambda: taken(switch) == {FIRST}, "as a single tunnel does")


def test_a_copy_for_all_goes_to_each_vtep_once(switch, client):
    install(client, Tunnel(Endpoint(FIRST), 22, (23,), spread=True))
    for port in range(1, 9):
        sent = to(switch, port, GROUP)
        assert len(sent) == 3 and "p2" in sent and (OTHER, 100) in sent
        assert ((FIRST, 100) in sent) != ((SECOND, 100) in sent)
    set_live(switch, 22, False)
    eventually(lambda: (SECOND, 100) in to(switch, 1, GROUP), "by the other path")


def test_what_came_by_either_path_enters_no_tunnel_again(switch, client):
    install(client, Tunnel(Endpoint(FIRST), 22, (23,), spread=True))
    for vtep, ofport in ((FIRST, 22), (SECOND, 23)):
        found = trace(
            switch, f"in_port={ofport},tun_id=100,tun_src={vtep},tun_dst=192.0.2.1,tcp,"
            f"dl_src={THERE},dl_dst={GROUP},nw_src=10.0.0.2,nw_dst=10.0.0.1,nw_ttl=64",
        )  # fmt: skip
        assert found.sent == ["p1", "p2"]
        back = trace(
            switch, f"in_port={ofport},tun_id=100,tun_src={vtep},tun_dst=192.0.2.1,tcp,"
            f"dl_src=52:54:00:00:00:09,dl_dst={THERE},nw_src=10.0.0.2,nw_dst=10.0.0.1,nw_ttl=64",
        )  # fmt: skip
        assert back.sent == []


def test_a_packet_passes_the_datapath_once(switch, client):
    install(client, Tunnel(Endpoint(FIRST), 22, (23,), spread=True))
    text = switch.trace(
        f"in_port=p1,tcp,dl_src={HERE},dl_dst={THERE},nw_src=10.0.0.1,nw_dst=10.0.0.2,nw_ttl=64"
    )
    assert "recirc(" not in text


def test_a_path_that_comes_goes_or_is_numbered_anew_touches_the_flows_of_its_vtep_alone():
    """Flows of a VTEP with one path are what they always were, and hops do not change."""
    endpoint = Endpoint(FIRST)
    one = {flow.key: flow for flow in encode.encode_object(Tunnel(endpoint, 22))}
    two = {
        flow.key: flow
        for flow in encode.encode_object(Tunnel(endpoint, 22, (23,), spread=True))
    }
    assert len(one) == 1 and len(two) == 3 and one.keys() < two.keys()
    moved = encode.encode_object(Tunnel(endpoint, 22, (33,), spread=True))
    assert sum(two[flow.key] != flow for flow in moved) == 1
    preferred = encode.encode_object(Tunnel(endpoint, 22, (23,)))
    assert sum(two[flow.key] != flow for flow in preferred) == 2

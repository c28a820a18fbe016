"""VTEPs with IPv6 addresses beside those with IPv4: each packet goes to its own, copies too."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab.beds.sandbox import BRIDGE, OpenFlow, Sandbox
from ryu_apps.cli.trace.ofproto import parse
from tests.ovs.vrouter.tracing import Outcome, trace
from vrouter_ovs.encapsulation import ENCAPSULATIONS
from vrouter_ovs.state import (
    BridgedHop,
    Endpoint,
    Evi,
    Flood,
    FloodRemotes,
    Gateway,
    LocalPort,
    RemoteHop,
    RemoteMac,
    Route,
    Tunnel,
    Vrf,
    Vrouter,
    flood_parts,
)

SIX, SEVEN, FOUR = "fd00:16::2", "fd00:16::3", "192.0.2.2"
OWN, GW, THEIRS = "02:00:00:00:00:01", "02:00:00:00:00:fe", "02:00:00:00:00:02"
TUNNELS = {
    Endpoint(SIX): 22, Endpoint(SEVEN): 23, Endpoint(FOUR): 24, Endpoint(SIX, "geneve"): 32,
    Endpoint(SIX, "nvgre"): 42, Endpoint(SIX, "mpls-in-gre"): 52,
}
HOPS = list(TUNNELS)
COPIES = [Endpoint(SIX), Endpoint(FOUR), Endpoint(SEVEN), Endpoint(SIX, "geneve"), Endpoint(FOUR)]


def mac(number: int) -> str:
    return f"52:54:00:00:00:{number:02x}"


@pytest.fixture(scope="module")
def vrouter(sandbox: Sandbox) -> Iterator[Sandbox]:
    sandbox.add_ports(1)
    sandbox.add_underlay()
    for (vtep, encap, _), port in TUNNELS.items():
        options = ("packet_type=legacy_l3",) if encap == "mpls-in-gre" else ()
        sandbox.add_tunnel(port, vtep, ENCAPSULATIONS[encap].ovs.interface_type, *options)
    client = sandbox.connect()
    client.install([
        Vrouter(OWN, (("geneve", 1430), ("mpls-in-gre", 1438), ("nvgre", 1438), ("vxlan", 1430))),
        Evi(100), Vrf(900, OWN), Gateway(100, 900, GW, ("10.0.0.1",)),
        LocalPort("p1", 1, 100, mac(1), ((mac(1), "10.0.0.11"),)),
        *(Tunnel(endpoint, port) for endpoint, port in TUNNELS.items()),
        *(RemoteMac(100, mac(0x70 + n), (BridgedHop(hop, 100),)) for n, hop in enumerate(HOPS)),
        *(Route(900, f"10.{n}.0.0/16", (RemoteHop(hop, 900, THEIRS),))
          for n, hop in enumerate(HOPS, 1)),
        Route(900, "10.99.0.0/16", tuple(RemoteHop(Endpoint(vtep), 900, THEIRS)
                                         for vtep in (SIX, SEVEN, FOUR))),
        Flood(100, (1,)), FloodRemotes(100, tuple(BridgedHop(hop, 100) for hop in COPIES)),
    ])  # fmt: skip
    client.close()
    yield sandbox


def sent(outcome: Outcome) -> list[Endpoint]:
    return [Endpoint(one.dst, one.encap) for one in parse(outcome.text, BRIDGE).tunnels]


def to(vrouter: Sandbox, dst_mac: str, dst: str) -> Outcome:
    return trace(vrouter, f"in_port=p1,tcp,dl_src={mac(1)},dl_dst={dst_mac},nw_src=10.0.0.11,"
                          f"nw_dst={dst},nw_ttl=64")


def test_each_goes_to_its_vtep(vrouter: Sandbox) -> None:
    for number, endpoint in enumerate(HOPS):
        assert sent(to(vrouter, mac(0x70 + number), "10.0.0.70")) == [endpoint]
        assert sent(to(vrouter, GW, f"10.{number + 1}.0.1")) == [endpoint]


def test_equal_hops_of_both_families(vrouter: Sandbox) -> None:
    found = {sent(to(vrouter, GW, f"10.99.0.{number}"))[0].vtep for number in range(1, 60)}
    assert found == {SIX, SEVEN, FOUR}


def test_copies_to_both_families(vrouter: Sandbox) -> None:
    outcome = to(vrouter, "01:00:5e:00:00:05", "224.0.0.5")
    assert sent(outcome) == COPIES, outcome.text


def test_all_of_it_reads_back(openflow: OpenFlow) -> None:
    remotes = FloodRemotes(
        7, tuple(BridgedHop(Endpoint(f"fd00:16::{n:x}"), 7) for n in range(2, 2000)))
    wanted = openflow.install([
        Vrouter(OWN), Tunnel(Endpoint(SIX), 22), Tunnel(Endpoint(SIX, "mpls-in-gre"), 23, (24,)),
        RemoteMac(7, mac(9), (BridgedHop(Endpoint(SIX), 70000),)),
        Route(8, "10.9.0.0/16", tuple(RemoteHop(Endpoint(vtep, "geneve"), 8, THEIRS)
                                      for vtep in (SIX, SEVEN))),
        remotes, flood_parts(remotes),
    ])
    assert openflow.read_flows() == wanted

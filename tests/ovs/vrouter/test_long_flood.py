"""A network with many ports on one hypervisor: what is for all reaches all, whatever the number of
tables that a copy passes; through the datapath of a real switch."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import pytest

from lab.beds.sandbox import OpenFlow, Sandbox
from lab.traffic import packets as p
from tests.hops import bridged
from vrouter_ovs.state import (
    EGRESS,
    INGRESS,
    Endpoint,
    Evi,
    Flood,
    FloodRemotes,
    LocalPort,
    Policy,
    Rule,
    Tunnel,
    Vrouter,
    flood_parts,
)
from vrouter_ovs.wire.buckets import encode_group
from vrouter_ovs.wire.encode import encode_object

PORTS, LABELS = 900, 1000
STATELESS, TRACKED = 0x55, 0x44
KINDS = {"no set": 0, "stateless": STATELESS, "tracked": TRACKED}
VTEP = "192.0.2.2"
REMOTES = FloodRemotes(100, tuple(bridged(VTEP, 100 + n) for n in range(LABELS)))
"""Where a VTEP has several EVIs of a network it gets a copy for each."""
LOCAL = Flood(100, tuple(range(1, PORTS + 1)))


def mac(number: int) -> str:
    return f"52:54:00:00:{number >> 8:02x}:{number & 255:02x}"


def ip4(number: int) -> str:
    return f"10.1.{number >> 8}.{number & 255}"


@pytest.fixture(scope="module")
def crowd(sandbox: Sandbox) -> Sandbox:
    for first in range(1, PORTS + 1, 100):
        sandbox.add_ports(*range(first, first + 100))
    sandbox.add_underlay()
    sandbox.add_tunnel(PORTS + 22, VTEP)
    return sandbox


@pytest.fixture(params=KINDS)
def vrouter(crowd: Sandbox, openflow: OpenFlow, request) -> Iterator[Sandbox]:
    policy = KINDS[request.param]
    numbers = range(1, PORTS + 1)
    openflow.install([
        Vrouter("02:00:00:00:00:01"), Evi(100), Tunnel(Endpoint(VTEP), PORTS + 22),
        Policy(STATELESS, stateful=False), Policy(TRACKED),
        *(Rule(one, way, 4, stateful=one == TRACKED)
          for one in (STATELESS, TRACKED) for way in (EGRESS, INGRESS)),
        LOCAL, REMOTES, flood_parts(LOCAL), flood_parts(REMOTES),
        *(LocalPort(f"p{n}", n, 100, mac(n), ((mac(n), ip4(n)),), policy=policy)
          for n in numbers),
    ])  # fmt: skip
    yield crowd


def sent(sandbox: Sandbox) -> dict[str, int]:
    """Frames that left by each port."""
    found = {}
    text = sandbox.appctl("dpctl/show", "--statistics")
    for name, count in re.findall(r"port \d+: ([\w-]+).*?TX packets:(\d+)", text, re.S):
        found[name] = int(count)
    return found


FRAMES = {
    "ip": p.ethernet(
        mac(1), p.BROADCAST, p.IPV4,
        p.ipv4(ip4(1), "255.255.255.255", p.UDP,
               p.udp(ip4(1), "255.255.255.255", 4000, 5000, bytes(40)))),
    "multicast": p.ethernet(
        mac(1), "01:00:5e:01:02:03", p.IPV4,
        p.ipv4(ip4(1), "239.1.2.3", p.UDP, p.udp(ip4(1), "239.1.2.3", 4000, 5000, bytes(40)))),
}  # fmt: skip


def test_what_is_for_all_reaches_all(vrouter: Sandbox, openflow: OpenFlow) -> None:
    for frame in FRAMES.values():
        before = sent(vrouter)
        vrouter.appctl("netdev-dummy/receive", "p1", frame.hex())
        wanted = {f"p{n}": int(n > 1) for n in range(1, PORTS + 1)} | {"fabric": LABELS}
        until = time.monotonic() + 20
        while True:
            after = sent(vrouter)
            if all(after[name] - before[name] == count for name, count in wanted.items()):
                break
            missing = [name for name in wanted if after[name] - before[name] != wanted[name]]
            assert time.monotonic() < until, (len(missing), missing[:5])
            time.sleep(0.2)
    # And as the node compares it: byte by byte.
    for parts in (flood_parts(LOCAL), flood_parts(REMOTES)):
        group = encode_group(parts)
        assert openflow.read_groups()[group.id] == group
    flows = openflow.read_flows()
    for flood in (LOCAL, REMOTES):
        assert all(flows[flow.key] == flow for flow in encode_object(flood))

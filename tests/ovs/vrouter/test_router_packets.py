"""The router with real packets: a ping of its addresses in fragments, and what it sends back to the
port that a packet came from."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from lab.traffic import packets as p
from tests.ovs.vrouter.links import link
from tests.ovs.vrouter.policy_bed import EVI, Bed, ip4, ip6, mac
from tests.ovs.vrouter.policy_probes import ALL_OUT, CLIENT, running_bed
from vrouter_ovs.state import (
    EGRESS,
    INGRESS,
    Gateway,
    LocalHop,
    LocalPort,
    Policy,
    Punt,
    Route,
    Rule,
    StateObject,
    Vrf,
)

VRF, OPEN, STATELESS = 900, 0x44, 0x55
GATEWAY = {4: "10.1.0.254", 6: "fd01::fe"}
OTHER = {4: "10.2.0.254", 6: "fd02::fe"}
GW, GW2 = "02:aa:00:00:00:01", "02:aa:00:00:00:02"
SECOND = {4: "10.2.0.1", 6: "fd02::1"}
"""An address of VM 1 in another subnet of its network's router."""
KINDS = {"tracked": OPEN, "stateless": STATELESS, "no set": 0, "no port security": 0}


@pytest.fixture(scope="module")
def running() -> Iterator[Bed]:
    yield from running_bed()


@pytest.fixture(params=KINDS)
def bed(running: Bed, request: pytest.FixtureRequest) -> Bed:
    secure, policy = request.param != "no port security", KINDS[request.param]
    pairs = tuple((mac(1), one) for one in (ip4(1), ip6(1), SECOND[4], SECOND[6]))
    objects: list[StateObject] = [
        *(one for one in running.base({2: CLIENT}) if one.key != ("port", "p1")), *ALL_OUT,
        LocalPort("p1", 1, EVI, mac(1), pairs, secure, policy), Punt("p1", 1),
        Vrf(VRF, "02:00:00:00:00:01"),
        Gateway(EVI, VRF, GW, (GATEWAY[4], GATEWAY[6])),
        Gateway(101, VRF, GW2, (OTHER[4], OTHER[6])),
        Policy(OPEN), Policy(STATELESS, stateful=False),
        *(Rule(policy, way, version, stateful=policy == OPEN)
          for policy in (OPEN, STATELESS) for way in (EGRESS, INGRESS) for version in (4, 6)),
        *(Route(VRF, f"{one}/{32 if ':' not in one else 128}",
                (LocalHop(1, EVI, mac(1), GW2 if one in SECOND.values() else GW),))
          for _, one in pairs),
    ]  # fmt: skip
    running.program([])
    running.forget()
    running.openflow.make_meters() if not running.openflow.read_meters() else None
    running.program(objects)
    return running


def icmp(version: int, source: str, target: str, body: bytes, limit: int = 64) -> bytes:
    """An IP packet with an echo request."""
    echo = b"\0\7\0\1" + body
    if version == 6:
        return p.ipv6(source, target, p.ICMPV6, p.icmpv6(source, target, 128, echo), limit)
    whole = b"\x08\0\0\0" + echo
    sum_ = p.checksum(whole).to_bytes(2, "big")
    return p.ipv4(source, target, p.ICMP, whole[:2] + sum_ + whole[4:], ttl=limit)


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("size", [1422, 1500, 3000, 20000])
def test_a_ping_of_a_gateway_in_fragments(bed: Bed, version: int, size: int) -> None:
    """The guest's own ping compares what comes back."""
    at = ip6(1) if version == 6 else ip4(1)
    with bed.inside(1):
        for address, mac_address in ((GATEWAY[version], GW), (OTHER[version], GW)):
            done = _run("ip", "neigh", "replace", address, "lladdr", mac_address, "dev", "eth0")
            assert not done.returncode, done.stderr
            device = (f"{SECOND[version]}/{24 if version == 4 else 64}",)
            _run("ip", "address", "replace", *device, "dev", "eth0")
            done = _run("ping", "-c3", "-i0.2", "-W5", f"-s{size}", "-I", at, address)
            assert " 3 received" in done.stdout, done.stdout + done.stderr


def _run(*words: str):
    import subprocess

    return subprocess.run(words, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("version", [4, 6])
def test_what_is_routed_may_go_back(bed: Bed, version: int) -> None:
    source = ip4(1) if version == 4 else ip6(1)
    kind = p.IPV4 if version == 4 else p.IPV6
    packet = icmp(version, source, SECOND[version], b"there and back")
    with closing(link(bed, 1)) as own:
        own.send(p.ethernet(mac(1), GW, kind, packet))
        wanted = p.ethernet(GW2, mac(1), kind,
                            icmp(version, source, SECOND[version], b"there and back", 63))
        until = time.monotonic() + 5
        while True:
            frame, where = own.recvfrom(65535)
            if where[2] != socket.PACKET_OUTGOING and frame[6:12] == p.mac_bytes(GW2):
                assert frame == wanted
                break
            assert time.monotonic() < until


def test_what_is_bridged_never_does(bed: Bed) -> None:
    with closing(link(bed, 1)) as own:
        own.send(p.ethernet(mac(1), mac(1), p.IPV4, icmp(4, ip4(1), SECOND[4], b"to myself")))
        own.send(p.ethernet(mac(1), GW, p.IPV4, icmp(4, ip4(1), SECOND[4], b"by the router")))
        while True:
            frame, where = own.recvfrom(65535)
            if where[2] != socket.PACKET_OUTGOING and b"myself" in frame:
                raise AssertionError("it came back")
            if where[2] != socket.PACKET_OUTGOING and b"router" in frame:
                break

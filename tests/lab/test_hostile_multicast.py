"""Mutated IGMP and MLD through a real switch.

In a network that does not snoop, reports and queries are multicast, flooded like any other, and
never punted.  Hence they must cost their neighbours no packet, and node and switch no memory.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.tenants import Tenant, new_tenant
from lab.topology import Lab
from lab.traffic import packets as f
from lab.traffic.inside import link
from lab.traffic.ping import PingStream
from lab.wait import wait_until

LAYOUT = (("web1", "hv1"), ("web2", "hv1"), ("web3", "hv3"))
PACKETS, BURST = 20_000, 20
NODE_LIMIT, SWITCH_LIMIT = 16 << 20, 64 << 20
"""Bytes of memory that the second run of packets may add to what the first one took."""


@pytest.fixture(scope="module")
def tenant(lab: Lab) -> Iterator[Tenant]:
    made = new_tenant("groups", lab.nodes["node1"].client)
    made.create_vms(lab, LAYOUT)
    # Its link-local addresses too, which a port with an IPv6 address has by itself.
    pairs = [{"ip_address": "fe80::/10"}]
    made.client.update("port", made.vms["web1"].port.id, allowed_address_pairs=pairs)
    made.wait_active()
    made.wait_reachable()
    yield made
    for name in list(made.vms):
        made.remove_vm(lab, name)


def frames_of(mac: str, ip4: str, local: str) -> list[bytes]:
    """Queries, reports and leaves of IGMPv1 to v3 and MLDv1 and v2, with their router alert."""
    found = []
    record = b"\4\0\0\1" + f.ip_bytes("239.1.1.1") + f.ip_bytes("10.0.1.9")
    third = b"\x22\0\0\0\0\0\0\1" + record
    third = third[:2] + f.checksum(third).to_bytes(2, "big") + third[4:]
    for group, message in (
        *(("224.0.0.1", f.igmp(kind, "239.1.1.1")) for kind in (0x11, 0x12, 0x16, 0x17)),
        ("224.0.0.22", third),
    ):
        packet = f.ipv4(ip4, group, f.IGMP, message, options=b"\x94\4\0\0", ttl=1)
        found.append(f.ethernet(mac, f.multicast_mac(group), f.IPV4, packet))
    group, alert = f.ip_bytes("ff05::1:3"), bytes((f.ICMPV6, 0, 5, 2, 0, 0, 1, 0))
    record = b"\4\0\0\1" + group + f.ip_bytes("fd00::9")
    for kind, body in ((130, group), (131, group), (132, group), (143, b"\0\1" + record)):
        message = f.icmpv6(local, "ff02::16", kind, bytes(4 if kind != 143 else 2) + body)
        packet = f.ipv6(local, "ff02::16", f.HOP_BY_HOP, alert + message, 1)
        found.append(f.ethernet(mac, f.multicast_mac("ff02::16"), f.IPV6, packet))
    return found


def mutated(frame: bytes, rng: random.Random) -> bytes:
    """Behind the Ethernet header, so that it is taken from the VM; seldom at all."""
    data = bytearray(frame)
    for _ in range(rng.choice((0, 1, 1, 2, 4))):
        at = rng.randrange(14, len(data))
        act = rng.randrange(4)
        if act == 0:
            data[at] = rng.choice((0, 1, 127, 128, 254, 255, rng.randrange(256)))
        elif act == 1:
            data[at] ^= 1 << rng.randrange(8)
        elif act == 2:
            data[at:at] = rng.randbytes(rng.randrange(1, 200))
        elif len(data) > 40:
            del data[at : at + rng.randrange(1, 16)]
    return bytes(data[:1400])


def memory(pid: int) -> int:
    text = Path(f"/proc/{pid}/status").read_text()
    return int(text.partition("VmRSS:")[2].split()[0]) << 10


def test_mutated_reports(lab: Lab, tenant: Tenant) -> None:
    attacker, victim = tenant.vms["web1"], tenant.vms["web2"]
    node, switch = lab.nodes["node1"].daemon, lab.hypervisors["hv1"].switch
    client = lab.nodes["node1"].client
    raw = f.mac_bytes(attacker.port.mac)
    half = (raw[0] ^ 2).to_bytes(1, "big") + raw[1:3] + b"\xff\xfe" + raw[3:]
    local = "fe80::" + ":".join(half[n : n + 2].hex() for n in range(0, 8, 2))
    frames = frames_of(attacker.port.mac, attacker.ip, local)
    rng = random.Random(7)
    punted = client.v1("elements/hv1")["edge"]["punted"]
    streams = [PingStream(victim.space, tenant.vms["web3"].ip, interval=0.05, wait=5)]

    def run() -> tuple[int, int]:
        with link(attacker.space) as out:
            for number in range(PACKETS):
                out.send(mutated(rng.choice(frames), rng))
                if number % BURST == BURST - 1:
                    time.sleep(0.005)
        time.sleep(1)
        return memory(node.pid), memory(switch.pid)

    streams[0].wait_reply()
    with link(victim.space, listen=True) as ear:
        with link(attacker.space) as out:
            for frame in frames:
                out.send(frame)
        ear.settimeout(10)
        # It is flooded: what is not mutated arrives, each once.
        heard: list[bytes] = []

        def all_heard() -> bool:
            frame = ear.recv(2048)
            if frame[6:12] == raw:
                heard.append(frame)
            return {frame for frame in frames} <= set(heard)

        wait_until(all_heard, "the reports to be flooded", 20)
        assert len(heard) == len(frames)
    first = run()
    second = run()
    result = streams[0].stop()
    grown = second[0] - first[0], second[1] - first[1]
    flows = lab.hypervisors["hv1"].appctl("upcall/show")
    said = f"memory after each run: {first}, {second}; ping: {result.sent} sent, {result.lost} lost"
    print(said, flows)
    assert result.sent > 50 and result.lost <= result.sent // 100, said
    assert grown[0] < NODE_LIMIT and grown[1] < SWITCH_LIMIT, said
    # A bit of a listener's "done" makes it a router solicitation: a handful, no more.
    punted = client.v1("elements/hv1")["edge"]["punted"] - punted
    assert punted <= PACKETS // 500, f"{punted} of it were punted"
    assert client.health()["status"] == "ok"

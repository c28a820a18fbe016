"""What tests of policy sets ask of VMs: does this arrive, and does its answer come back?"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

from tests.ovs.vrouter.policy_bed import Bed, ip4, ip6
from vrouter_ovs.state import EGRESS, Membership, Page, Policy, Rule, StateObject
from vrouter_ovs.wire import encode

TCP, UDP, ICMP, ICMPV6 = 6, 17, 1, 58
CLIENT, SERVER, BARE, LAST = 0x11, 0x22, 0x33, 0x7FFFFFFF
PAGE, BIT, OTHER_BIT = 0x2AAAAAAA, 37, 101
"""Where two groups are that rules name."""
WAIT = 0.3
"""Seconds after which what did not arrive was dropped."""
ALL_OUT = [Policy(CLIENT), Rule(CLIENT, EGRESS, 4), Rule(CLIENT, EGRESS, 6)]


def asks(policy: int, direction: str, stateful: bool = True) -> Membership:
    """What a set needs whose rules name a group."""
    return Membership(policy, direction, (Page(PAGE),), stateful)


def of_group(
    policy: int, direction: str, version: int, *upper: int, stateful: bool = True
) -> Rule:
    """A rule that names the group with the bit BIT."""
    return replace(
        Rule(policy, direction, version, *upper, stateful=stateful), group="g", page=PAGE, bit=BIT
    )


def running_bed() -> Iterator[Bed]:
    bed = Bed(4)
    try:
        bed.start()
        yield bed
    finally:
        bed.stop()


def emptied(bed: Bed) -> Iterator[Bed]:
    """The same bed without flows and connections."""
    bed.program([])
    bed.forget()
    yield bed
    assert bed.alive(), "ovs-vswitchd died"


def program(bed: Bed, *rules: StateObject, policies: dict[int, int] | None = None) -> None:
    """VM 1 may send anything and receive nothing; VM 2 has the set SERVER with ``rules``."""
    policies = {1: CLIENT, 2: SERVER} if policies is None else policies
    bed.program([*bed.base(policies), *ALL_OUT, Policy(SERVER), *rules])


def address(number: int, version: int) -> str:
    return ip4(number) if version == 4 else ip6(number)


def listener(bed: Bed, number: int, port: int, version: int = 4) -> socket.socket:
    server = bed.socket(number, version=version)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.settimeout(10)
    server.bind(("", port))
    server.listen(64)
    return server


def connect(
    bed: Bed, source: int, target: int, port: int, version: int = 4, wait: float = 10
) -> tuple[socket.socket, socket.socket] | None:
    """Both ends of a TCP connection, or None where no answer came."""
    with closing(listener(bed, target, port, version)) as server:
        client = bed.socket(source, version=version)
        client.settimeout(wait)
        try:
            client.connect((address(target, version), port))
        except TimeoutError:
            client.close()
            return None
        client.settimeout(10)
        accepted, _ = server.accept()
        accepted.settimeout(10)
        return client, accepted


def reaches(
    bed: Bed, source: int, target: int, port: int, version: int = 4, wait: float = 10
) -> bool:
    """Whether a TCP connection comes about within ``wait`` seconds and carries data both ways."""
    ends = connect(bed, source, target, port, version, wait)
    if ends is None:
        return False
    for one, other in (ends, reversed(ends)):
        one.sendall(b"hello")
        assert other.recv(5) == b"hello"
    for end in ends:
        end.close()
    return True


def datagram(
    bed: Bed, source: int, target: int, port: int, version: int = 4, size: int = 100,
    wait: float = 10,
) -> bool:  # fmt: skip
    """Whether a datagram of ``size`` bytes arrives and its answer comes back."""
    with closing(bed.socket(target, socket.SOCK_DGRAM, version)) as server, closing(
        bed.socket(source, socket.SOCK_DGRAM, version)
    ) as client:
        server.bind(("", port))
        server.settimeout(wait)
        client.settimeout(10)
        data = bytes(range(256)) * (size // 256 + 1)
        client.sendto(data[:size], (address(target, version), port))
        try:
            found, sender = server.recvfrom(1 << 16)
        except TimeoutError:
            return False
        assert found == data[:size]
        server.sendto(found, sender)
        assert client.recv(1 << 16) == found
        return True


def checksum(data: bytes) -> int:
    data += bytes(len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total >> 16) + (total & 0xFFFF)
    return total ^ 0xFFFF


def ping(
    bed: Bed, source: int, target: int, version: int = 4, size: int = 56, wait: float = 10
) -> bool:
    kind, protocol = (8, socket.IPPROTO_ICMP) if version == 4 else (128, socket.IPPROTO_ICMPV6)
    family = socket.AF_INET if version == 4 else socket.AF_INET6
    with bed.inside(source), closing(socket.socket(family, socket.SOCK_RAW, protocol)) as raw:
        raw.settimeout(wait)
        body = struct.pack("!BBHHH", kind, 0, 0, 77, 1) + bytes(size)
        if version == 4:
            body = body[:2] + struct.pack("!H", checksum(body)) + body[4:]
        raw.sendto(body, (address(target, version), 0))
        try:
            while True:
                answer = raw.recv(1 << 16)
                answer = answer[20:] if version == 4 else answer
                if answer[0] == (0 if version == 4 else 129):
                    return answer[4:8] == body[4:8] and len(answer) == len(body)
        except TimeoutError:
            return False


def hits(bed: Bed, obj: StateObject) -> int:
    """Packets that the flows of an object in the table of rules have seen."""
    text = bed.ofctl("dump-flows", f"cookie={encode.cookie(obj.key):#x}/-1,table=policy")
    return sum(
        int(word[len("n_packets=") : -1]) for word in text.split() if word.startswith("n_packets=")
    )

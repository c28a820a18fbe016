"""The service of ICMP errors: which address answers, what is answered and what is not."""

from __future__ import annotations

import queue
from dataclasses import replace

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ryu_apps import settings
from ryu_apps.southbound.services import icmp_errors
from ryu_apps.southbound.services.icmp_errors import NO_ADDRESS4, answer
from ryu_apps.southbound.services.packet_in import PuntDispatcher
from tests.property.world_model import DEEPER
from tests.unit.northbound.api_client import Node
from tests.unit.southbound.packet_in_support import eventually
from vrouter_ovs.addresses import address_bytes, mac_bytes
from vrouter_ovs.edge import EdgePort, Lease4, Lease6, PuntReason
from vrouter_ovs.proxies import packet
from vrouter_ovs.proxies.build import build_ip4, build_udp4, build_udp6
from vrouter_ovs.proxies.packet import Malformed
from vrouter_ovs.schema.registers import REGISTERS
from vrouter_ovs.wire import encode

MAC, GATEWAY_MAC, SERVICE_MAC = "fa:16:3e:00:00:11", "fa:16:3e:00:00:01", "02:56:4e:00:00:64"
PORT = EdgePort(
    "p", "n", 5, 100, MAC, GATEWAY_MAC, SERVICE_MAC, 1400,
    v4=(Lease4("10.0.1.11", 24, "10.0.1.1", "10.0.1.1", router_mac=GATEWAY_MAC),
        Lease4("10.0.5.11", 24, "10.0.5.1", "10.0.5.1", router_mac=GATEWAY_MAC)),
    v6=(Lease6("fd00:1::11", "fd00:1::/64", "fe80::1", router_mac=GATEWAY_MAC,
               router="fd00:1::1"),
        Lease6("fd00:5::11", "fd00:5::/64", "fd00:5::1", router_mac=GATEWAY_MAC,
               router="fd00:5::1")),
)  # fmt: skip
ISLAND = replace(
    PORT, gateway_mac="", v4=(Lease4("10.0.9.2", 28, "", "10.0.9.14"),),
    v6=(Lease6("fd00:9::2", "fd00:9::/64", ""),),
)  # fmt: skip
BARE = replace(ISLAND, v4=(), v6=())
LINK_LOCAL, SERVICE_LINK_LOCAL = "fe80::f816:3eff:fe00:1", "fe80::56:4eff:fe00:64"


def udp(source: str, target: str, size: int = 1432, port: int = 33434, dst: str = GATEWAY_MAC,
        src: str = MAC) -> bytes:  # fmt: skip
    build = build_udp6 if ":" in source else build_udp4
    return build(mac_bytes(dst), mac_bytes(src), address_bytes(source), address_bytes(target),
                 40000, port, bytes(size))  # fmt: skip


def parts(frame: bytes) -> tuple[str, str, tuple[int, int], int]:
    """(source, destination, (type, code), the MTU field) of an error."""
    if frame[12:14] == b"\x86\xdd":
        message = packet.icmp6(frame)
        source, target, body = message.src, message.dst, message.payload
    else:
        message4 = packet.ip4(frame)
        source, target = message4.src, message4.dst
        body = message4.packet[message4.header :]
        assert packet.checksum(body) == 0
    return text(source), text(target), (body[0], body[1]), int.from_bytes(body[4:8], "big")


def text(raw: bytes) -> str:
    return str(packet.ipaddress.ip_address(raw))


@pytest.mark.parametrize(
    ("port", "source", "gateway"),
    [
        (PORT, "10.0.1.11", "10.0.1.1"), (PORT, "10.0.5.11", "10.0.5.1"),
        # From an allowed address pair: the first of the family.
        (PORT, "192.0.2.7", "10.0.1.1"), (PORT, "2001:db8::7", "fd00:1::1"),
        (PORT, "fd00:1::11", "fd00:1::1"), (PORT, "fd00:5::11", "fd00:5::1"),
        (PORT, "fe80::f816:3eff:fe00:11", LINK_LOCAL),
        (ISLAND, "10.0.9.2", "10.0.9.14"), (ISLAND, "fd00:9::2", SERVICE_LINK_LOCAL),
        (BARE, "10.0.9.2", NO_ADDRESS4), (BARE, "fd00:9::2", SERVICE_LINK_LOCAL),
    ],
)  # fmt: skip
def test_who_answers(port: EdgePort, source: str, gateway: str) -> None:
    six = ":" in source
    frame = udp(source, "fd09::9" if six else "10.9.0.9")
    protocol, said = answer(frame, port, 1450, PuntReason.TOO_BIG)
    assert (protocol, said.kind) == ("icmpv6" if six else "icmp", "too-big")
    (reply,) = said.frames
    answering = mac_bytes(port.gateway_mac or SERVICE_MAC)
    assert reply[:12] == mac_bytes(MAC) + answering
    # The limit is the overlay's, not that of the network.
    kind = (2, 0) if six else (3, 4)
    assert parts(reply) == (gateway, source, kind, 1450)


@pytest.mark.parametrize("source, target, headers", [
    ("10.0.1.11", "10.9.0.9", 28), ("fd00:1::11", "fd09::9", 48)])
def test_the_limit_of_an_ipv6_underlay(source: str, target: str, headers: int) -> None:
    """What IPv4's header leaves room for was too big: the tunnel is over IPv6."""
    for size, limit in ((1451, 1450), (1450, 1430), (1431, 1430)):
        _, said = answer(udp(source, target, size - headers), PORT, 1450, PuntReason.TOO_BIG)
        assert parts(said.frames[0])[3] == limit


@pytest.mark.parametrize(
    ("why", "kind", "four", "six"),
    [
        (PuntReason.TIME_EXCEEDED, "time-exceeded", (11, 0), (3, 0)),
        (PuntReason.UNREACHABLE, "net-unreachable", (3, 0), (1, 0)),
        (PuntReason.TO_GATEWAY, "port-unreachable", (3, 3), (1, 4)),
    ],
)
def test_kinds(why: PuntReason, kind: str, four: tuple, six: tuple) -> None:
    asked = {"10.0.1.11": "10.0.5.1", "fd00:1::11": "fd00:5::1"}
    for (source, target), wanted in zip(asked.items(), (four, six), strict=True):
        _, said = answer(udp(source, target, 20), PORT, 1450, why)
        assert said.kind == kind
        # What the gateway itself refuses comes from the address that was asked.
        gateway = target if why == PuntReason.TO_GATEWAY else {4: "10.0.1.1", 6: "fd00:1::1"}[
            6 if ":" in source else 4
        ]
        assert parts(said.frames[0]) == (gateway, source, wanted, 0)


def test_to_the_mac_that_it_came_from() -> None:
    """An allowed address pair may have one of its own."""
    other = "fa:16:3e:00:00:99"
    _, said = answer(udp("10.0.1.99", "10.9.0.9", src=other), PORT, 1450, PuntReason.TIME_EXCEEDED)
    assert said.frames[0][:6] == mac_bytes(other)


def test_what_is_not_answered() -> None:
    fits = udp("10.0.1.11", "10.9.0.9", 1402)
    assert len(fits) == 14 + 1430
    # In a tunnel over either family.
    for frame, why, reason in (
        (fits, PuntReason.TOO_BIG, "fits"),
        *((udp("10.0.1.11", "10.0.1.1", 20, port), PuntReason.TO_GATEWAY, "a service")
          for port in (53, 67)),
        (udp("fd00:1::11", "fd00:1::1", 20, 547), PuntReason.TO_GATEWAY, "a service"),
        (build_ip4(mac_bytes(GATEWAY_MAC), mac_bytes(MAC), address_bytes("10.0.1.11"),
                          address_bytes("10.0.1.1"), 1, bytes(8)),
         PuntReason.TO_GATEWAY, "neither UDP nor TCP"),
        (udp("10.0.1.11", "239.1.1.1", 20), PuntReason.UNREACHABLE, "no unicast destination"),
        (bytes(12) + b"\x08\x06" + bytes(28), PuntReason.TOO_BIG, "not IP"),
    ):  # fmt: skip
        _, said = answer(frame, PORT, 1450, why)
        assert said.kind == "ignored" and reason in said.reason, said


def test_malformed_says_of_which_protocol() -> None:
    for frame, word in (
        (udp("10.0.1.11", "10.9.0.9")[:40], "icmp: "), (udp("fd00:1::11", "fd09::9")[:60],
                                                       "icmpv6: "), (b"", "icmp: "),
    ):  # fmt: skip
        for why in icmp_errors.KINDS:
            with pytest.raises(Malformed, match=word):
                answer(frame, PORT, 1450, why)


@hypothesis.settings(max_examples=300 * DEEPER, deadline=None)
@given(
    st.sampled_from((udp("10.0.1.11", "10.0.1.1", 20), udp("fd00:1::11", "fd09::9"))),
    st.lists(st.tuples(st.integers(0, 80), st.integers(0, 255)), max_size=6),
    st.integers(0, 1600), st.sampled_from((PORT, ISLAND, BARE)),
    st.sampled_from(sorted(icmp_errors.KINDS)),
)  # fmt: skip
def test_mutated_frames_raise_nothing_else(
    frame: bytes, changes: list[tuple[int, int]], end: int, port: EdgePort, why: PuntReason
) -> None:
    mutated = bytearray(frame)
    for place, value in changes:
        mutated[place % len(mutated)] = value
    for raw in (bytes(mutated), bytes(mutated[:end])):
        try:
            _, said = answer(raw, port, 1450, why)
        except Malformed:
            continue
        assert len(said.frames) == (said.kind != "ignored")


def packet_in(frame: bytes, why: PuntReason) -> bytes:
    fields = b"\x80\0\0\4" + (5).to_bytes(4, "big")
    fields += REGISTERS["punt_reason"].header.to_bytes(4, "big") + why.to_bytes(4, "big")
    match = b"\0\1" + (4 + len(fields)).to_bytes(2, "big") + fields
    match += bytes(-len(match) % 8)
    body = b"\xff" * 4 + len(frame).to_bytes(2, "big") + b"\1\0"
    body += encode.COOKIE_BASE.to_bytes(8, "big") + match + b"\0\0" + frame
    return b"\5\12" + (8 + len(body)).to_bytes(2, "big") + bytes(4) + body


def test_through_the_worker_and_counted() -> None:
    sent: queue.Queue = queue.Queue()
    punt = PuntDispatcher(lambda *reply: sent.put(reply) or True, icmp_errors.services(1450))
    punt.start()
    try:
        punt.changed("hv1", 5, PORT)
        for why, size in (
            (PuntReason.TOO_BIG, 1432), (PuntReason.TIME_EXCEEDED, 20), (PuntReason.TOO_BIG, 20),
        ):
            punt.punted("hv1", packet_in(udp("10.0.1.11", "10.9.0.9", size), why))
        punt.punted("hv1", packet_in(udp("fd00:1::11", "fd09::9", 1432), PuntReason.TOO_BIG))
        punt.punted("hv1", packet_in(udp("fd00:1::11", "fd09::9")[:70], PuntReason.TOO_BIG))
        for _ in range(3):
            assert sent.get(timeout=20)[:2] == ("hv1", 5)
        eventually(lambda: punt.status("hv1")["malformed"])
        status = punt.status("hv1")
        assert status["answered"] == {
            "icmp too-big": 1, "icmp time-exceeded": 1, "icmpv6 too-big": 1,
        }  # fmt: skip
        assert status["ignored"] == {"icmp: fits": 1}
        assert status["malformed"] == {"icmpv6: bad IPv6 payload length": 1}
    finally:
        punt.stop()


# ------------------------------------------------------------ the options


def options(**vpn: int) -> settings.cfg.ConfigOpts:
    conf = settings.cfg.ConfigOpts()
    settings.register(conf)
    conf([])
    for name, value in vpn.items():
        conf.set_override(name, value, "vpn")
    return conf


def test_the_mtu_of_networks_follows_from_the_underlays() -> None:
    assert (settings.overlay_mtu(options()), settings.network_mtu(options())) == (1450, 1450)
    assert settings.network_mtu(options(underlay_mtu=9000)) == 8950
    assert settings.network_mtu(options(underlay_mtu=9000, mtu=1400)) == 1400
    with pytest.raises(settings.SettingsError, match="mtu: 1451 is more than the overlay carries"):
        settings.network_mtu(options(mtu=1451))


def test_a_network_that_asks_for_more_is_refused() -> None:
    node = Node()
    try:
        made = node.make("network", name="a")
        assert made["mtu"] == 1450
        for method, path, body in (
            ("POST", "/v2.0/networks", {"network": {"mtu": 1451}}),
            ("PUT", f"/v2.0/networks/{made['id']}", {"network": {"mtu": 9000}}),
        ):
            said = node.call(method, path, body, status=400)["NeutronError"]
            assert said["type"] == "InvalidInput"
            assert "Requested MTU is too big, maximum is 1450" in said["message"]
        assert node.make("network", mtu=1450)["mtu"] == 1450
    finally:
        node.close()

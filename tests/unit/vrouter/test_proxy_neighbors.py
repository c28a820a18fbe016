"""ARP, neighbor discovery and router advertisements, judged by another library's parser."""

from __future__ import annotations

from dataclasses import replace

import pytest
from os_ken.lib.packet import arp as osken_arp
from os_ken.lib.packet import ethernet, icmpv6, ipv6

from tests.unit.vrouter.advertisements import advertised, layers
from tests.unit.vrouter.proxy_support import (
    ALL_ROUTERS,
    GATEWAY_LINK_LOCAL,
    GATEWAY_MAC,
    LINK_LOCAL,
    MAC,
    PORT,
    arp_request,
    solicit_neighbor,
    solicit_router,
)
from vrouter_ovs.addresses import address_bytes
from vrouter_ovs.edge import Lease6
from vrouter_ovs.proxies import arp, nd, packet, ra
from vrouter_ovs.proxies.build import build_icmp6

ANY = bytes(16)
GATEWAY = "fa:16:3e:00:00:01"


def test_arp_malformed() -> None:
    good = arp_request("10.0.0.1")
    assert arp.sender(good) == (PORT.mac, "10.0.0.5", "used")
    for bad in (good[:41], good[:13], good[:14] + b"\0\6" + good[16:], MAC + good[6:12] + b"\x08\0",
                good[:20] + b"\0\3" + good[22:], good[:22] + bytes(6) + good[28:]):  # fmt: skip
        with pytest.raises(packet.Malformed):
            arp.sender(bad)


def test_gratuitous_arp() -> None:
    layer2, message = layers(arp.gratuitous("10.0.0.7", PORT.mac), ethernet.ethernet,
                             osken_arp.arp)  # fmt: skip
    assert layer2.dst == "ff:ff:ff:ff:ff:ff" and message.src_ip == message.dst_ip == "10.0.0.7"
    assert (message.opcode, message.src_mac) == (1, PORT.mac)


def test_neighbor_advertisement_malformed() -> None:
    good = b"\x88\0\0\0\x60\0\0\0" + address_bytes("fd00::5")

    def sent(message: bytes, hop_limit: int = 255) -> bytes:
        return build_icmp6(GATEWAY_MAC, MAC, LINK_LOCAL, GATEWAY_LINK_LOCAL, message,
                                  hop_limit=hop_limit)  # fmt: skip

    assert nd.target(sent(good)) == (PORT.mac, "fd00::5", "answered")
    cases = {
        "solicitation": solicit_neighbor("fd00::5"),
        "hop limit": sent(good, hop_limit=64),
        "code": sent(b"\x88\1" + good[2:]),
        "cut": sent(good[:20]),
        "empty option": sent(good + bytes(8)),
        "option cut": sent(good + b"\2\2" + MAC),
        "spoofed": sent(good + b"\2\1" + GATEWAY_MAC),
        "multicast": sent(good[:8] + packet.ALL_NODES),
        "unspecified": sent(good[:8] + ANY),
    }
    for frame in cases.values():
        with pytest.raises(packet.Malformed):
            nd.target(frame)


def test_unsolicited_advertisement() -> None:
    layer2, layer3, message = layers(nd.unsolicited("fd00::7", PORT.mac), ethernet.ethernet,
                                     ipv6.ipv6, icmpv6.icmpv6)  # fmt: skip
    assert (layer2.dst, layer3.dst, layer3.src) == ("33:33:00:00:00:01", "ff02::1", "fd00::7")
    assert message.data.res == 0b001 and message.data.option.hw_src == PORT.mac
    packet.icmp6(nd.unsolicited("fd00::7", PORT.mac))


def port_with(ra_mode: str, router_mac: str = GATEWAY, **changes):
    lease = replace(PORT.v6[0], ra_mode=ra_mode, router_mac=router_mac)
    return replace(PORT, v6=(lease,), **changes)


@pytest.mark.parametrize(
    ("mode", "flags", "autonomous"),
    [("slaac", 0b00, 1), ("dhcpv6-stateless", 0b01, 1), ("dhcpv6-stateful", 0b10, 0)],
)
def test_router_advertisement_by_mode(mode, flags, autonomous) -> None:
    answer = ra.answer(solicit_router(), port_with(mode))
    layer2, layer3 = layers(answer.frames[0], ethernet.ethernet, ipv6.ipv6)
    assert (layer2.dst, layer2.src) == (PORT.mac, GATEWAY)
    assert (layer3.src, layer3.hop_limit) == ("fe80::f816:3eff:fe00:1", 255)
    assert layer3.dst == "fe80::f816:3eff:fe00:5"
    head, options = advertised(answer.frames[0])
    assert (head.ch_l, head.res, head.rou_l) == (64, flags, ra.ROUTER_LIFETIME)
    assert options[1] == [b"\1\1" + GATEWAY_MAC]
    assert options[5] == [b"\5\1\0\0" + (1450).to_bytes(4, "big")]
    (prefix,) = options[3]
    assert prefix[2] == 64 and prefix[3] == 0x80 | (0x40 if autonomous else 0)
    assert prefix[16:] == address_bytes("fd00::")
    assert options[25][0][8:] == address_bytes("fd00::1")
    assert options[31][0][8:].rstrip(b"\0") == b"\3red\4test"


def test_router_advertisement_to_the_unspecified_and_periodic() -> None:
    (solicited,) = ra.answer(solicit_router(src=ANY), PORT).frames
    assert (solicited,) == ra.periodic(PORT)
    udp = packet.icmp6(solicited)
    assert udp.dst == packet.ALL_NODES and udp.dst_mac == MAC


def test_no_gateway_means_no_default_route() -> None:
    isolated = replace(PORT, v6=(Lease6("fd00::5", "fd00::/64", "", "slaac", "slaac"),))
    for port in (port_with("slaac", router_mac=""), isolated):
        head, options = advertised(*ra.periodic(port))
        assert head.rou_l == 0 and 3 in options
    none = port_with("")
    assert ra.periodic(none) == () and ra.answer(solicit_router(), none).kind == "ignored"


def test_small_mtu_and_bad_domain_are_left_out() -> None:
    _, options = advertised(*ra.periodic(port_with("slaac", mtu=1000, domain="x" * 70)))
    assert 5 not in options and 31 not in options


def test_router_solicitation_refused() -> None:
    assert ra.answer(solicit_router(mac=GATEWAY_MAC), PORT).reason == "not the port's MAC"
    assert ra.answer(solicit_neighbor("fd00::1"), PORT).kind == "ignored"
    body = b"\x85" + bytes(7)
    for bad in (
        build_icmp6(MAC, MAC, ANY, ALL_ROUTERS, body + b"\1\1" + MAC),
        build_icmp6(MAC, MAC, LINK_LOCAL, ALL_ROUTERS, body, hop_limit=64),
        build_icmp6(MAC, MAC, LINK_LOCAL, ALL_ROUTERS, body + b"\1\0" + MAC),
        solicit_router(option=b"\1\1" + GATEWAY_MAC),
    ):
        with pytest.raises(packet.Malformed):
            ra.answer(bad, PORT)

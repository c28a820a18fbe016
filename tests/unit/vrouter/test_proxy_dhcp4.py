"""DHCPv4 at the edge: every client message, every state, options, sizes, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest
from os_ken.lib.packet import dhcp as osken_dhcp
from os_ken.lib.packet import ethernet, ipv4
from os_ken.lib.packet import packet as osken_packet
from os_ken.lib.packet import udp as osken_udp

from tests.unit.vrouter.proxy_support import GATEWAY_MAC, MAC, PORT, opt4, read4, with_options
from tests.unit.vrouter.proxy_support import dhcp4 as frame
from vrouter_ovs.addresses import address_bytes, mac_bytes
from vrouter_ovs.edge import Lease4
from vrouter_ovs.proxies import packet
from vrouter_ovs.proxies.build import build_udp4
from vrouter_ovs.proxies.dhcp import dhcp4
from vrouter_ovs.proxies.dhcp.dhcp4_options import DHCP4

OWN, SERVER, OTHER = (address_bytes(f"10.0.0.{n}") for n in (5, 1, 6))
ANYONE = b"\xff" * 4


def test_offer_as_another_library_reads_it() -> None:
    answer = dhcp4.answer(frame(1), PORT)
    assert answer.kind == "offer"
    read = osken_packet.Packet(answer.frames[0])
    layer2, layer3 = read.get_protocol(ethernet.ethernet), read.get_protocol(ipv4.ipv4)
    assert (layer2.dst, layer2.src) == (PORT.mac, PORT.gateway_mac)
    assert (layer3.src, layer3.dst) == ("10.0.0.1", "10.0.0.5")
    ports = read.get_protocol(osken_udp.udp)
    assert (ports.src_port, ports.dst_port) == (67, 68)
    message = read.get_protocol(osken_dhcp.dhcp)
    assert (message.op, message.yiaddr, message.chaddr) == (2, "10.0.0.5", PORT.mac)
    options = {option.tag: option.value for option in message.options.option_list}
    assert options[53] == b"\x02" and options[54] == SERVER


def test_offer_options() -> None:
    _, options, message = read4(dhcp4.answer(frame(1), PORT).frames[0])
    assert options[1] == b"\xff\xff\xff\0" and options[3] == SERVER
    assert options[6] == SERVER + address_bytes("10.0.0.2")
    assert options[12] == b"vm1" and options[15] == b"red.test"
    assert options[26] == (1450).to_bytes(2, "big") and options[42] == bytes((10, 0, 0, 9))
    assert [int.from_bytes(options[code], "big") for code in (51, 58, 59)] == [86400, 43200, 75600]
    assert 121 not in options and len(message) >= 300


@pytest.mark.parametrize(
    ("options", "settings", "kind", "reason"),
    [
        ((opt4(50, OWN), opt4(54, SERVER)), {}, "ack", "selecting"),
        ((opt4(50, OTHER), opt4(54, SERVER)), {}, "nak", "selecting: not the port's address"),
        ((opt4(50, OWN), opt4(54, OTHER)), {}, "ignored", "took another server's offer"),
        ((opt4(50, OWN),), {}, "ack", "init-reboot"),
        ((opt4(50, OTHER),), {}, "nak", "init-reboot: not the port's address"),
        ((), {"ciaddr": OWN, "src": OWN, "dst": SERVER}, "ack", "renewing"),
        ((), {"ciaddr": OWN, "src": OWN}, "ack", "rebinding"),
        ((), {"ciaddr": OTHER}, "nak", "rebinding: not the port's address"),
        ((), {"ciaddr": OTHER, "src": OTHER, "dst": SERVER}, "nak",
         "renewing: not the port's address"),
        ((), {"ciaddr": OWN, "src": OTHER, "dst": SERVER}, "ignored",
         "from an address that is not the port's"),
        ((), {}, "ignored", "request for no address"),
        ((opt4(50, OWN),), {"giaddr": OTHER}, "ignored", "relayed"),
        ((opt4(50, OWN),), {"dst": OTHER}, "ignored", "to another server"),
        ((opt4(50, OWN),), {"chaddr": GATEWAY_MAC}, "ignored", "not the port's MAC"),
        ((opt4(50, OWN),), {"mac": GATEWAY_MAC}, "ignored", "not the port's MAC"),
    ],
)  # fmt: skip
def test_request_states(options, settings, kind, reason) -> None:
    answer = dhcp4.answer(frame(3, *options, **settings), PORT)
    assert (answer.kind, answer.reason) == (kind, reason)
    assert len(answer.frames) == (kind != "ignored")


def test_destinations() -> None:
    """RFC 2131 section 4.1; the frame itself always goes to the asker alone."""
    cases = [
        (frame(1), OWN), (frame(1, flags=0x8000), ANYONE),
        (frame(3, ciaddr=OWN, src=OWN, dst=SERVER), OWN),
        (frame(3, ciaddr=OWN, src=OWN, flags=0x8000), OWN),
        (frame(3, opt4(50, OTHER)), ANYONE),
        (frame(8, ciaddr=OWN, src=OWN), OWN),
    ]  # fmt: skip
    for asked, destination in cases:
        udp, _, message = read4(dhcp4.answer(asked, PORT).frames[0])
        assert (udp.dst, udp.dst_mac, udp.src, udp.src_mac) == (
            destination, MAC, SERVER, GATEWAY_MAC)  # fmt: skip
        assert message[4:8] == b"xid!"


def test_nak_says_nothing_but_no() -> None:
    _, options, message = read4(dhcp4.answer(frame(3, opt4(50, OTHER)), PORT).frames[0])
    assert options[53] == b"\x06" and options[54] == SERVER and options[56]
    assert set(options) == {53, 54, 56} and message[16:20] == bytes(4)


def test_inform_has_no_lease() -> None:
    _, options, message = read4(dhcp4.answer(frame(8, ciaddr=OWN, src=OWN), PORT).frames[0])
    assert options[53] == b"\x05" and not {51, 58, 59} & set(options)
    assert message[12:16] == OWN and message[16:20] == bytes(4)
    assert dhcp4.answer(frame(8, ciaddr=OTHER), PORT).kind == "ignored"


def test_decline_and_release() -> None:
    declined = dhcp4.answer(frame(4, opt4(50, OWN), opt4(54, SERVER)), PORT)
    assert (declined.kind, declined.frames) == ("decline", ())
    released = dhcp4.answer(frame(7, opt4(54, SERVER), ciaddr=OWN, src=OWN, dst=SERVER), PORT)
    assert (released.kind, released.frames) == ("release", ())
    assert dhcp4.answer(frame(7, opt4(54, OTHER)), PORT).kind == "ignored"


def test_server_messages_are_ignored() -> None:
    assert {dhcp4.answer(frame(kind), PORT).kind for kind in (0, 2, 5, 6, 9, 255)} == {"ignored"}


def test_rapid_commit() -> None:
    _, options, _ = read4(dhcp4.answer(frame(1, opt4(80, b"")), PORT).frames[0])
    assert options[53] == b"\x05" and options[80] == b""
    assert 80 not in read4(dhcp4.answer(frame(1), PORT).frames[0])[1]


def test_client_identifier_comes_back() -> None:
    _, options, _ = read4(dhcp4.answer(frame(1, opt4(61, b"\x01abcdef")), PORT).frames[0])
    assert options[61] == b"\x01abcdef"


def test_routes_hold_the_default() -> None:
    """RFC 3442: a client that takes option 121 must ignore the router option."""
    lease = replace(PORT.v4[0], routes=(("10.9.0.0/16", "10.0.0.7"), ("1.2.3.4/32", "10.0.0.8")))
    port = replace(PORT, v4=(lease,))
    wanted = bytes((16, 10, 9, 10, 0, 0, 7, 32, 1, 2, 3, 4, 10, 0, 0, 8, 0, 10, 0, 0, 1))
    _, options, message = read4(dhcp4.answer(frame(1), port).frames[0])
    assert options[121] == wanted and 249 not in options
    assert message.index(b"\x79\x15") < message.index(b"\x03\x04\x0a")
    _, options, _ = read4(dhcp4.answer(frame(1, asks=bytes((1, 249))), port).frames[0])
    assert options[249] == wanted and 121 not in options


def test_request_list_and_essentials() -> None:
    _, options, _ = read4(dhcp4.answer(frame(1, asks=bytes((15,))), PORT).frames[0])
    assert set(options) == {53, 54, 51, 58, 59, 1, 3, 26, 6, 15}
    _, options, _ = read4(dhcp4.answer(frame(1, asks=b""), PORT).frames[0])
    assert {12, 15, 42} <= set(options)


def test_no_gateway_no_dhcp() -> None:
    lease = Lease4("10.0.0.5", 24, "", "10.0.0.254", dhcp=False)
    assert dhcp4.answer(frame(1), replace(PORT, v4=(lease,))).reason == "DHCPv4 is off"
    second = Lease4("10.0.1.5", 25, "", "10.0.1.126")
    port = replace(PORT, v4=(lease, second), gateway_mac="")
    udp, options, message = read4(dhcp4.answer(frame(1), port).frames[0])
    assert message[16:20] == bytes((10, 0, 1, 5)) and 3 not in options
    assert options[1] == bytes((255, 255, 255, 128)) and udp.src == bytes((10, 0, 1, 126))
    assert udp.src_mac == mac_bytes(PORT.service_mac)


def test_infinite_lease() -> None:
    _, options, _ = read4(dhcp4.answer(frame(1), replace(PORT, lease_time=-1)).frames[0])
    assert options[51] == options[58] == options[59] == b"\xff" * 4


def test_boot_options() -> None:
    port = with_options(
        (4, "tftp-server", "10.0.0.77"), (4, "bootfile-name", "pxelinux.0"),
        (4, "server-ip-address", "10.0.0.78"), (4, "150", "10.0.0.79"),
    )  # fmt: skip
    _, options, message = read4(dhcp4.answer(frame(1), port).frames[0])
    assert options[66] == b"10.0.0.77" and options[67] == b"pxelinux.0"
    assert options[150] == bytes((10, 0, 0, 79)) and message[20:24] == bytes((10, 0, 0, 78))
    assert message[108:236].rstrip(b"\0") == b"pxelinux.0"


def test_extra_options_replace_and_remove() -> None:
    port = with_options(
        (4, "option:mtu", "1300"), (4, "router", ""), (4, "lease-time", "600"),
        (4, "domain-search", "a.test, b.test"), (4, "classless-static-route",
        "{0.0.0.0/0, 10.0.0.3}"), (6, "dns-server", "fd00::53"), (4, "server-id", "1.2.3.4"),
        (4, "54", "1.2.3.4"), (4, "dns-server", "nonsense"), (4, "240", "0x0102ff"),
    )  # fmt: skip
    asked = frame(1, asks=bytes((3, 6, 26, 119, 121, 240)))
    _, options, _ = read4(dhcp4.answer(asked, port).frames[0])
    assert options[26] == (1300).to_bytes(2, "big") and 3 not in options
    assert [int.from_bytes(options[code], "big") for code in (51, 58, 59)] == [600, 300, 525]
    assert options[119] == b"\x01a\x04test\0\x01b\x04test\0"
    assert options[121] == bytes((0, 10, 0, 0, 3)) and options[240] == b"\x01\x02\xff"
    assert options[54] == SERVER and options[6][:4] == SERVER
    assert len(DHCP4.problems(port)) == 3


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("mtu", "0x5dc", (26, b"\x05\xdc")), ("time-offset", "-3600", (2, b"\xff\xff\xf1\xf0")),
        ("ip-forward-enable", "true", (19, b"\x01")), ("224", "10.0.0.1,10.0.0.2",
        (224, bytes((10, 0, 0, 1, 10, 0, 0, 2)))), ("225", "300", (225, b"\x01\x2c")),
        ("226", "text", (226, b"text")), ("227", "aa:bb:0c", (227, b"\xaa\xbb\x0c")),
        ("ntp_server", "10.0.0.1", (42, bytes((10, 0, 0, 1)))),
    ],
)  # fmt: skip
def test_values(name, value, wanted) -> None:
    assert DHCP4.encode(name, value) == wanted


@pytest.mark.parametrize(
    ("name", "value"),
    [("mtu", "70000"), ("no-such", "1"), ("999", "1"), ("53", "1"), ("router", "fd00::1"),
     ("classless-static-route", "10.0.0.0/8"), ("domain-search", "a..b"), ("netmask", "1.2.3.4,5"),
     ("bootfile-name", "x" * 2000)],
)  # fmt: skip
def test_bad_values(name, value) -> None:
    with pytest.raises(ValueError):
        DHCP4.encode(name, value)


def test_overload_and_size() -> None:
    port = with_options(
        (4, "bootfile-name", "b" * 100), (4, "root-path", "r" * 120), (4, "nis-domain", "n" * 100),
        (4, "tzdb-timezone", "t" * 50), (4, "posix-timezone", "p" * 250), (4, "wpad", "w" * 300),
    )  # fmt: skip
    asks = bytes((17, 40, 101, 100, 252))
    answer = dhcp4.answer(frame(1, asks=asks), port).frames[0]
    _, options, _ = read4(answer)
    assert len(answer) <= 14 + 576 and options[52] == b"\x03"
    assert options[67] == b"b" * 100 and options[17] == b"r" * 120
    assert options[40] == b"n" * 100 and options[1]
    big = dhcp4.answer(frame(1, opt4(57, (1400).to_bytes(2, "big")), asks=asks), port).frames[0]
    _, options, _ = read4(big)
    assert 576 < len(big) - 14 <= 1400 and 52 not in options and options[252] == b"w" * 300
    huge = dhcp4.answer(frame(1, opt4(57, b"\xff\xff"), asks=bytes(range(256))[1:255]), port)
    assert len(huge.frames[0]) <= 14 + PORT.mtu


def test_requests_in_overloaded_fields() -> None:
    """A client may put its own options into the file field (RFC 2132 section 9.3)."""
    udp = packet.udp4(frame(3, opt4(52, b"\x01"), asks=b""))
    message = bytearray(udp.payload)
    message[108:115] = opt4(50, OWN) + b"\xff"
    asked = build_udp4(udp.dst_mac, MAC, udp.src, udp.dst, 68, 67, bytes(message))
    assert dhcp4.answer(asked, PORT).reason == "init-reboot"


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        (b"", "frame shorter than UDP over IPv4"),
        (frame(1)[:100], "bad IPv4 lengths"),
        (frame(1, opt4(50, b"abc")), "bad length of DHCP option 50"),
        (frame(1, b"\x0c\xff"), "DHCP option cut"),
        (frame(1, opt4(52, b"\x07")), "bad option overload"),
        (frame(1)[:60] + b"x" + frame(1)[61:], "bad UDP checksum"),
        (frame(1)[:24] + b"xx" + frame(1)[26:], "bad IPv4 header checksum"),
        (build_udp4(b"\xff" * 6, MAC, bytes(4), ANYONE, 68, 69, b""), "not to the DHCP"),
        (build_udp4(b"\xff" * 6, MAC, bytes(4), ANYONE, 68, 67, b"x"), "bad DHCP message"),
    ],
)  # fmt: skip
def test_malformed(asked, reason) -> None:
    with pytest.raises(packet.Malformed, match=reason):
        dhcp4.answer(asked, PORT)

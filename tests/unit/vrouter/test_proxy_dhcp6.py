"""DHCPv6 at the edge: every client message of RFC 8415, statuses, options, and what is refused."""

from __future__ import annotations

import struct
from dataclasses import replace

import pytest

from tests.unit.vrouter.proxy_support import (
    CLIENT_ID,
    GATEWAY_LINK_LOCAL,
    GATEWAY_MAC,
    LINK_LOCAL,
    MAC,
    PORT,
    SERVER_ID,
    ia_na,
    opt6,
    options6,
    with_options,
)
from tests.unit.vrouter.proxy_support import dhcp6 as frame
from vrouter_ovs.addresses import address_bytes, mac_bytes
from vrouter_ovs.edge import Lease6
from vrouter_ovs.proxies import packet
from vrouter_ovs.proxies.dhcp import dhcp6
from vrouter_ovs.proxies.dhcp.dhcp6_options import DHCP6

OWN, OTHER = address_bytes("fd00::5"), address_bytes("fd00::6")
STATELESS = replace(PORT, v6=(replace(PORT.v6[0], address_mode="dhcpv6-stateless"),))


def read(answer: packet.Answer) -> tuple[int, dict[int, bytes]]:
    """(message type, options) of the one frame of an answer; checks where it goes."""
    (sent,) = answer.frames
    udp = packet.udp6(sent)
    assert (udp.dst_mac, udp.src_mac) == (MAC, GATEWAY_MAC)
    assert (udp.src, udp.dst) == (GATEWAY_LINK_LOCAL, LINK_LOCAL)
    assert (udp.src_port, udp.dst_port) == (547, 546) and len(sent) <= 1294
    assert udp.payload[1:4] == b"xid"
    options = dict(options6(udp.payload[4:]))
    assert options[2] == SERVER_ID
    return udp.payload[0], options


def read_ia(ia: bytes) -> tuple[tuple[int, int], dict[bytes, tuple[int, int]], int | None]:
    """((T1, T2), address -> (preferred, valid), status) of an IA_NA."""
    inner = options6(ia[12:])
    addresses = {v[:16]: struct.unpack_from("!II", v, 16) for code, v in inner if code == 5}
    status = next((int.from_bytes(v[:2], "big") for code, v in inner if code == 13), None)
    return struct.unpack_from("!II", ia, 4), addresses, status


def test_solicit_and_request() -> None:
    kind, options = read(dhcp6.answer(frame(1, ia_na()), PORT))
    assert kind == 2 and options[7] == b"\xff" and options[1] == CLIENT_ID
    assert options[3][:4] == b"iaid"
    assert read_ia(options[3]) == ((43200, 69120), {OWN: (86400, 86400)}, None)
    assert options[23] == address_bytes("fd00::1") and options[24] == b"\3red\4test\0"
    answer = dhcp6.answer(frame(3, ia_na("fd00::5"), server=True), PORT)
    kind, options = read(answer)
    assert (answer.kind, kind) == ("reply", 7) and OWN in read_ia(options[3])[1]


def test_rapid_commit() -> None:
    kind, options = read(dhcp6.answer(frame(1, ia_na(), opt6(14)), PORT))
    assert kind == 7 and options[14] == b"" and OWN in read_ia(options[3])[1]


def test_another_address() -> None:
    _, options = read(dhcp6.answer(frame(3, ia_na("fd00::6"), server=True), PORT))
    assert set(read_ia(options[3])[1]) == {OWN}
    _, options = read(dhcp6.answer(frame(3, ia_na("2001:db8::6"), server=True), PORT))
    assert read_ia(options[3])[1:] == ({}, 4)


@pytest.mark.parametrize(("message_type", "server"), [(5, True), (6, False)])
def test_renew_and_rebind_end_other_addresses(message_type, server) -> None:
    asked = frame(message_type, ia_na("fd00::6", "fd00::5"), server=server)
    kind, options = read(dhcp6.answer(asked, PORT))
    addresses = read_ia(options[3])[1]
    assert kind == 7 and addresses == {OWN: (86400, 86400), OTHER: (0, 0)}


def test_confirm() -> None:
    for address, status in (("fd00::5", 0), ("fd00::6", 4), ("2001:db8::1", 4)):
        answer = dhcp6.answer(frame(4, ia_na(address)), PORT)
        assert answer.kind == "confirm"
        assert int.from_bytes(read(answer)[1][13][:2], "big") == status
    assert dhcp6.answer(frame(4), PORT).kind == "ignored"


@pytest.mark.parametrize(("message_type", "name"), [(8, "release"), (9, "decline")])
def test_release_and_decline(message_type, name) -> None:
    answer = dhcp6.answer(frame(message_type, ia_na("fd00::5"), server=True), PORT)
    kind, options = read(answer)
    assert (answer.kind, kind, options[13], 3 in options) == (name, 7, b"\0\0", False)
    _, options = read(dhcp6.answer(frame(message_type, ia_na("fd00::6"), server=True), PORT))
    assert options[13] == b"\0\0" and read_ia(options[3])[2] == 3


def test_refused_kinds_of_identity() -> None:
    asked = frame(1, ia_na(code=4), ia_na(code=25), ia_na())
    _, options = read(dhcp6.answer(asked, PORT))
    assert dict(options6(options[4][4:]))[13][:2] == b"\0\2"
    assert read_ia(options[25])[2] == 6 and OWN in read_ia(options[3])[1]


def test_second_identity_gets_nothing() -> None:
    message = packet.udp6(dhcp6.answer(frame(1, ia_na(), ia_na(iaid=b"two!")), PORT).frames[0])
    both = [value for code, value in options6(message.payload[4:]) if code == 3]
    assert [read_ia(each)[2] for each in both] == [None, 2]


def test_several_subnets() -> None:
    port = replace(PORT, v6=(*PORT.v6, Lease6("fd01::7", "fd01::/64", "", "dhcpv6-stateful",
                                              "dhcpv6-stateful")))  # fmt: skip
    _, options = read(dhcp6.answer(frame(1, ia_na()), port))
    assert set(read_ia(options[3])[1]) == {OWN, address_bytes("fd01::7")}


def test_stateless() -> None:
    answer = dhcp6.answer(frame(11), STATELESS)
    kind, options = read(answer)
    assert (answer.kind, answer.reason, kind) == ("information", "stateless", 7)
    assert options[23] and options[24]
    kind, options = read(dhcp6.answer(frame(1, ia_na(), opt6(14)), STATELESS))
    assert kind == 2 and read_ia(options[3])[1:] == ({}, 2)
    slaac = replace(PORT, v6=(replace(PORT.v6[0], address_mode="slaac"),))
    assert dhcp6.answer(frame(11), slaac).reason == "DHCPv6 is off"


def test_options() -> None:
    port = with_options(
        (6, "bootfile-url", "http://[fd00::1]/boot"), (6, "option6:200", "fd00::aa"),
        (6, "server-id", "00"), (6, "nothing", "1"), (4, "bootfile-name", "no"),
    )  # fmt: skip
    asked = frame(11, opt6(39, b"\0\2vm\0"), asks=(59, 56, 31, 200, 999))
    _, options = read(dhcp6.answer(asked, port))
    assert options[59] == b"http://[fd00::1]/boot" and options[200] == address_bytes(
        "fd00::aa"
    )
    ntp = address_bytes("fd00::9")
    assert options[31] == ntp and options[56] == opt6(1, ntp)
    assert options[39] == b"\3\3vm1\3red\4test\0"
    assert len(DHCP6.problems(port)) == 2


def test_server_identity_is_stable_and_checked() -> None:
    asked = frame(3, ia_na(), opt6(2, b"\0\3\0\1other!"))
    assert dhcp6.answer(asked, PORT).reason == "to another server"
    unrouted = replace(PORT, gateway_mac="", v6=(replace(PORT.v6[0], router_mac=""),))
    message = packet.udp6(dhcp6.answer(frame(1, ia_na()), unrouted).frames[0]).payload
    assert dict(options6(message[4:]))[2] == b"\0\3\0\1" + mac_bytes(PORT.service_mac)


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        (frame(1, ia_na(), mac=GATEWAY_MAC), "not the port's MAC"),
        (frame(1, ia_na(), src=OWN), "not from a link-local address"),
        (frame(1, ia_na(), dst=GATEWAY_LINK_LOCAL), "not to all servers"),
        (frame(12), "no client message"), (frame(2), "no client message"),
        (frame(7), "no client message"), (frame(13), "no client message"),
    ],
)  # fmt: skip
def test_ignored(asked, reason) -> None:
    answer = dhcp6.answer(asked, PORT)
    assert (answer.kind, answer.reason, answer.frames) == ("ignored", reason, ())


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        (frame(1, ia_na(), client=False), "no client identifier"),
        (frame(3, ia_na()), "no server identifier"),
        (frame(1, ia_na(), server=True), "server identifier where none belongs"),
        (frame(11, ia_na()), "IA in an information request"),
        (frame(1, opt6(3, b"short")), "IA option cut"),
        (frame(1, opt6(3, bytes(12) + opt6(5, b"short"))), "IA address option cut"),
        (frame(1, b"\0\3\xff\xff"), "DHCPv6 option cut"), (frame(1, b"\0"), "option cut"),
        (frame(1, opt6(1, bytes(200)), client=False), "bad client DUID"),
        (frame(1, *(opt6(8) for _ in range(200))), "too many DHCPv6 options"),
        (frame(1, *(ia_na() for _ in range(9))), "too many IAs"),
        (frame(1, opt6(6, b"odd"), asks=()), "bad option request"),
    ],
)  # fmt: skip
def test_malformed(asked, reason) -> None:
    with pytest.raises(packet.Malformed, match=reason):
        dhcp6.answer(asked, PORT)

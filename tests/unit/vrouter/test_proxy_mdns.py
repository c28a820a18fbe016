"""Multicast DNS on behalf of a network's ports (RFC 6762)."""

from __future__ import annotations

import struct
from dataclasses import replace

import dns.flags
import dns.message
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.vrouter.proxy_support import GATEWAY_MAC, LINK_LOCAL, MAC, PORT
from vrouter_ovs.addresses import address_bytes, link_local_bytes, mac_bytes, multicast_mac
from vrouter_ovs.edge import Lease4
from vrouter_ovs.proxies import packet
from vrouter_ovs.proxies.build import build_udp4, build_udp6
from vrouter_ovs.proxies.dns import mdns
from vrouter_ovs.proxies.dns.dns import DnsView

VIEW = DnsView(
    "red.test",
    {"vm1": ("10.0.0.5", "fd00::5"), "vm2": ("10.0.0.6", "fd00::6"), "four": ("10.0.0.7",),
     "own.example": ("10.0.0.8",), "many": tuple(f"10.0.1.{n}" for n in range(1, 200)), "a.b":
     ("10.0.0.9",)},
    {"10.0.0.5": "vm1.red.test", "10.0.0.6": "vm2.red.test", "fd00::6": "vm2.red.test",
     "10.0.0.8": "own.example", "10.0.0.9": "a.b.red.test"},
    ("10.0.0.0/24",),
)  # fmt: skip
OWN = address_bytes("10.0.0.5")
A, PTR, AAAA, NSEC, ANY, HTTPS = 1, 12, 28, 47, 255, 65
FLUSH = 0x8001


def name(text: str) -> bytes:
    return b"".join(bytes((len(each),)) + each.encode() for each in text.split(".")) + b"\0"


def message(*questions, known=(), ident: int = 0, flags: int = 0) -> bytes:
    """questions as (name, type, class); known answers as (name, type, data, ttl)."""
    body = b"".join(name(text) + struct.pack("!HH", rdtype, rdclass)
                    for text, rdtype, rdclass in questions)  # fmt: skip
    for text, rdtype, data, ttl in known:
        body += name(text) + struct.pack("!HHIH", rdtype, FLUSH, ttl, len(data)) + data
    return struct.pack("!6H", ident, flags, len(questions), len(known), 0, 0) + body


def frame(wire: bytes, v6: bool = False, source: int = 5353, src: bytes | None = None,
          dst: bytes | None = None) -> bytes:  # fmt: skip
    if v6:
        return build_udp6(b"\x33\x33\0\0\0\xfb", MAC, src or LINK_LOCAL, dst or mdns.GROUP6,
                                 source, 5353, wire, 255)  # fmt: skip
    return build_udp4(mdns.GROUP4_MAC, MAC, src or OWN, dst or mdns.GROUP4, source, 5353,
                             wire, 255)  # fmt: skip


def read(wire: bytes) -> tuple[list, list]:
    """(answers, additional) of a response, each (name, type, class, ttl, data)."""
    ident, flags, questions, answers, authority, additional = struct.unpack_from("!6H", wire)
    assert (ident, flags, questions, authority) == (0, 0x8400, 0, 0)
    at, found = 12, []
    for _ in range(answers + additional):
        labels, at = mdns._name(wire, at)
        rdtype, rdclass, ttl, length = struct.unpack_from("!HHIH", wire, at)
        at += 10 + length
        found.append((b".".join(labels).decode(), rdtype, rdclass, ttl, wire[at - length : at]))
    assert at == len(wire)
    return found[:answers], found[answers:]


def ask(*questions, view=VIEW, port=PORT, **more) -> tuple[list, list]:
    wire, _ = mdns.respond(message(*questions, **more), port, view, legacy=False)
    return read(wire) if wire else ([], [])


def bitmap(*types: int) -> bytes:
    bits = sum(1 << 255 - each for each in types).to_bytes(32, "big")
    return bits[: max(types) // 8 + 1]


def test_addresses_of_other_ports() -> None:
    answers, more = ask(("VM2.Local", A, 1))
    assert answers == [("vm2.local", A, FLUSH, 120, bytes((10, 0, 0, 6)))]
    assert more == [("vm2.local", AAAA, FLUSH, 120, address_bytes("fd00::6"))]
    assert [each[1] for each in ask(("vm2.local", AAAA, 1))[0]] == [AAAA]
    assert [each[1] for each in ask(("vm2.local", ANY, 1))[0]] == [A, AAAA]
    assert [each[1] for each in ask(("vm2.local", A, 255))[0]] == [A]


def test_what_does_not_exist_is_said_of_names_that_do() -> None:
    """Section 6.1: an NSEC record, where the name exists."""
    (found,), more = ask(("four.local", AAAA, 1))
    assert found == ("four.local", NSEC, FLUSH, 120, name("four.local") + b"\0\1" + bitmap(A))
    assert more == []
    (found,), _ = ask(("vm2.local", HTTPS, 1))
    assert found[4] == name("vm2.local") + b"\0\4" + bitmap(A, AAAA)
    _, (more,) = ask(("four.local", A, 1))
    assert more[1] == NSEC, "section 6.2: no address of the other family"
    (found,), _ = ask(("6.0.0.10.in-addr.arpa", A, 1))
    assert found[4].endswith(b"\0\2" + bitmap(PTR))


@pytest.mark.parametrize("asked", [
    ("nobody.local", A, 1), ("vm2", A, 1), ("vm2.red.test", A, 1), ("x.vm2.local", A, 1),
    ("own.example.local", A, 1), ("a.b.local", A, 1), ("local", ANY, 1), ("vm2.local", A, 3),
    ("_services._dns-sd._udp.local", PTR, 1), ("9.0.0.10.in-addr.arpa", PTR, 1),
    ("8.0.0.10.in-addr.arpa", PTR, 1), ("0.0.10.in-addr.arpa", PTR, 1),
    ("1.1.1.1.in-addr.arpa", PTR, 1), ("10.in-addr.arpa", ANY, 1),
    # The asker's own.
    ("vm1.local", A, 1), ("vm1.local", ANY, 0x8001), ("5.0.0.10.in-addr.arpa", PTR, 1),
])  # fmt: skip
def test_silence(asked) -> None:
    assert ask(asked) == ([], [])


def test_own_name_by_name_and_by_address() -> None:
    renamed = replace(PORT, host_name="other")
    assert ask(("vm1.local", A, 1), port=renamed) == ([], [])
    moved = replace(PORT, v4=(), v6=())
    assert ask(("vm1.local", A, 1), port=moved) == ([], [])
    assert ask(("vm1.local", A, 1), port=replace(moved, host_name=""))[0]


def test_names_of_addresses() -> None:
    for asked in ("6.0.0.10.in-addr.arpa", "6." + "0." * 27 + "0.0.d.f.ip6.arpa"):
        answers, more = ask((asked, PTR, 1))
        assert answers == [(asked, PTR, FLUSH, 120, name("vm2.local"))] and more == []


def test_several_questions() -> None:
    answers, more = ask(("vm2.local", A, 1), ("vm2.local", AAAA, 1), ("nobody.local", A, 1),
                        ("four.local", A, 1), ("vm2.local", A, 1))  # fmt: skip
    assert [(each[0], each[1]) for each in answers] == [
        ("vm2.local", A), ("vm2.local", AAAA), ("four.local", A),
    ]  # fmt: skip
    assert [(each[0], each[1]) for each in more] == [("four.local", NSEC)]


def test_known_answers() -> None:
    """Section 7.1: what the querier has for half of its time at least is not said again."""
    known = ("vm2.local", A, bytes((10, 0, 0, 6)), 60)
    assert ask(("vm2.local", A, 1), known=[known]) == ([], [])
    assert ask(("vm2.local", A, 1), known=[(*known[:3], 59)])[0]
    assert ask(("vm2.local", A, 1), known=[(*known[:2], bytes(4), 120)])[0]
    assert [each[1] for each in ask(("vm2.local", ANY, 1), known=[known])[0]] == [AAAA]
    reverse = "6.0.0.10.in-addr.arpa"
    target = name("vm2.local")
    assert ask((reverse, PTR, 1), known=[(reverse, PTR, target, 100)]) == ([], [])
    # With the target compressed, as queriers write it.
    wire = message((reverse, PTR, 1), ("vm2.local", A, 1))
    at = 12 + len(name(reverse)) + 4
    data = struct.pack("!H", 0xC000 | at)
    wire = wire[:6] + b"\0\1" + wire[8:] + b"\xc0\x0c" + struct.pack("!HHIH", PTR, 1, 90, 2) + data
    response, _ = mdns.respond(wire, PORT, VIEW, legacy=False)
    assert [each[1] for each in read(response)[0]] == [A]


def test_what_does_not_fit_comes_next_time() -> None:
    known: list = []
    for _ in range(10):
        wire, _ = mdns.respond(message(("many.local", A, 1), known=known), PORT, VIEW, False)
        if not wire:
            break
        assert len(wire) <= 1232
        known += [(each[0], each[1], each[4], 120) for each in read(wire)[0]]
    assert len({each[2] for each in known}) == len(known) == 199


@pytest.mark.parametrize("v6", [False, True])
def test_frames(v6) -> None:
    parse = packet.udp6 if v6 else packet.udp4
    own = LINK_LOCAL if v6 else OWN
    ours = link_local_bytes(GATEWAY_MAC) if v6 else bytes((10, 0, 0, 1))
    group = mdns.GROUP6 if v6 else mdns.GROUP4
    group_mac = multicast_mac(group) if v6 else mdns.GROUP4_MAC

    def way(rdclass: int, source: int = 5353):
        answer = mdns.answer(frame(message(("vm2.local", A, rdclass), ident=9), v6, source), PORT,
                             VIEW)  # fmt: skip
        (reply,) = answer.frames
        assert reply[21 if v6 else 22] == 255
        udp = parse(reply)
        assert (udp.src_mac, udp.src, udp.src_port) == (GATEWAY_MAC, ours, 5353)
        return answer.kind, udp

    kind, udp = way(1)
    assert (kind, udp.dst_mac, udp.dst, udp.dst_port) == ("answer", group_mac, group, 5353)
    kind, udp = way(0x8001)
    assert (kind, udp.dst_mac, udp.dst, udp.dst_port) == ("unicast", MAC, own, 5353)
    kind, udp = way(1, 40000)
    assert (kind, udp.dst_mac, udp.dst, udp.dst_port) == ("legacy", MAC, own, 40000)
    got = dns.message.from_wire(udp.payload)
    assert got.id == 9 and got.flags == dns.flags.QR | dns.flags.AA
    assert got.question[0].name.to_text() == "vm2.local."
    assert (got.answer[0].ttl, str(got.answer[0][0])) == (10, "10.0.0.6") and not got.additional


def test_mixed_wishes_go_to_the_group() -> None:
    asked = message(("vm2.local", A, 0x8001), ("four.local", A, 1))
    assert mdns.answer(frame(asked), PORT, VIEW).kind == "answer"
    asked = message(("vm2.local", A, 0x8001), ("nobody.local", A, 1))
    assert mdns.answer(frame(asked), PORT, VIEW).kind == "unicast"


def test_simple_resolvers() -> None:
    """Section 6.7; a type that a name does not have is said as everywhere else."""
    def legacy(*questions):
        wire, _ = mdns.respond(message(*questions, ident=3), PORT, VIEW, legacy=True)
        return dns.message.from_wire(wire) if wire else None

    assert not legacy(("four.local", AAAA, 1)).answer
    assert legacy(("nobody.local", A, 1)) is None
    assert legacy(("vm2.local", A, 1), ("four.local", A, 1)) is None
    assert len(legacy(("many.local", A, 1)).to_wire()) <= 512
    assert str(legacy(("6.0.0.10.in-addr.arpa", PTR, 1)).answer[0][0]) == "vm2.local."


@pytest.mark.parametrize("wire", [
    message(("vm2.local", A, 1), flags=0x8400), message(("vm2.local", A, 1), flags=0x2800),
    message(("vm2.local", A, 1), flags=3), message(),
])  # fmt: skip
def test_what_is_no_query_is_ignored(wire) -> None:
    assert mdns.answer(frame(wire), PORT, VIEW).kind == "ignored"


@pytest.mark.parametrize("wire", [
    b"", b"\0" * 11, message(("vm2.local", A, 1))[:-1], message(("vm2.local", A, 1))[:16],
    struct.pack("!6H", 0, 0, 1, 0, 0, 0) + b"\xc0\x0c\0\1\0\1",
    struct.pack("!6H", 0, 0, 1, 0, 0, 0) + b"\1a\xc0\x0c\0\1\0\1",
    struct.pack("!6H", 0, 0, 1, 0, 0, 0) + b"\xc0", struct.pack("!6H", 0, 0, 1, 0, 0, 0) + b"\x40",
    struct.pack("!6H", 0, 0, 1, 0, 0, 0) + b"\1a" * 200 + b"\0\0\1\0\1",
    struct.pack("!6H", 0, 0, 33, 0, 0, 0) + b"\0\0\1\0\1" * 33,
    message(("vm2.local", A, 1), known=[("vm2.local", A, b"abcd", 1)])[:-1],
    message(("vm2.local", A, 1), known=[("vm2.local", PTR, b"\xc0\xff", 1)]),
])  # fmt: skip
def test_malformed(wire) -> None:
    with pytest.raises(packet.Malformed):
        mdns.answer(frame(wire), PORT, VIEW)


def test_who_answers() -> None:
    asked = message(("vm2.local", A, 1))
    assert mdns.answer(frame(asked, dst=bytes((10, 0, 0, 1))), PORT, VIEW).kind == "ignored"
    nobody = replace(PORT, gateway_mac="", service_mac="")
    assert mdns.answer(frame(asked), nobody, VIEW).kind == "ignored"
    unrouted = replace(PORT, gateway_mac="")
    (reply,) = mdns.answer(frame(asked), unrouted, VIEW).frames
    assert packet.udp4(reply).src_mac == mac_bytes(PORT.service_mac)
    two = replace(PORT, v4=(Lease4("10.7.0.5", 24, "10.7.0.1", "10.7.0.1"), *PORT.v4))
    (reply,) = mdns.answer(frame(asked), two, VIEW).frames
    assert packet.udp4(reply).src == bytes((10, 0, 0, 1)), "of the asker's subnet"
    without = replace(PORT, v4=())
    assert mdns.answer(frame(asked), without, VIEW).kind == "ignored"
    assert mdns.answer(frame(asked, v6=True), without, VIEW).kind == "answer"
    unnamed = frame(message(("vm2.local", A, 0x8001)), src=bytes(4))
    assert mdns.answer(unnamed, PORT, VIEW).kind == "answer", "nobody to answer to alone"


@settings(max_examples=500, deadline=None)
@given(st.binary(max_size=200), st.lists(st.tuples(st.integers(0, 300), st.integers(0, 255)),
                                         max_size=6), st.booleans())  # fmt: skip
def test_hostile_messages(tail, changes, legacy) -> None:
    wire = bytearray(message(("vm2.local", ANY, 1), ("6.0.0.10.in-addr.arpa", PTR, 1),
                             known=[("6.0.0.10.in-addr.arpa", PTR, b"\3vm2\xc0\x0c", 50)]))
    for at, value in changes:
        wire[at % len(wire)] = value
    for raw in (bytes(wire), bytes(wire) + tail, tail, b"\0" * 5 + b"\1" + b"\0" * 6 + tail):
        try:
            got, _ = mdns.respond(raw, PORT, VIEW, legacy)
        except packet.Malformed as error:
            assert error.reason
            continue
        assert len(got) <= (512 if legacy else 1232)
        if got and not legacy:
            read(got)

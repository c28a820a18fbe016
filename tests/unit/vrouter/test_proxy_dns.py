"""DNS at the edge: the network's own names, what is refused, forwarding, and the cache."""

from __future__ import annotations

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest

from tests.unit.vrouter.dns_support import VIEW, ask, query, response
from tests.unit.vrouter.proxy_support import GATEWAY_MAC, LINK_LOCAL, MAC
from vrouter_ovs.addresses import address_bytes
from vrouter_ovs.proxies import packet
from vrouter_ovs.proxies.build import build_udp4, build_udp6
from vrouter_ovs.proxies.dns import dns as edge_dns
from vrouter_ovs.proxies.dns import message as dns_message
from vrouter_ovs.proxies.dns import relay as dns_relay
from vrouter_ovs.proxies.dns import wire as dns_wire


@pytest.mark.parametrize(
    ("name", "rdtype", "found"),
    [
        ("vm1.red.test", "A", ["10.0.0.5"]), ("vm1.red.test", "AAAA", ["fd00::5"]),
        ("VM1.Red.TEST", "A", ["10.0.0.5"]), ("vm1", "A", ["10.0.0.5"]),
        ("a.b.red.test", "A", ["10.0.0.8"]), ("www.own.test", "A", ["10.0.0.9"]),
        ("5.0.0.10.in-addr.arpa", "PTR", ["vm1.red.test."]),
        ("5." + "0." * 27 + "0.d.f.ip6.arpa", "PTR", None),
        ("5." + "0." * 28 + "0.d.f.ip6.arpa", "PTR", ["vm1.red.test."]),
    ],
)  # fmt: skip
def test_names_of_the_network(name, rdtype, found) -> None:
    kind, message = ask(name, rdtype)
    if found is None:  # a nibble short: a block of addresses
        assert kind == "nodata"
        return
    assert kind == "answer" and message.flags & dns.flags.AA
    assert [str(item) for item in message.answer[0]] == found
    assert message.answer[0].ttl == 60
    assert message.question[0].name.to_text() == name + "."


@pytest.mark.parametrize(
    ("name", "rdtype", "kind"),
    [
        ("none.red.test", "A", "nxdomain"), ("x.vm1.red.test", "A", "nxdomain"),
        ("vm2.red.test", "AAAA", "nodata"), ("vm1.red.test", "MX", "nodata"),
        ("red.test", "A", "nodata"), ("red.test", "NS", "nodata"), ("b.red.test", "A", "nodata"),
        ("9.0.0.10.in-addr.arpa", "PTR", "nxdomain"),
        ("5.0.0.10.in-addr.arpa", "A", "nodata"), ("www.own.test", "TXT", "nodata"),
    ],
)  # fmt: skip
def test_negative_answers_can_be_cached(name, rdtype, kind) -> None:
    got, message = ask(name, rdtype)
    assert got == kind and not message.answer
    assert message.rcode() == (dns.rcode.NXDOMAIN if kind == "nxdomain" else dns.rcode.NOERROR)
    assert [rrset.rdtype.name for rrset in message.authority] == ["SOA"]


def test_start_of_authority() -> None:
    kind, message = ask("red.test", "SOA")
    assert kind == "answer" and message.answer[0].rdtype.name == "SOA"


@pytest.mark.parametrize("name", ["example.com", "vm1.red.example", "xred.tests",
                                  "8.8.8.8.in-addr.arpa", "in-addr.arpa", "ipv4only.arpa",
                                  "8.8.8.8.8.in-addr.arpa", "100.in-addr.arpa"])  # fmt: skip
def test_other_names_are_forwarded(name) -> None:
    kind, message = ask(name, "PTR" if "arpa" in name else "A")
    assert kind == "forward" and message.id == 0 and message.flags == dns.flags.RD
    assert message.question[0].name.to_text() == name + "." and message.payload == 1232
    view = edge_dns.DnsView("red.test", {}, {}, forward=False)
    assert ask(name, view=view)[0] == "refused"


@pytest.mark.parametrize(
    ("name", "kind", "zone"),
    [
        ("vm1.blue.test", "nxdomain", "test."), ("x.LocalHost", "nxdomain", "localhost."),
        ("printer.local", "nxdomain", "local."), ("a.b.invalid", "nxdomain", "invalid."),
        ("nas.home.arpa", "nxdomain", "home.arpa."), ("home.arpa", "nodata", "home.arpa."),
        ("_dns.resolver.arpa", "nxdomain", "resolver.arpa."), ("a.onion", "nxdomain", "onion."),
        ("9.1.0.10.in-addr.arpa", "nxdomain", "10.in-addr.arpa."),
        ("1.2.31.172.in-addr.arpa", "nxdomain", "31.172.in-addr.arpa."),
        ("1.168.192.in-addr.arpa", "nxdomain", "168.192.in-addr.arpa."),
        ("10.in-addr.arpa", "nodata", "10.in-addr.arpa."),
        ("0.10.in-addr.arpa", "nodata", "0.10.in-addr.arpa."),
        ("0.0.10.in-addr.arpa", "nodata", "0.0.10.in-addr.arpa."),
        ("1.127.100.in-addr.arpa", "nxdomain", "127.100.in-addr.arpa."),
        ("a.9.e.f.ip6.arpa", "nxdomain", "9.e.f.ip6.arpa."),
        ("d.f.ip6.arpa", "nodata", "d.f.ip6.arpa."),
        ("1.d.f.ip6.arpa", "nxdomain", "d.f.ip6.arpa."),
        (".".join("1" + "0" * 31) + ".ip6.arpa", "nodata", None),
    ],
)  # fmt: skip
def test_private_and_special_names_are_not_passed_on(name, kind, zone) -> None:
    """RFC 6303, 6761, 8375: denied here, with an SOA so that the client remembers it."""
    got, message = ask(name, "PTR" if name.endswith("arpa") else "A")
    assert got == kind and not message.answer
    assert message.authority[0].name.to_text().lower() == (zone or name + ".")


def test_a_public_subnet_owns_its_own_addresses_only() -> None:
    view = edge_dns.DnsView("", {}, {"198.18.0.5": "a.b"}, prefixes=("198.18.0.0/24",))
    for name, kind in (("5.0.18.198", "answer"), ("6.0.18.198", "nxdomain"),
                       ("0.18.198", "nodata"), ("18.198", "forward"), ("198", "forward"),
                       ("1.1.18.198", "forward"), ("05.0.18.198", "forward"),
                       ("x.0.18.198", "forward")):  # fmt: skip
        assert ask(f"{name}.in-addr.arpa", "PTR", view)[0] == kind, name


def test_only_what_was_asked_goes_on() -> None:
    """Neither the client's id nor its EDNS options reach a resolver."""
    import dns.edns

    wire = query("example.com", use_edns=0, want_dnssec=True,
                 options=[dns.edns.ECSOption("10.0.0.5", 24)])  # fmt: skip
    reply = edge_dns.answer(wire, VIEW)
    message = dns.message.from_wire(reply.wire)
    assert message.options == () and message.ednsflags == dns.flags.DO and message.id == 0
    assert reply.question == (b"\7example\3com\0", 1, 1, True, 0)
    not_recursive = dns.message.make_query("example.com", "A", flags=0).to_wire()
    assert edge_dns.answer(not_recursive, VIEW).kind == "refused"


@pytest.mark.parametrize(
    ("name", "rdtype", "rdclass"),
    [("red.test", "AXFR", "IN"), ("red.test", "IXFR", "IN"), ("vm1.red.test", "ANY", "IN"),
     ("version.bind", "TXT", "CH"), ("vm1.red.test", "A", "ANY"), ("x.test", "OPT", "IN"),
     ("x.test", "MAILB", "IN")],
)  # fmt: skip
def test_refused(name, rdtype, rdclass) -> None:
    reply = edge_dns.answer(query(name, rdtype, rdclass), VIEW)
    assert reply.kind in ("refused", "formerr")
    assert dns.message.from_wire(reply.wire).rcode() in (dns.rcode.REFUSED, dns.rcode.FORMERR)


@pytest.mark.parametrize("label", [b'"', b";", b"\\", b" ", b"(", b"\n", b"\0", b"\xff\x80", b"."])
def test_strange_labels(label) -> None:
    """Any byte may stand in a label (RFC 2181 section 11); none is ever read as zone file text."""
    for suffix in (b"", b"\3red\4test"):
        wire = bytes((0, 77, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, len(label))) + label + suffix
        reply = edge_dns.answer(wire + b"\0\0\1\0\1", VIEW)
        assert reply.kind == ("nxdomain" if suffix else "nodata")


def test_bad_messages() -> None:
    good = query("vm1.red.test")
    cases = {
        "formerr": (good[:4] + b"\0\2" + good[6:] + good[12:], good[:4] + b"\0\0" + good[6:],
                    good[:-3], good + b"trailing", good[:10] + b"\0\3" + good[12:],
                    good[:12] + b"\xc0\x0c\0\1\0\1", good[:12] + b"\x7f" + good[13:]),
        "notimp": (good[:2] + b"\x28" + good[3:], good[:2] + b"\x10" + good[3:]),
    }  # fmt: skip
    for kind, wires in cases.items():
        for wire in wires:
            reply = edge_dns.answer(wire, VIEW)
            assert reply.kind == kind and len(reply.wire) == 12
            assert reply.wire[:2] == wire[:2] and reply.wire[2] & 0x80
    for wire in (b"", good[:11], good[:2] + b"\x81" + good[3:], good + bytes(2000)):
        with pytest.raises(packet.Malformed):
            edge_dns.answer(wire, VIEW)


def test_edns() -> None:
    _, message = ask("vm1.red.test", use_edns=0, payload=4096, want_dnssec=True)
    assert (message.edns, message.payload) == (0, 1232)
    assert ask("vm1.red.test")[1].edns == -1
    wire = bytearray(query("vm1.red.test", use_edns=0))
    wire[-5] = 1  # the EDNS version
    reply = edge_dns.answer(bytes(wire), VIEW)
    assert reply.kind == "badvers"
    assert dns.message.from_wire(reply.wire).rcode() == dns.rcode.BADVERS


def test_truncation() -> None:
    many = edge_dns.DnsView("red.test", {"many": tuple(f"10.0.1.{n}" for n in range(60))}, {})
    reply = edge_dns.answer(query("many.red.test"), many)
    assert len(reply.wire) <= 512 and reply.reason == "truncated"
    assert dns.message.from_wire(reply.wire).flags & dns.flags.TC
    over_tcp = edge_dns.answer(query("many.red.test"), many, udp=False)
    assert len(dns.message.from_wire(over_tcp.wire).answer[0]) == 60
    roomy = edge_dns.answer(query("many.red.test", use_edns=0, payload=4096), many)
    assert not roomy.reason and len(roomy.wire) <= dns_message.MAX_UDP


def test_matches() -> None:
    sent = dns_relay.with_id(edge_dns.answer(query("example.com"), VIEW).wire, 4242)
    good = dns_relay.with_id(response("example.com", "60 A 192.0.2.1"), 4242)
    assert dns_relay.matches(sent, good)
    assert dns_relay.matches(sent, good.replace(b"example", b"eXaMple"))
    assert not dns_relay.matches(sent, dns_relay.with_id(good, 4243))
    assert not dns_relay.matches(sent, sent) and not dns_relay.matches(sent, good[:11])
    other = dns_relay.with_id(response("example.org", "60 A 192.0.2.1"), 4242)
    assert not dns_relay.matches(sent, other)


def test_finish_suits_the_client() -> None:
    got = response("example.com", "60 A 192.0.2.1")
    wire = dns_relay.finish(query("eXample.com"), got)
    message = dns.message.from_wire(wire)
    assert (message.id, message.edns) == (77, -1) and message.flags & dns.flags.RA
    assert message.question[0].name.to_text() == "eXample.com."
    assert str(message.answer[0][0]) == "192.0.2.1"
    message = dns.message.from_wire(dns_relay.finish(query("example.com", use_edns=0), got))
    assert (message.edns, message.payload) == (0, 1232)
    big = response("example.com", *(f"60 A 192.0.2.{n}" for n in range(60)))
    short = dns.message.from_wire(dns_relay.finish(query("example.com"), big))
    assert short.flags & dns.flags.TC and not short.answer
    whole = dns.message.from_wire(dns_relay.finish(query("example.com"), big, udp=False))
    assert len(whole.answer[0]) == 60
    with pytest.raises(packet.Malformed):
        dns_relay.finish(query("example.org"), got)
    with pytest.raises(packet.Malformed):
        dns_relay.finish(query("example.com"), got[:-20])


def test_failure() -> None:
    message = dns.message.from_wire(dns_relay.failure(query("example.com")))
    assert (message.id, message.rcode()) == (77, dns.rcode.SERVFAIL)
    with pytest.raises(packet.Malformed):
        dns_relay.failure(b"short")


QUESTION = dns_wire.Question(b"\7example\3com\0", 1, 1, False)


def test_cache_counts_down_and_ends() -> None:
    cache = dns_wire.Cache(max_entries=10, max_ttl=100)
    assert cache.get(QUESTION, 0) is None
    assert cache.put(QUESTION, response("Example.com", "60 A 192.0.2.1"), 1000.0)
    message = dns.message.from_wire(
        dns_relay.finish(query("example.com"), cache.get(QUESTION, 1012.5))
    )
    assert message.answer[0].ttl == 48 and message.edns == -1
    assert cache.get(QUESTION._replace(dnssec=True), 1012) is None
    assert cache.get(QUESTION, 1060) is None and len(cache) == 0
    assert (cache.hits, cache.misses) == (1, 3)
    cache.put(QUESTION, response("example.com", "86400 A 192.0.2.1"), 0)
    assert dns.message.from_wire(cache.get(QUESTION, 10)).answer[0].ttl == 90
    assert cache.get(QUESTION, 100) is None


def test_cache_is_negative_too() -> None:
    cache = dns_wire.Cache()
    soa = "300 ns.test. h.test. 1 2 3 4 30"
    assert cache.put(QUESTION, response("example.com", rcode=3, authority=soa), 0)
    assert dns.message.from_wire(cache.get(QUESTION, 29)).rcode() == dns.rcode.NXDOMAIN
    assert cache.get(QUESTION, 30) is None
    assert cache.put(QUESTION, response("example.com", authority=soa), 0)
    assert not cache.put(QUESTION, response("example.com", rcode=3), 0)


def test_cache_refuses() -> None:
    cache = dns_wire.Cache()
    truncated = bytearray(response("example.com", "60 A 192.0.2.1"))
    truncated[2] |= 2
    for wire in (response("example.com", rcode=2), response("example.com", "0 A 192.0.2.1"),
                 bytes(truncated), response("example.com", *("60 TXT " + "x" * 250 for _ in "ab"),
                 "60 TXT " + " ".join(["y" * 250] * 20))):  # fmt: skip
        assert not cache.put(QUESTION, wire, 0)
    for wire in (b"", query("example.com"), response("example.org", "60 A 192.0.2.1"),
                 response("example.com", "60 A 192.0.2.1", edns=False)[:-1]):  # fmt: skip
        with pytest.raises(packet.Malformed):
            cache.put(QUESTION, wire, 0)
    assert len(cache) == 0
    with pytest.raises(ValueError):
        dns_wire.Cache(max_entries=0)


def test_cache_is_bounded_oldest_use_first() -> None:
    cache = dns_wire.Cache(max_entries=3)
    questions = [dns_wire.Question(bytes((1, 97 + n)) + b"\0", 1, 1, False) for n in range(5)]
    for index, question in enumerate(questions[:3]):
        cache.put(question, response(chr(97 + index), "60 A 192.0.2.1"), 0)
    assert cache.get(questions[0], 1)
    for index in (3, 4):
        cache.put(questions[index], response(chr(97 + index), "60 A 192.0.2.1"), 1)
    assert len(cache) == 3 and cache.get(questions[0], 2) and not cache.get(questions[1], 2)
    cache.resize(1)
    assert len(cache) == 1 and cache.get(questions[0], 2)
    cache.clear()
    assert not len(cache)


def test_frames() -> None:
    wire = query("vm1.red.test")
    four = (address_bytes("10.0.0.5"), address_bytes("10.0.0.1"))
    six = (LINK_LOCAL, address_bytes("fd00::1"))
    for (src, dst), build, parse in ((four, build_udp4, packet.udp4),
                                     (six, build_udp6, packet.udp6)):  # fmt: skip
        asked = edge_dns.query_of(build(GATEWAY_MAC, MAC, src, dst, 4000, 53, wire))
        assert asked.payload == wire
        back = parse(edge_dns.reply_frame(asked, edge_dns.answer(wire, VIEW).wire))
        assert (back.dst_mac, back.src_mac, back.src, back.dst) == (MAC, GATEWAY_MAC, dst, src)
        assert (back.src_port, back.dst_port) == (53, 4000)
        for bad in (build(GATEWAY_MAC, MAC, src, dst, 4000, 54, wire),
                    build(GATEWAY_MAC, MAC, src, dst, 0, 53, wire),
                    build(b"\xff" * 6, MAC, src, dst, 4000, 53, wire),
                    build(GATEWAY_MAC, MAC, src, b"\xff" * len(dst), 4000, 53, wire)):  # fmt: skip
            with pytest.raises(packet.Malformed):
                edge_dns.query_of(bad)

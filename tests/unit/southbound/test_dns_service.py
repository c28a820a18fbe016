"""DNS for VMs: against resolvers on the loopback, good and bad."""

from __future__ import annotations

import socket

import dns.flags
import dns.message
import dns.rcode
import pytest

from lab.beds.option_values import dns_limits
from ryu_apps.southbound.services.dns import service as dns_service
from ryu_apps.southbound.services.dns.resolvers import STREAK
from tests.unit.southbound.dns_support import beds, eventually, good, resolvers, response, silent
from vrouter_ovs.proxies.packet import Malformed

bed, resolver = pytest.fixture(beds), pytest.fixture(resolvers)


def test_names_of_the_network_are_answered_at_once(bed) -> None:
    at = bed("192.0.2.53")
    answer = at.ask("vm1.red.test")
    assert answer.kind == "answer" and len(answer.frames) == 1
    assert at.ask("vm1.blue.test").kind == "nxdomain"
    assert at.ask("vm1.blue.test", network="blue").kind == "answer"
    assert at.ask("vm1", network="green").reason == "no such network"
    at.service.changed("blue", None)
    assert at.ask("vm1.blue.test", network="blue").kind == "ignored"
    with pytest.raises(Malformed):
        at.ask_wire(b"short")
    status = at.service.status()
    assert status["queries"] == {"answer": 2, "nxdomain": 1} and status["networks"] == 1


def test_other_names_come_from_the_resolver(bed, resolver) -> None:
    far = resolver()
    at = bed(far.name)
    message = at.looked_up("wWw.example.com", ident=4321)
    assert message.id == 4321 and str(message.answer[0][0]) == "192.0.2.1"
    assert message.question[0].name.to_text() == "wWw.example.com."
    assert message.answer[0].ttl == 60 and message.flags & dns.flags.RA
    query, stream = far.asked[0]
    assert not stream and query.payload == 1232 and not query.options
    assert at.looked_up("www.example.com").answer and len(far.asked) == 1
    status = at.idle()
    assert status["results"] == {"forwarded": 1, "cached": 1}
    assert status["cache"]["hits"] == 1 and status["cache"]["misses"] == 1
    assert ("hv1", "answered", "dns forwarded") in at.counted


def test_without_resolvers(bed) -> None:
    at = bed()
    assert at.ask("www.example.com").kind == "refused"
    assert at.ask("vm1.red.test").kind == "answer"
    assert at.service.status()["resolvers"] == []


def test_ids_and_ports_are_drawn_for_each_query(bed, resolver) -> None:
    far = resolver()
    at = bed(far.name)
    for n in range(50):
        at.looked_up(f"n{n}.example")
    assert len({query.id for query, _ in far.asked}) > 40
    assert len(set(far.sources)) > 40


def test_networks_do_not_learn_from_each_other(bed, resolver) -> None:
    far = resolver()
    at = bed(far.name)
    for network in ("red", "blue", "red", "blue"):
        at.looked_up("www.example.com", network=network)
    assert len(far.asked) == 2, "each network's first question is asked"
    at.service.changed("red", None)
    at.service.changed("red", dns_service.DnsView("red.test", {}, {}))
    eventually(lambda: at.service.status()["cache"]["networks"] == 1 or at.ask("vm1").kind)
    at.looked_up("www.example.com", network="blue")
    assert len(far.asked) == 2


def test_a_network_that_goes_is_forgotten(bed, resolver) -> None:
    waiting = resolver(silent)
    at = bed(waiting.name)
    at.ask("www.example.com")
    eventually(lambda: waiting.asked)
    at.service.changed("red", None)
    status = at.idle()
    assert status["waiting"] == 0 and at.sent.empty()
    waiting.behave = good
    at.looked_up("www.example.com", network="blue")
    at.service.changed("blue", None)
    eventually(lambda: at.service.status()["cache"]["networks"] == 0)


def test_same_questions_are_asked_once_for_a_network(bed, resolver) -> None:
    far = resolver(silent)
    at = bed(far.name)
    for ofport in (5, 6, 7):
        at.ask("www.example.com", ofport=ofport, ident=ofport)
        at.ask("www.example.com", ofport=ofport, ident=ofport)  # the client again
    at.ask("www.example.com", ofport=8, network="blue", ident=8)
    eventually(lambda: at.service.status()["waiting"] == 4 and len(far.asked) == 2)
    # The answer of a resolver that took its time.
    for (query, _), source in zip(list(far.asked), list(far.sources), strict=True):
        far._udp.sendto(response(query), ("127.0.0.1", source))
    assert {(ofport, m.id) for ofport, m in (at.heard() for _ in range(4))} == {
        (5, 5), (6, 6), (7, 7), (8, 8),
    }  # fmt: skip
    forwarding = at.idle()["forwarding"]
    assert forwarding["merged"] == 2 and forwarding["repeated"] == 3 and at.sent.empty()


def test_a_port_that_left_gets_nothing(bed, resolver) -> None:
    far = resolver(silent)
    at = bed(far.name)
    at.ask("www.example.com")
    eventually(lambda: far.asked)
    del at.ports["hv1", 5]
    at.port(5, "blue")  # another VM where the first was
    far._udp.sendto(response(far.asked[0][0]), ("127.0.0.1", far.sources[0]))
    assert at.idle()["results"] == {"left": 1}
    assert at.sent.empty() and at.counted == [("hv1", "ignored", "dns: the port left")]


@pytest.mark.parametrize("stream", [False, True])
def test_silence_and_the_next_resolver(bed, resolver, stream) -> None:
    """The second resolver answers for the first, which is asked last after a few failures."""

    def cut(query, over_tcp):
        return [] if over_tcp or not stream else [response(query, truncated=True)]

    bad, far = resolver(cut), resolver()
    at = bed(bad.name, far.name, timeout=0.05)
    for n in range(STREAK):
        assert at.looked_up(f"n{n}.example").answer
    before = len(bad.asked)
    assert at.looked_up("more.example").answer and len(bad.asked) == before
    status = at.idle()
    assert [each["answers"] for each in status["resolvers"]] == [False, True]


def test_nobody_answers(bed, resolver) -> None:
    far = resolver(silent)
    at = bed(far.name, timeout=0.05, tries=3)
    assert at.looked_up("www.example.com").rcode() == dns.rcode.SERVFAIL
    assert len(far.asked) == 3 and at.idle()["results"] == {"unanswered": 1}
    assert at.looked_up("www.example.com").rcode() == dns.rcode.SERVFAIL
    assert len(far.asked) == 3, "not asked again at once (RFC 9520 section 3.2)"
    assert at.idle()["forwarding"]["failed again"] == 1


def test_nobody_listens(bed) -> None:
    """Said at once by the system, not after the time of three tries."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        name = f"127.0.0.1:{free.getsockname()[1]}"
    at = bed(name, timeout=600.0)
    assert at.looked_up("www.example.com").rcode() == dns.rcode.SERVFAIL


@pytest.mark.parametrize("rcode", [dns.rcode.SERVFAIL, dns.rcode.REFUSED, dns.rcode.FORMERR])
def test_a_resolver_that_cannot(bed, resolver, rcode) -> None:
    def refuse(query, stream):
        return [response(query, (), rcode=rcode)]

    first, second = resolver(refuse), resolver()
    at = bed(first.name, second.name)
    assert at.looked_up("www.example.com").answer
    second.behave = refuse
    assert at.looked_up("www.example.org").rcode() == rcode
    assert len(first.asked) == len(second.asked) == 2
    assert at.looked_up("www.example.org").rcode() == rcode
    assert len(first.asked) == len(second.asked) == 2, "remembered for a moment"


def test_negative_answers_are_remembered(bed, resolver) -> None:
    far = resolver(lambda query, stream: [response(query, (), rcode=3)])
    at = bed(far.name)
    for _ in range(2):
        assert at.looked_up("none.example").rcode() == dns.rcode.NXDOMAIN
    assert len(far.asked) == 1


def test_truncated_answers_are_asked_for_again(bed, resolver) -> None:
    many = [f"192.0.2.{n}" for n in range(70)]

    def large(query, stream):
        return [response(query, many if stream else (), truncated=not stream)]

    far = resolver(large)
    at = bed(far.name)
    message = at.looked_up("many.example", use_edns=0, payload=4096)
    assert len(message.answer[0]) == 70 and not message.flags & dns.flags.TC
    assert [stream for _, stream in far.asked] == [False, True]
    small = at.looked_up("many.example")
    assert small.flags & dns.flags.TC and not small.answer
    assert len(far.asked) == 2


@pytest.mark.parametrize("ending", ["refused", "closed", "silent", "wrong", "empty", "huge"])
def test_truncated_and_no_better_over_tcp(bed, resolver, ending) -> None:
    def lie(query, stream):
        if not stream:
            return [response(query, (), truncated=True)]
        return {"closed": [b""], "silent": [], "wrong": [response(query)[:-20]], "empty": [b""],
                "huge": [b"\xff" * 65535]}[ending]  # fmt: skip

    far = resolver(lie, stream=ending != "refused")
    at = bed(far.name, timeout=0.2 if ending == "silent" else 30.0, tries=2)
    assert at.looked_up("www.example.com").rcode() == dns.rcode.SERVFAIL
    assert at.idle()["waiting"] == 0


def lies(query: dns.message.Message, stream: bool) -> list[bytes]:
    """Everything but an answer to the question."""
    true = response(query)
    other = dns.message.make_query("www.evil.example", "A", id=query.id)
    return [
        bytes((true[0] ^ 1,)) + true[1:], response(other), query.to_wire(), b"", b"\0",
        true[:11], b"\xff" * 65000, true[:4] + bytes(8) + true[12:],
    ]  # fmt: skip


def test_lies_are_not_believed(bed, resolver) -> None:
    def lie_first(query, stream):
        return [*lies(query, stream), response(query, ["192.0.2.7"])]

    far = resolver(lie_first)
    at = bed(far.name)
    assert str(at.looked_up("www.example.com").answer[0][0]) == "192.0.2.7"
    assert at.idle()["forwarding"]["wrong"] == len(lies(far.asked[0][0], False))


def test_nothing_but_lies(bed, resolver) -> None:
    """A resolver that sends much but no answer does not keep a query for longer than others."""
    far = resolver(lambda query, stream: lies(query, stream) * 4)
    at = bed(far.name, timeout=600.0)
    assert at.looked_up("www.example.com").rcode() == dns.rcode.SERVFAIL
    damaged = resolver(lambda query, stream: [response(query)[:-3]])
    at = bed(damaged.name, timeout=600.0)
    assert at.looked_up("www.example.com").rcode() == dns.rcode.SERVFAIL
    assert at.idle()["forwarding"]["malformed"] == 3


def test_flags_go_to_the_resolver_and_back(bed, resolver) -> None:
    """A resolver that validates says so where it is asked; each form is asked once."""

    def validating(query, stream):
        made = dns.message.from_wire(response(query))
        if query.flags & dns.flags.AD or query.ednsflags & dns.flags.DO:
            made.flags |= dns.flags.AD
        return [made.to_wire()]

    far = resolver(validating)
    at = bed(far.name)
    forms = [{"flags": dns.flags.RD}, {"flags": dns.flags.RD | dns.flags.AD},
             {"flags": dns.flags.RD | dns.flags.CD}, {"want_dnssec": True}]  # fmt: skip
    for _ in range(2):
        said = [at.looked_up("www.example.com", **form).flags for form in forms]
        assert [bool(flags & dns.flags.AD) for flags in said] == [False, True, False, True]
        assert [bool(flags & dns.flags.CD) for flags in said] == [False, False, True, False]
    assert [query.flags & (dns.flags.AD | dns.flags.CD) for query, _ in far.asked] == [
        0, dns.flags.AD, dns.flags.CD, 0
    ]  # fmt: skip
    assert at.idle()["cache"]["hits"] == 4


def test_zones_that_the_resolvers_have(bed, resolver) -> None:
    far = resolver()
    at = bed(far.name, forward_zones=("corp.local",))
    assert at.looked_up("dc1.corp.local").answer
    assert at.ask("printer.local").kind == "nxdomain"
    assert far.names() == ["dc1.corp.local."]
    with pytest.raises(ValueError, match="no such zone"):
        dns_service.DnsService(lambda *_: True, (), dns_limits(), forward_zones=("example.com",))

"""DNS for VMs: against resolvers on the loopback, good and bad."""

from __future__ import annotations

import queue
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace

import dns.flags
import dns.message
import dns.rcode
import pytest
from oslo_config import cfg

from ryu_apps import settings
from ryu_apps.southbound import dns as dns_service
from ryu_apps.southbound import dns_forwarder
from ryu_apps.southbound.dns import DnsService
from ryu_apps.southbound.dns_resolvers import STREAK, Limits, limits_of, parse_resolver
from ryu_apps.southbound.punt import PuntSouthbound
from tests.unit.dns_support import (
    OWN,
    RED,
    SERVER,
    Bed,
    Resolver,
    eventually,
    good,
    response,
    silent,
)
from tests.unit.proxy_support import GATEWAY_MAC, MAC, PORT
from tests.unit.tcp_support import Client, framed
from tests.unit.test_punt import packet_in
from vrouter_ovs.edge import Why
from vrouter_ovs.proxies.mdns import GROUP4, GROUP4_MAC
from vrouter_ovs.proxies.packet import Malformed, build_udp4
from vrouter_ovs.registers import REGISTERS


@pytest.fixture
def resolver() -> Iterator[Callable[..., Resolver]]:
    made: list[Resolver] = []

    def make(*arguments, **settings) -> Resolver:
        made.append(Resolver(*arguments, **settings))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def bed() -> Iterator[Callable[..., Bed]]:
    made: list[Bed] = []

    def make(*resolvers: str, **limits: float) -> Bed:
        made.append(Bed(*resolvers, **limits))
        return made[-1]

    yield make
    for each in made:
        each.service.stop()
        assert not each.service._thread.is_alive()
        assert each.service.status()["results"].get("errors", 0) == 0


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
    assert at.looked_up("www.example.org").rcode() == rcode, "not remembered"
    assert len(first.asked) == 3


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


def test_bounds_of_port_network_and_all(bed, resolver) -> None:
    far = resolver(silent)
    at = bed(far.name, in_flight=10, per_network=7, per_port=4)
    for n in range(6):
        at.ask(f"n{n}.example", ofport=5)
    for n in range(10, 16):
        at.ask(f"n{n}.example", ofport=6)
    for n in range(20, 26):
        at.ask(f"n{n}.example", ofport=7, network="blue")
    refused = [at.heard() for _ in range(2 + 3 + 3)]
    assert [ofport for ofport, _ in refused] == [5, 5, 6, 6, 6, 7, 7, 7]
    assert {message.rcode() for _, message in refused} == {dns.rcode.SERVFAIL}
    status = at.service.status()
    assert status["in_flight"] == 10 and status["results"] == {"busy": 8}


def test_thousands_in_flight(bed, resolver) -> None:
    """With a silent resolver: bounded, everyone hears something, and nothing is left behind."""
    far = resolver(silent)
    at = bed(far.name, timeout=0.2, tries=2)
    asked = most = 0
    for round_ in range(25):
        for n in range(200):
            asked += at.ask(f"n{n}.r{round_}.example", ofport=n, ident=n, source=4000 + round_,
                            network="red" if n % 2 else "blue").kind == "later"  # fmt: skip
        status = at.service.status()
        most = max(most, status["in_flight"])
    assert asked > 1000
    status = at.idle()
    eventually(lambda: at.sent.qsize() == asked, lambda: (at.sent.qsize(), asked))
    assert most <= 256 and status["waiting"] == 0 and status["cache"]["entries"] == 0
    forwarder = at.service._forwarder
    assert not (forwarder._of_port or forwarder._of_network or forwarder._deadlines)
    assert len(at.service._selector.get_map()) == 1
    far.behave = good
    at.sent.queue.clear()
    assert at.looked_up("after.example").answer


def test_more_than_the_thread_can_take_is_dropped(bed, monkeypatch) -> None:
    monkeypatch.setattr(dns_service, "QUEUE", 10)
    at = bed("192.0.2.53")
    gate = threading.Event()
    at.service._jobs.extend([lambda now: gate.wait(60)] * 12)
    at.service._nudge()
    assert at.ask("www.example.com").reason == "busy"
    assert at.service.status()["queries"]["dropped"] == 1
    gate.set()


def test_no_descriptors(bed, resolver, monkeypatch) -> None:
    def none(*arguments):
        raise OSError(24, "Too many open files")

    far = resolver()
    at = bed(far.name)
    monkeypatch.setattr(dns_forwarder.socket, "socket", none)
    assert at.looked_up("www.example.com").rcode() == dns.rcode.SERVFAIL
    monkeypatch.undo()
    assert at.looked_up("www.example.com").answer
    assert at.idle()["forwarding"]["no socket"] == 1 and at.idle()["resolvers"][0]["answers"]


def test_a_fault_does_not_end_the_thread(bed, resolver) -> None:
    far = resolver()
    at = bed(far.name)

    def fault(now):
        raise RuntimeError("as a test")

    at.service._jobs.append(fault)
    assert at.looked_up("www.example.com").answer
    assert at.service.status()["results"].pop("errors") == 1
    at.service._results.clear()


def test_the_cache_is_shared_out(bed, resolver) -> None:
    far = resolver()
    at = bed(far.name, cache_entries=20, cache_per_network=15)
    for n in range(30):
        at.looked_up(f"n{n}.example")
    assert at.idle()["cache"]["entries"] == 15
    at.looked_up("www.example.com", network="blue")
    assert at.idle()["cache"]["entries"] == 11, "half for each"
    before = len(far.asked)
    for n in range(30):
        at.looked_up(f"n{n}.example")
    at.looked_up("www.example.com", network="blue")
    assert len(far.asked) == before + 30, "what one asks, the other does not lose"


@pytest.mark.parametrize(
    ("text", "found"),
    [("192.0.2.1", ("192.0.2.1", 53)), ("192.0.2.1:5353", ("192.0.2.1", 5353)),
     ("2001:db8::1", ("2001:db8::1", 53)), ("[2001:db8::1]:54", ("2001:db8::1", 54)),
     ("[2001:db8::1]", ("2001:db8::1", 53)), *((text, None) for text in (
         "", "resolver.example", "192.0.2.1:", "192.0.2.1:0", "192.0.2.1:65536", "[::1", "1.2.3",
         "[2001:db8::1]x53", "192.0.2.1:٥٣", "[192.0.2.1:53", "2001:db8::1]:53"))],
)  # fmt: skip
def test_how_resolvers_are_written(text, found) -> None:
    if found is None:
        with pytest.raises(ValueError, match="is not ADDRESS"):
            parse_resolver(text)
        return
    made = parse_resolver(text)
    assert (made.address, made.port) == found


def test_with_the_punt_worker(resolver) -> None:
    """As the node wires them: packet-ins with a reason in, packet-outs out, everything counted."""
    sent: queue.Queue[tuple[str, int, bytes]] = queue.Queue()

    def send(element: str, ofport: int, frame: bytes) -> bool:
        sent.put((element, ofport, frame))
        return True

    service = DnsService(send, (resolver().name,), lambda *what: punt.count(*what),
                         lambda place: punt.current(place))  # fmt: skip
    punt = PuntSouthbound(send, {Why.DNS: service.query, Why.MDNS: service.multicast_query})
    service.changed("red", RED)
    punt.changed("hv1", 5, replace(PORT, network_id="red", v6=()))

    def put(why: Why, frame: bytes) -> None:
        after = REGISTERS["why"].header.to_bytes(4, "big") + why.to_bytes(4, "big")
        punt.punted("hv1", packet_in(5, frame, after=after))

    for part in (service, punt):
        part.start()
    for name in ("vm1.red.test", "www.example.com", "www.example.com"):
        wire = dns.message.make_query(name, "A", id=7).to_wire()
        put(Why.DNS, build_udp4(GATEWAY_MAC, MAC, OWN, SERVER, 4000, 53, wire))
        element, ofport, frame = sent.get(timeout=60)
        assert (element, ofport, frame[:6]) == ("hv1", 5, MAC)
    client = Client(framed(wire))
    frames = client.send()
    while not client.done:
        for frame in frames:
            put(Why.DNS, frame)
        frames = client.take(sent.get(timeout=60)[2])
    put(Why.MDNS, build_udp4(GROUP4_MAC, MAC, OWN, GROUP4, 5353, 5353, wire))
    put(Why.DNS, build_udp4(GATEWAY_MAC, MAC, OWN, SERVER, 4000, 53, b""))
    status = eventually(lambda: (s := punt.status("hv1"))["malformed"] and s["ignored"] and s)
    assert status["answered"] == {
        "dns answer": 1, "dns forwarded": 1, "dns cached": 1, "dns tcp cached": 1,
    }  # fmt: skip
    assert status["malformed"] == {"DNS header cut": 1}
    assert status["ignored"] == {"mdns: nothing to say": 1}
    for part in (punt, service):
        part.stop()


def test_limits_come_from_the_options() -> None:
    conf = cfg.ConfigOpts()
    settings.register(conf)
    conf([])
    assert limits_of(conf.dns) == Limits() and conf.dns.resolvers == []
    conf.set_override("max_in_flight", 3, group="dns")
    assert limits_of(conf.dns).per_network == 1


def test_stop_before_start_and_twice() -> None:
    at = dns_service.DnsService(lambda *what: True, ("192.0.2.1",))
    at.stop()
    at.stop()

"""DNS over TCP through the whole service: the client is one of the tests."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator

import dns.message
import dns.rcode
import pytest

from tests.unit.southbound.dns_support import (
    Bed,
    Resolver,
    beds,
    eventually,
    good,
    response,
    silent,
)
from tests.unit.vrouter.tcp_support import SIX, Client, framed, make
from vrouter_ovs.proxies.packet import Malformed
from vrouter_ovs.proxies.tcp import wire as tcp_wire
from vrouter_ovs.proxies.tcp.wire import ACK, RST, SYN

PLACE = ("hv1", 5)
bed = pytest.fixture(beds)


@pytest.fixture
def resolver() -> Iterator[Resolver]:
    made = Resolver(good)
    yield made
    made.close()


def query(name: str, ident: int = 7) -> bytes:
    return dns.message.make_query(name, "A", id=ident).to_wire()


def put(at: Bed, frames: list[bytes]) -> None:
    port = at.ports.get(PLACE) or at.port()
    for frame in frames:
        assert at.service.query(frame, port, PLACE)[1].kind == "later"


def talk(at: Bed, client: Client, until: Callable[[], object]) -> None:
    """Hand frames to and fro."""
    put(at, client.send())
    while not until():
        try:
            element, ofport, frame = at.sent.get(timeout=0.5)
        except queue.Empty:
            put(at, client.send(again=True))
            continue
        assert (element, ofport) == PLACE
        put(at, client.take(frame))


def messages(client: Client) -> dict[int, dns.message.Message]:
    found, data = {}, bytes(client.heard)
    while data:
        size = 2 + int.from_bytes(data[:2], "big")
        message = dns.message.from_wire(data[2:size])
        found[message.id] = message
        data = data[size:]
    return found


@pytest.mark.parametrize("way", [None, SIX])
def test_local_and_other_names_on_one_connection(bed, resolver, way) -> None:
    at = bed(resolver.name)
    names = ("vm1.red.test", "www.example.com", "x.blue.test", "www.example.com")
    client = Client(framed(*map(query, names, range(4))), **({"way": way} if way else {}))
    talk(at, client, lambda: client.done)
    found = messages(client)
    assert str(found[0].answer[0][0]) == "10.0.0.5"
    assert str(found[1].answer[0][0]) == str(found[3].answer[0][0]) == "192.0.2.1"
    assert found[2].rcode() == dns.rcode.NXDOMAIN
    assert len(resolver.asked) == 1, "asked in one go, the same is asked once"
    status = at.idle()
    assert status["tcp"] == {"connections": 0, "bytes": 0, "opened": 1, "requests": 4}
    assert status["results"] == {"tcp answer": 1, "tcp nxdomain": 1, "tcp forwarded": 2}
    assert at.counted.count(("hv1", "answered", "dns tcp forwarded")) == 2


def test_more_than_fits_a_datagram(bed, resolver) -> None:
    many = [f"192.0.2.{n}" for n in range(200)]
    resolver.behave = lambda asked, stream: [
        response(asked, many if stream else (), truncated=not stream)
    ]
    at = bed(resolver.name)
    client = Client(framed(query("many.example")), mss=300)
    talk(at, client, lambda: client.done)
    assert len(messages(client)[7].answer[0]) == 200


def test_a_resolver_that_fails_and_a_message_that_is_none(bed, resolver) -> None:
    resolver.behave = silent
    at = bed(resolver.name, timeout=0.05, tries=1)
    client = Client(framed(query("www.example.com")))
    talk(at, client, lambda: client.done)
    assert messages(client)[7].rcode() == dns.rcode.SERVFAIL
    client = Client(framed(b"\0\7\x80" + bytes(20)), port=4001)  # a response
    talk(at, client, lambda: client.broken)
    assert ("hv1", "malformed", "a DNS response") in at.counted


def test_the_network_goes_while_an_answer_waits(bed, resolver) -> None:
    resolver.behave = silent
    at = bed(resolver.name)
    client = Client(framed(query("www.example.com")))
    client.finish = False
    talk(at, client, lambda: resolver.asked)
    at.service.changed("red", None)
    while not client.broken:
        client.take(at.sent.get(timeout=60)[2])
    assert at.idle()["tcp"]["connections"] == 0


def test_the_port_leaves(bed, resolver) -> None:
    """What was its connection answers nobody else, and is forgotten."""
    at = bed(resolver.name)
    client = Client(framed(query("vm1.red.test")))
    client.finish = False
    talk(at, client, lambda: client.heard)
    assert at.service.status()["tcp"]["connections"] == 1
    del at.ports[PLACE]
    at.port(5, "blue")
    put(at, [make(client.isn + client.acked, client._expected(), ACK, b"\0\x20")])
    (reply,) = [tcp_wire.parse(at.sent.get(timeout=60)[2])]
    assert reply.flags & RST, "the new port has no such connection"
    other = Client(framed(query("vm1.red.test")))
    talk(at, other, lambda: other.done)
    assert messages(other)[7].rcode() == dns.rcode.NXDOMAIN
    at.service._later(lambda now: at.service._streams.serve(now + 20))
    eventually(lambda: at.service.status()["tcp"]["connections"] == 0, "its time is over")
    assert at.sent.empty()


def test_frames_that_are_none(bed) -> None:
    at = bed()
    for frame in (make(1, 0, SYN)[:-1], make(1, 0, SYN)[:50] + b"\1" + make(1, 0, SYN)[51:]):
        with pytest.raises(Malformed):
            at.service.query(frame, at.port(), PLACE)
    other = tcp_wire.build(bytes(6), bytes(6), bytes(4), bytes(4), 53, 54, 1, 0, SYN, 100)
    with pytest.raises(Malformed):
        at.service.query(other, at.port(), PLACE)

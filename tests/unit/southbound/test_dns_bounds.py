"""DNS for VMs: its bounds, its options, and how the node wires it."""

from __future__ import annotations

import queue
import threading
from dataclasses import replace

import dns.message
import dns.rcode
import pytest
from oslo_config import cfg

from lab.beds.option_values import dns_limits
from ryu_apps import option_values, settings
from ryu_apps.southbound.services.dns import exchange as dns_tries
from ryu_apps.southbound.services.dns import service as dns_service
from ryu_apps.southbound.services.dns.resolvers import parse_resolver
from ryu_apps.southbound.services.dns.service import DnsService
from ryu_apps.southbound.services.packet_in import PuntDispatcher
from tests.unit.southbound.dns_support import (
    OWN,
    RED,
    SERVER,
    beds,
    eventually,
    good,
    resolvers,
    silent,
)
from tests.unit.southbound.packet_in_support import packet_in
from tests.unit.vrouter.proxy_support import GATEWAY_MAC, MAC, PORT
from tests.unit.vrouter.tcp_support import Client, framed
from vrouter_ovs.edge import PuntReason
from vrouter_ovs.proxies.build import build_udp4
from vrouter_ovs.proxies.dns.mdns import GROUP4, GROUP4_MAC
from vrouter_ovs.schema.registers import REGISTERS

bed, resolver = pytest.fixture(beds), pytest.fixture(resolvers)


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
    monkeypatch.setattr(dns_tries.socket, "socket", none)
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

    service = DnsService(send, (resolver().name,), dns_limits(), lambda *what: punt.count(*what),
                         lambda place: punt.current(place))  # fmt: skip
    punt = PuntDispatcher(send, {
        PuntReason.DNS: service.query, PuntReason.MDNS: service.multicast_query,
    })  # fmt: skip
    service.changed("red", RED)
    punt.changed("hv1", 5, replace(PORT, network_id="red", v6=()))

    def put(why: PuntReason, frame: bytes) -> None:
        after = REGISTERS["punt_reason"].header.to_bytes(4, "big") + why.to_bytes(4, "big")
        punt.punted("hv1", packet_in(5, frame, after=after))

    for part in (service, punt):
        part.start()
    for name in ("vm1.red.test", "www.example.com", "www.example.com"):
        wire = dns.message.make_query(name, "A", id=7).to_wire()
        put(PuntReason.DNS, build_udp4(GATEWAY_MAC, MAC, OWN, SERVER, 4000, 53, wire))
        element, ofport, frame = sent.get(timeout=60)
        assert (element, ofport, frame[:6]) == ("hv1", 5, MAC)
    client = Client(framed(wire))
    frames = client.send()
    while not client.done:
        for frame in frames:
            put(PuntReason.DNS, frame)
        frames = client.take(sent.get(timeout=60)[2])
    put(PuntReason.MDNS, build_udp4(GROUP4_MAC, MAC, OWN, GROUP4, 5353, 5353, wire))
    put(PuntReason.DNS, build_udp4(GATEWAY_MAC, MAC, OWN, SERVER, 4000, 53, b""))
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
    limits = option_values.dns_limits(conf)
    assert (limits.in_flight, limits.per_network, limits.timeout) == (256, 128, 2.0)
    assert conf.dns.resolvers == []
    conf.set_override("max_in_flight", 3, group="dns")
    assert option_values.dns_limits(conf).per_network == 1


def test_stop_before_start_and_twice() -> None:
    at = dns_service.DnsService(lambda *what: True, ("192.0.2.1",), dns_limits())
    at.stop()
    at.stop()

"""Whatever a VM sends: only Malformed comes out, and answers are bounded and go to the asker alone.

``VNC_HOSTILE_PACKETS`` sets how many packets the long run sends (default 20,000);
``HYPOTHESIS_PROFILE=soak`` draws more examples.
"""

from __future__ import annotations

import os
import random

from hypothesis import given, settings
from hypothesis import strategies as st

from lab.beds.option_values import dns_limits
from ryu_apps.southbound.services.dns.service import DnsService
from tests.property.hostile_frames import FRAMES, PORT, QUERIES, VIEW, mutate, repair, throw
from tests.property.world_model import DEEPER
from tests.unit.vrouter import proxy_support as clients
from vrouter_ovs.proxies import packet
from vrouter_ovs.proxies.dhcp import dhcp4, dhcp6
from vrouter_ovs.proxies.dhcp.dhcp4_options import DHCP4
from vrouter_ovs.proxies.dhcp.dhcp6_options import DHCP6
from vrouter_ovs.proxies.dns import dns as edge_dns
from vrouter_ovs.proxies.dns import relay as dns_relay
from vrouter_ovs.proxies.dns import wire as dns_wire

PACKETS = int(os.environ.get("VNC_HOSTILE_PACKETS", "20000"))


def test_the_frames_are_answered_as_they_are() -> None:
    """The mutations start from frames that do reach the code: most of them get an answer."""
    assert sum(throw(frame) > 0 for frame in FRAMES) > len(FRAMES) * 2 // 3
    assert all(repair(frame)[:12] == frame[:12] for frame in FRAMES)
    assert sum(throw(repair(frame)) for frame in FRAMES) == sum(throw(frame) for frame in FRAMES)


def test_mutated_frames() -> None:
    rng = random.Random(20)
    answered = sum(throw(mutate(rng.choice(FRAMES), rng)) > 0 for _ in range(PACKETS))
    assert answered > PACKETS // 20  # the mutations are mild enough to reach deep


def test_mutated_frames_to_the_dns_service() -> None:
    """All of the service but its thread: its turns are made here.  Nobody listens at its resolver,
    so that every question that is passed on ends at once."""
    sent: list[bytes] = []
    service = DnsService(lambda element, ofport, frame: sent.append(frame) or True,
                         ("127.0.0.1:1",), dns_limits(tries=1, timeout=1.0))  # fmt: skip
    service.changed(PORT.network_id, VIEW)
    asked = [frame for frame in FRAMES if frame[36:38] == b"\0\x35" or frame[56:58] == b"\0\x35"]
    rng = random.Random(21)
    for _ in range(PACKETS // 4):
        frame = mutate(rng.choice(asked), rng) if rng.random() < 0.9 else rng.choice(asked)
        try:
            _, answer = service.query(frame, PORT, ("hv1", 5))
        except packet.Malformed as error:
            assert error.reason and len(error.reason) < 100
            continue
        assert len(answer.frames) <= 1
        service._nudge()
        service._turn()
        for reply in (*answer.frames, *sent):
            assert len(reply) <= 14 + PORT.mtu
        sent.clear()
        status = service.status()
        assert status["in_flight"] <= 256 and status["tcp"]["connections"] <= 32
        assert status["queued"] <= 1
    assert status["results"]["unanswered"] and status["tcp"]["opened"]
    assert "errors" not in status["results"] and status["cache"]["entries"] == 0
    service.stop()


@settings(max_examples=300 * DEEPER, deadline=None)
@given(st.binary(max_size=1600))
def test_random_bytes(data) -> None:
    throw(data)


@settings(max_examples=200 * DEEPER, deadline=None)
@given(st.sampled_from(FRAMES), st.binary(max_size=300), st.integers(0, 400))
def test_random_tails(frame, tail, cut) -> None:
    throw(repair(frame[: max(14, len(frame) - cut)] + tail))


@settings(max_examples=300 * DEEPER, deadline=None)
@given(st.binary(max_size=600), st.integers(1, 11))
def test_random_dhcp_bodies(body, message_type) -> None:
    throw(clients.dhcp4(message_type, body))
    throw(clients.dhcp6(message_type, body))
    throw(clients.dhcp6(message_type, clients.opt6(3, bytes(12) + body)))


@settings(max_examples=300 * DEEPER, deadline=None)
@given(st.sampled_from(QUERIES), st.data())
def test_hostile_dns(query, data) -> None:
    """Mutated queries and responses; the cache never exceeds its bound."""
    wire = bytearray(query)
    for _ in range(data.draw(st.integers(0, 4))):
        wire[data.draw(st.integers(0, len(wire) - 1))] = data.draw(st.integers(0, 255))
    wire += data.draw(st.binary(max_size=40))
    cache = dns_wire.Cache(max_entries=2)
    question = dns_wire.Question(bytes(query[12:-15]), 1, 1, True)
    for act in (
        lambda: edge_dns.answer(bytes(wire), VIEW),
        lambda: dns_relay.finish(query, bytes(wire)), lambda: dns_relay.finish(bytes(wire), query),
        lambda: cache.put(question, bytes(wire), 0), lambda: dns_relay.failure(bytes(wire)),
        lambda: dns_relay.matches(query, bytes(wire)),
    ):  # fmt: skip
        try:
            act()
        except packet.Malformed as error:
            assert error.reason
    assert len(cache) <= 2


@settings(max_examples=300 * DEEPER, deadline=None)
@given(st.lists(st.tuples(st.sampled_from((4, 6)), st.sampled_from((
    "router", "mtu", "121", "249", "119", "66", "67", "150", "240", "server-ip-address", "51",
    "lease-time", "58", "bootfile-url", "bootfile-param", "ntp-server", "domain-search", "54",
    "dns-server", "no-such", "", "option:3", "option:", "²", "1" * 400,
)), st.one_of(st.text(max_size=60), st.sampled_from((
    "", "10.0.0.1", "0.0.0.0/0,10.0.0.1", "{10.0.0.0/8, 10.0.0.1}", "0x", "0x01", "9" * 5000,
    "x" * 3000, "a.b.c", "fd00::1", ",", "-1", "\ud800",
)))), max_size=6))  # fmt: skip
def test_a_tenant_writes_any_option(options) -> None:
    """Extra options are free text: what cannot be sent is named, and the answer still comes."""
    port = clients.with_options(*options)
    DHCP4.problems(port), DHCP6.problems(port)
    asked = clients.dhcp4(1, asks=bytes((3, 26, 66, 67, 119, 121, 240, 249)))
    (frame,) = dhcp4.answer(asked, port).frames
    _, found, _ = clients.read4(frame)
    assert found[53] == b"\x02" and len(frame) <= 14 + 576
    (frame,) = dhcp6.answer(clients.dhcp6(1, clients.ia_na(), asks=(23, 56, 59, 60)), port).frames
    assert len(frame) <= 14 + 1280


@settings(max_examples=200 * DEEPER, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 1 << 32))
def test_checksum_is_the_ones_complement_sum(data, initial) -> None:
    padded = data + bytes(len(data) & 1)
    total = initial + sum(
        int.from_bytes(padded[at : at + 2], "big") for at in range(0, len(padded), 2)
    )
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    assert packet.checksum(data, initial) == total ^ 0xFFFF

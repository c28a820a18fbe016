"""The punt worker: packet-ins in, packet-outs out, everything bounded and counted."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ryu_apps.southbound.services import packet_in as punt
from ryu_apps.southbound.services import router_advertisements
from ryu_apps.southbound.services.packet_in import PuntDispatcher, classify
from tests.property.world_model import DEEPER
from tests.unit.southbound.packet_in_support import (
    GATEWAY,
    MAC,
    PORT,
    WITH_RA,
    discover,
    eventually,
    packet_in,
    solicitation,
)
from vrouter_ovs.addresses import mac_bytes
from vrouter_ovs.edge import PuntReason
from vrouter_ovs.proxies.build import build_udp4, build_udp6
from vrouter_ovs.schema.registers import REGISTERS
from vrouter_ovs.wire import encode


class Bed:
    def __init__(self) -> None:
        self.sent: queue.Queue[tuple[str, int, bytes]] = queue.Queue()
        self.connected = True
        self.gate = threading.Event()
        self.gate.set()
        self.punt = PuntDispatcher(self._send)
        self.punt.start()

    def _send(self, element: str, ofport: int, frame: bytes) -> bool:
        self.gate.wait(20)
        if self.connected:
            self.sent.put((element, ofport, frame))
        return self.connected


@pytest.fixture
def bed() -> Iterator[Bed]:
    made = Bed()
    yield made
    made.gate.set()
    made.punt.stop()


def test_a_discover_is_offered_the_ports_address(bed: Bed) -> None:
    bed.punt.changed("hv1", 5, PORT)
    bed.punt.punted("hv1", packet_in(5, discover()))
    element, ofport, frame = bed.sent.get(timeout=20)
    assert (element, ofport) == ("hv1", 5)
    assert frame[:6] == mac_bytes(MAC) and frame[6:12] == mac_bytes(GATEWAY)
    assert bytes((10, 0, 1, 11)) in frame
    status = bed.punt.status("hv1")
    assert status["answered"] == {"dhcp offer": 1}
    assert (status["punted"], status["ports"]) == (1, 1)


def test_what_is_not_answered_is_counted(bed: Bed) -> None:
    bed.punt.changed("hv1", 5, PORT)
    for message in (
        packet_in(9, discover()),
        packet_in(5, discover("fa:16:3e:00:00:99")),
        packet_in(5, discover()[:60]),
        packet_in(5, b"\0" * 40),
        b"\5\12\0\10",
        packet_in(5, b""),
    ):
        bed.punt.punted("hv1", message)
    eventually(lambda: sum(bed.punt.status("hv1")["malformed"].values()) == 3)
    status = eventually(lambda: sum((s := bed.punt.status("hv1"))["ignored"].values()) == 3 and s)
    assert status["ignored"] == {
        "unknown port": 1, "dhcp: not the port's MAC": 1, "unknown protocol": 1,
    }  # fmt: skip
    assert bed.sent.empty()
    bed.punt.punted("hv1", packet_in(5, discover()))
    assert bed.sent.get(timeout=20)[:2] == ("hv1", 5)


def test_a_port_that_left_is_not_answered(bed: Bed) -> None:
    bed.punt.changed("hv1", 5, PORT)
    bed.punt.changed("hv1", 5, None)
    bed.punt.punted("hv1", packet_in(5, discover()))
    eventually(lambda: bed.punt.status("hv1")["ignored"] == {"unknown port": 1})


def test_a_flood_is_bounded_and_delays_its_own_element_alone(bed: Bed) -> None:
    bed.punt.changed("hv1", 5, PORT)
    bed.punt.changed("hv2", 5, PORT)
    bed.gate.clear()
    for _ in range(punt.QUEUE + punt.TURN + 500):
        bed.punt.punted("hv1", packet_in(5, discover()))
    bed.punt.punted("hv2", packet_in(5, discover()))
    assert bed.punt.status("hv1")["dropped"] >= 500
    bed.gate.set()
    order = [bed.sent.get(timeout=20)[0] for _ in range(100)]
    assert "hv2" in order, "served in its turn, before the rest of the flood"


def test_advertisements_solicited_and_not(bed: Bed) -> None:
    bed.connected = False
    bed.punt.changed("hv1", 6, WITH_RA)
    bed.punt.changed("hv1", 5, PORT)
    bed.punt.punted("hv1", packet_in(6, solicitation(WITH_RA.mac)))
    eventually(lambda: bed.punt.status("hv1")["unsent"] == 1)
    bed.connected = True
    bed.punt.changed("hv1", 6, WITH_RA)
    element, ofport, frame = bed.sent.get(timeout=20)
    assert (element, ofport, frame[54]) == ("hv1", 6, 134)
    bed.punt.punted("hv1", packet_in(6, solicitation(WITH_RA.mac)))
    assert bed.sent.get(timeout=20)[2][54] == 134
    assert bed.sent.empty(), "a port without IPv6 hears nothing"


def test_advertisements_go_on(bed: Bed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(router_advertisements, "RA_INTERVAL", 0.01)
    monkeypatch.setattr(router_advertisements, "RA_RETRY", 0.01)
    bed.connected = False
    bed.punt.changed("hv1", 6, WITH_RA)
    time.sleep(0.05)
    bed.connected = True
    for _ in range(5):
        assert bed.sent.get(timeout=20)[2][54] == 134
    bed.punt.changed("hv1", 6, None)
    eventually(lambda: bed.punt._advertisements.due() is None)


def test_what_is_taken_back_is_said_a_few_times(
    bed: Bed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where nothing is advertised any more; each time in the name of who said it."""
    monkeypatch.setattr(router_advertisements, "RA_FINAL_INTERVAL", 0.01)
    withdrawn = (("router", GATEWAY), ("on-link", "fd00::/64"))
    bed.punt.changed("hv1", 6, replace(WITH_RA, v6=(), withdrawn=withdrawn))
    for _ in range(router_advertisements.RA_FINAL):
        element, ofport, frame = bed.sent.get(timeout=20)
        assert (element, ofport, frame[6:12]) == ("hv1", 6, mac_bytes(GATEWAY))
    # Not for ever: the next one comes with the others, after minutes.
    bed.punt.changed("hv1", 5, PORT)
    bed.punt.punted("hv1", packet_in(5, discover()))
    assert bed.sent.get(timeout=20)[1] == 5


def test_classify() -> None:
    mac = mac_bytes(MAC)
    assert classify(discover())[0] == "dhcp"
    assert classify(solicitation(MAC))[0] == "ra"
    frame = build_udp6(b"\x33\x33\0\1\0\2", mac, bytes(16), bytes(16), 546, 547, b"\1\0\0\0")
    assert classify(frame)[0] == "dhcpv6"
    for other in (b"", bytes(60), discover()[:20], build_udp4(mac, mac, bytes(4), bytes(4), 1, 2,
                                                              b"")):
        assert classify(other) is None


def test_packet_in_fields() -> None:
    tunnel = b"\x80\0\x4c\x08" + bytes(8)
    register = b"\0\1\0\4" + bytes(4)
    assert encode.decode_packet_in(packet_in(7, b"abc", before=tunnel, after=register)) == (
        7, 0, b"abc",
    )  # fmt: skip
    why = REGISTERS["punt_reason"].header.to_bytes(4, "big") + PuntReason.TOO_BIG.to_bytes(4, "big")
    message = packet_in(7, b"abc", after=register + why)
    assert encode.decode_packet_in(message)[1] == PuntReason.TOO_BIG
    assert encode.is_ours(encode.packet_in_cookie(packet_in(7, b"abc")))
    assert not encode.is_ours(encode.packet_in_cookie(packet_in(7, b"abc", cookie=5)))
    assert encode.packet_in_cookie(b"\5\12\0\10") == 0


@settings(max_examples=400, deadline=None)
@given(st.binary(max_size=80), st.integers(0, 120), st.integers(0, 255))
def test_mutated_packet_ins_raise_nothing_else(data: bytes, place: int, value: int) -> None:
    message = bytearray(packet_in(5, discover()))
    message[place % len(message)] = value
    for raw in (data, b"\5\12" + data, bytes(message), bytes(message[: place])):
        try:
            ofport, _, frame = encode.decode_packet_in(raw)
        except ValueError:
            continue
        assert 0 <= ofport < 1 << 32 and frame
        classify(frame)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=60))
def test_mutated_meter_replies_raise_nothing_else(data: bytes) -> None:
    try:
        list(encode.decode_meter_configs(data))
    except ValueError:
        pass


@settings(max_examples=300 * DEEPER, deadline=None)
@given(
    st.sampled_from((discover(), discover(kind=3), solicitation(WITH_RA.mac))),
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=6),
    st.integers(0, 400),
)
def test_mutated_frames_are_answered_or_counted(
    frame: bytes, changes: list[tuple[int, int]], end: int
) -> None:
    """Whatever a VM sends: no exception, one counter, no growth."""
    mutated = bytearray(frame)
    for place, value in changes:
        mutated[place % len(mutated)] = value
    punt = PuntDispatcher(lambda *answer: True)
    punt.changed("hv1", 5, PORT)
    punt.changed("hv1", 6, WITH_RA)
    for ofport in (5, 6):
        for raw in (bytes(mutated), bytes(mutated[:end])):
            punt.punted("hv1", packet_in(ofport, raw))
    element, messages = punt._take()
    punt._answer_all(element, messages)
    status = punt.status("hv1")
    counted = sum(sum(status[kind].values()) for kind in ("answered", "ignored", "malformed"))
    assert counted == status["punted"] == 4
    assert status["dropped"] == status["unsent"] == 0
    assert not punt._waiting


def test_a_reason_has_one_service():
    punt = PuntDispatcher(lambda *answer: True, {PuntReason.DNS: classify})
    for reason in (PuntReason.DNS, PuntReason.ASKED):
        with pytest.raises(ValueError, match=f"reasons .*{int(reason)}"):
            punt.serve({reason: classify})

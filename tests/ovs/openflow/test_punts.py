"""Meters, packet-ins and packet-outs of a node's channel, against a real ovs-vswitchd."""

from __future__ import annotations

import queue
import re
from dataclasses import replace

import pytest

from lab.beds.openflow_bed import BedApp, Node, Switch, eventually
from ryu_apps.control.messages import ObjectRefused
from ryu_apps.southbound.services.packet_in import PuntDispatcher
from tests.unit.southbound.packet_in_support import PORT, WITH_RA, discover, solicitation
from vrouter_ovs.edge import PuntReason
from vrouter_ovs.state import Evi, LocalPort, Punt, Vrouter
from vrouter_ovs.state.meters import METERS, PUNT_RATE, meter_pools
from vrouter_ovs.wire.encode import COOKIE_BASE, decode_packet_in, packet_in_cookie

POOLS = meter_pools(0)
OBJECTS = (
    *POOLS, Vrouter("02:00:00:00:00:01"), Evi(100),
    LocalPort("p", PORT.ofport, 100, PORT.mac, ((PORT.mac, "10.0.1.11"),)),
    Punt("p", PORT.ofport),
)  # fmt: skip


@pytest.fixture(scope="module")
def node():
    made = Node()
    yield made
    made.close()


@pytest.fixture(scope="module")
def switch(node):
    made = Switch()
    for number in (PORT.ofport, 9):
        made.vsctl("add-port", "br-int", f"p{number}", "--", "set", "interface", f"p{number}",
                   "type=dummy", f"ofport_request={number}")  # fmt: skip
    made.connect(node.port)
    yield made
    made.close()


def join(node: Node, switch: Switch, **options) -> None:
    southbound = node.begin(**options)
    southbound.accept("hv1", switch.datapath_id)
    eventually(lambda: southbound.status("hv1")["connected"], "connected")
    southbound.defer("hv1", False)
    node.acked("hv1", node.program("hv1", *OBJECTS))


def meters(switch: Switch) -> list[str]:
    found = switch.ofctl("dump-meters", switch.bridge)
    return re.findall(rf"meter=(\d+) pktps burst bands=\s*type=drop rate={PUNT_RATE} ", found)


def receive(switch: Switch, number: int, frame: bytes) -> None:
    switch._run("ovs-appctl", "-t", f"{switch.directory}/ovs-vswitchd.ctl",
                "netdev-dummy/receive", f"p{number}", frame.hex())  # fmt: skip


def sent(switch: Switch, number: int) -> int:
    text = switch.ofctl("dump-ports", switch.bridge, f"p{number}")
    return int(re.search(r"tx pkts=(\d+)", text).group(1))


def test_meters_are_made_once_and_never_disturbed(node, switch) -> None:
    join(node, switch)
    assert len(meters(switch)) == METERS
    made = node.southbound.status("hv1")["meter_mods"]
    assert made in (0, sum(pool.count for pool in POOLS))
    join(node, switch)
    assert node.southbound.status("hv1")["meter_mods"] == 0
    node.disconnect_all()
    eventually(lambda: node.southbound.status("hv1")["reconnects"] == 2
               and node.southbound.status("hv1")["connected"], "connected again")  # fmt: skip
    assert node.southbound.status("hv1")["meter_mods"] == 0
    node.end()
    switch.ofctl("del-meter", switch.bridge, "meter=3")
    switch.ofctl("mod-meter", switch.bridge, "meter=5,pktps,bands=type=drop,rate=7")
    join(node, switch)
    assert node.southbound.status("hv1")["meter_mods"] == 2
    assert len(meters(switch)) == METERS


def test_a_meter_that_somebody_deletes_comes_back_with_its_flow(node, switch) -> None:
    join(node, switch, audit_interval=3600)
    before = switch.flows()
    switch.ofctl("del-meter", switch.bridge, f"meter={1 + PORT.ofport}")
    eventually(lambda: node.southbound.status("hv1")["repairs"], "noticed")
    eventually(lambda: switch.flows() == before and len(meters(switch)) == METERS, "put right")
    assert not [event for event in node.seen if isinstance(event, ObjectRefused)]


def test_after_a_crash_of_the_switch_meters_and_punts_are_back(node, switch) -> None:
    got: queue.Queue = queue.Queue()
    join(node, switch, punted=lambda element, message: got.put((element, message)))
    before = switch.flows()
    switch.kill()
    switch.start()
    eventually(lambda: switch.is_up() and switch.flows() == before, "flows are back")
    assert len(meters(switch)) == METERS
    receive(switch, PORT.ofport, discover())
    element, message = got.get(timeout=20)
    assert element == "hv1"
    assert packet_in_cookie(message) == packet_in_cookie(message) | COOKIE_BASE
    ofport, why, frame = decode_packet_in(message)
    assert (ofport, why, frame[: len(discover())]) == (PORT.ofport, PuntReason.ASKED, discover())


def test_the_answer_leaves_by_the_port_that_asked(node, switch) -> None:
    punt = PuntDispatcher(lambda *answer: node.southbound.packet_out(*answer))
    punt.start()
    try:
        join(node, switch, punted=punt.punted)
        punt.changed("hv1", PORT.ofport, PORT)
        before = [sent(switch, number) for number in (PORT.ofport, 9)]
        for _ in range(3):
            receive(switch, PORT.ofport, discover())
        receive(switch, PORT.ofport, discover("fa:16:3e:00:00:99"))
        receive(switch, 9, discover())
        eventually(lambda: punt.status("hv1")["punted"] == 4, "all but the unknown port's")
        eventually(lambda: sent(switch, PORT.ofport) == before[0] + 3, "three offers")
        assert sent(switch, 9) == before[1]
        assert punt.status("hv1")["answered"] == {"dhcp offer": 3}
        assert punt.status("hv1")["ignored"] == {"dhcp: not the port's MAC": 1}
    finally:
        punt.stop()


def test_router_solicitations_and_unsolicited_advertisements(node, switch) -> None:
    v6 = replace(PORT, v4=(), v6=WITH_RA.v6)
    punt = PuntDispatcher(lambda *answer: node.southbound.packet_out(*answer))
    punt.start()
    try:
        join(node, switch, punted=punt.punted)
        before = sent(switch, PORT.ofport)
        punt.changed("hv1", PORT.ofport, v6)
        eventually(lambda: sent(switch, PORT.ofport) == before + 1, "the first advertisement")
        receive(switch, PORT.ofport, solicitation(PORT.mac))
        eventually(lambda: sent(switch, PORT.ofport) == before + 2, "the solicited one")
        receive(switch, PORT.ofport, discover())
        eventually(lambda: punt.status("hv1")["ignored"] == {"dhcp: DHCPv4 is off": 1}, "silence")
        assert punt.status("hv1")["answered"] == {"ra unsolicited": 1, "ra advertisement": 1}
    finally:
        punt.stop()


def test_packet_outs_without_a_connection_or_to_nowhere(node, switch) -> None:
    join(node, switch)
    assert not node.southbound.packet_out("nobody", 5, discover())
    assert node.southbound.packet_out("hv1", 777, discover())  # The switch's refusal is its own.
    node.acked("hv1", node.program("hv1", Evi(101)))
    assert node.southbound.status("hv1")["errors"] == 0
    node.disconnect_all()
    assert not node.southbound.packet_out("hv1", 5, discover())


def test_packet_ins_of_other_apps_reach_them(node, switch) -> None:
    mine: queue.Queue = queue.Queue()
    join(node, switch, punted=lambda *punted: mine.put(punted))
    others = BedApp.packet_ins = queue.Queue()
    switch.ofctl(
        "add-flow", switch.bridge,
        f"cookie=0x77,table=0,priority=60000,in_port={PORT.ofport},dl_type=0x88b5,"
        "actions=controller",
    )  # fmt: skip
    frame = discover()
    foreign = frame[:12] + b"\x88\xb5" + frame[14:]
    receive(switch, PORT.ofport, foreign)
    message = others.get(timeout=20)
    assert (message.cookie, message.data[12:14]) == (0x77, b"\x88\xb5")
    receive(switch, PORT.ofport, frame)
    assert mine.get(timeout=20)[0] == "hv1"
    assert others.empty() and mine.empty()

"""Storm control: what a port sends to groups is bounded, and nothing else; through the meters of a
real datapath."""

from __future__ import annotations

import re
import time

import pytest

from lab.beds.sandbox import OpenFlow, Sandbox
from lab.traffic import packets as p
from lab.wait import wait_until
from tests.ovs.vrouter.tracing import trace
from vrouter_ovs.state import Evi, Flood, LocalPort, Punt, StormControl, Vrouter
from vrouter_ovs.state.meters import meter_pools, meters, storm_meter
from vrouter_ovs.wire import encode

RATE, SENT = 5, 90
"""A dummy port takes a hundred frames at once."""
MULTICAST = "01:00:5e:01:02:03"


def mac(number: int) -> str:
    return f"52:54:00:00:00:{number:02x}"


def objects(storm: bool) -> list:
    return [
        Vrouter("02:00:00:00:00:01"), Evi(100), Flood(100, (1, 2, 3)),
        *([StormControl()] if storm else []),
        *(LocalPort(f"p{n}", n, 100, mac(n), ((mac(n), f"10.0.0.{n}"),), port_security=n != 3)
          for n in (1, 2, 3)),
        *(Punt(f"p{n}", n, storm=storm) for n in (1, 2, 3)),
    ]  # fmt: skip


@pytest.fixture
def ports(sandbox: Sandbox, openflow: OpenFlow) -> Sandbox:
    sandbox.add_ports(1, 2, 3)
    if not openflow.read_meters():
        openflow.make_meters()
    pools = meters(meter_pools(0, RATE))
    openflow.send(b"".join(
        encode.meter_mod(encode.METER_MODIFY, number, *pools[number], openflow.next_xid())
        for number in map(storm_meter, (1, 2, 3))
    ))  # fmt: skip
    return sandbox


def frame(source: int, target: str) -> str:
    address = f"10.0.0.{source}"
    to = "10.0.0.2" if target == mac(2) else "239.1.2.3"
    datagram = p.ipv4(address, to, p.UDP, p.udp(address, to, 4000, 5000, bytes(20)))
    return p.ethernet(mac(source), target, p.IPV4, datagram).hex()


def counted(sandbox: Sandbox) -> int:
    text = sandbox.appctl("dpctl/show", "--statistics")
    return int(re.search(r"port \d+: p2 .*?TX packets:(\d+)", text, re.S)[1])


def receive(sandbox: Sandbox, source: int, target: str) -> None:
    sandbox.appctl("netdev-dummy/receive", f"p{source}", *([frame(source, target)] * SENT))


@pytest.mark.parametrize("source", [1, 3])
def test_what_is_beyond_the_rate_is_dropped(
    ports: Sandbox, openflow: OpenFlow, source: int
) -> None:
    openflow.install(objects(True))
    begun, before = time.monotonic(), counted(ports)

    def told(count: int) -> bool:
        flows = ports.ofctl("dump-flows", f"table=storm,in_port=p{source}")
        return f"n_packets={count}," in flows

    for number, target in enumerate((p.BROADCAST, MULTICAST), 1):
        receive(ports, source, target)
        wait_until(lambda count=number * SENT: told(count), "the flow's counter", 30)
    passed = counted(ports) - before
    assert 0 < passed <= 2 * RATE + RATE * (time.monotonic() - begun), "at once, and meanwhile"
    receive(ports, source, mac(2))
    wait_until(lambda: counted(ports) == before + passed + SENT, "unicast, which is not held", 30)


def test_off_costs_nothing(ports: Sandbox, openflow: OpenFlow) -> None:
    openflow.install(objects(False))
    before = counted(ports)
    receive(ports, 1, p.BROADCAST)
    wait_until(lambda: counted(ports) == before + SENT, "all of them", 30)
    assert "table=storm" not in ports.ofctl("dump-flows")
    sent = trace(ports, f"in_port=1,dl_src={mac(1)},dl_dst=ff:ff:ff:ff:ff:ff,eth_type=0x1234")
    assert "meter" not in sent.actions

"""Where multicast of a network that snoops goes, through ofproto/trace of a real switch."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab.beds.sandbox import OpenFlow, Sandbox
from tests.hops import bridged
from tests.ovs.vrouter.tracing import Outcome, trace
from vrouter_ovs.edge import PuntReason
from vrouter_ovs.state import (
    Endpoint,
    Evi,
    Flood,
    FloodRemotes,
    LocalPort,
    MulticastGroup,
    Punt,
    Snooping,
    Tunnel,
    Vrouter,
)

VTEP = "192.0.2.2"
GROUP4, GROUP6 = "239.1.2.3", "ff0e::1234"
ALL, REMOTE = ["p2", "p3", "p4"], (VTEP, 100)
UDP = ("nw_proto=17", "udp_src=5000", "udp_dst=5001")
PORTS = {1: "host", 2: "member", 3: "router", 4: "open"}
"""p4 is without port security."""


def mac(number: int) -> str:
    return f"52:54:00:00:00:{number:02x}"


def objects(flood_unregistered: bool) -> list:
    return [
        Vrouter("02:00:00:00:00:01"), Evi(100), Evi(200), Tunnel(Endpoint(VTEP), 22),
        *(LocalPort(f"p{n}", n, 100, mac(n), ((mac(n), f"10.0.0.{n}"), (mac(n), f"fd00::{n}")),
                    port_security=n != 4) for n in PORTS),
        *(Punt(f"p{n}", n) for n in PORTS),
        Flood(100, tuple(PORTS)), FloodRemotes(100, (bridged(VTEP, 100),)),
        Snooping(100, (3,), flood_unregistered),
        MulticastGroup(100, GROUP4, (2, 3)), MulticastGroup(100, GROUP6, (2, 3)),
        MulticastGroup(100, "239.0.0.9", ()),
    ]  # fmt: skip


@pytest.fixture(params=[True, False], ids=["flooded", "to routers"])
def snooping(
    sandbox: Sandbox, openflow: OpenFlow, request: pytest.FixtureRequest
) -> Iterator[Sandbox]:
    if "p1" not in sandbox.appctl("dpif/show"):
        sandbox.add_ports(*PORTS)
        sandbox.add_underlay()
        sandbox.add_tunnel(22, VTEP)
    openflow.make_meters() if not openflow.read_meters() else None
    openflow.install(objects(request.param))
    sandbox.flood_unregistered = request.param
    yield sandbox


def packet(source: int, group: str, *more: str) -> str:
    if ":" in group:
        target = "33:33:00:00:00:01"
        return ",".join((
            f"in_port={source},dl_src={mac(source)},dl_dst={target},eth_type=0x86dd",
            f"ipv6_src=fd00::{source},ipv6_dst={group}", *(more or UDP),
        ))  # fmt: skip
    return ",".join((
        f"in_port={source},dl_src={mac(source)},dl_dst=01:00:5e:00:00:01,eth_type=0x0800",
        f"nw_src=10.0.0.{source},nw_dst={group}", *(more or UDP),
    ))  # fmt: skip


def from_tunnel(frame: str) -> str:
    _, rest = frame.split(",", 1)
    return f"in_port=22,tun_id=100,tun_src={VTEP},{rest}"


def punted(outcome: Outcome) -> bool:
    return f"set_field:{int(PuntReason.LISTENER):#x}->reg9" in outcome.text and (
        "meter" in outcome.actions and "userspace" in outcome.actions
    )


def locals_of(outcome: Outcome) -> list[str]:
    return sorted(one for one in outcome.sent if isinstance(one, str))


@pytest.mark.parametrize("group", [GROUP4, GROUP6])
@pytest.mark.parametrize("source", [1, 4])
def test_a_group_goes_to_members_and_routers(snooping: Sandbox, group: str, source: int) -> None:
    outcome = trace(snooping, packet(source, group))
    assert locals_of(outcome) == ["p2", "p3"] and REMOTE in outcome.sent
    assert not punted(outcome)
    outcome = trace(snooping, from_tunnel(packet(1, group)))
    assert locals_of(outcome) == ["p2", "p3"] and REMOTE not in outcome.sent


def test_a_group_whose_members_are_elsewhere_goes_there_alone(snooping: Sandbox) -> None:
    assert trace(snooping, packet(1, "239.0.0.9")).sent == [REMOTE]


@pytest.mark.parametrize("group", ["239.7.7.7", "232.0.0.1", "224.0.1.0", "ff05::7", "ff1e::7"])
def test_a_group_without_members(snooping: Sandbox, group: str) -> None:
    outcome = trace(snooping, packet(1, group))
    assert locals_of(outcome) == (ALL if snooping.flood_unregistered else ["p3"])
    assert REMOTE in outcome.sent


@pytest.mark.parametrize("group", ["224.0.0.5", "224.0.0.251", "ff02::1", "ff02::1:ff00:1"])
def test_what_is_of_the_link_goes_to_all(snooping: Sandbox, group: str) -> None:
    outcome = trace(snooping, packet(1, group))
    assert locals_of(outcome) == ALL and REMOTE in outcome.sent and not punted(outcome)


REPORTS = [
    ("224.0.0.22", ("nw_proto=2",)), ("224.0.0.2", ("nw_proto=2",)), (GROUP4, ("nw_proto=2",)),
    *(("ff02::16", ("nw_proto=58", f"icmpv6_type={kind}", "nw_ttl=1")) for kind in (131, 132, 143)),
]  # fmt: skip


@pytest.mark.parametrize(("group", "more"), REPORTS)
def test_reports_go_to_routers_and_to_the_node(
    snooping: Sandbox, group: str, more: tuple[str, ...]
) -> None:
    outcome = trace(snooping, packet(1, group, *more))
    assert locals_of(outcome) == ["p3"] and REMOTE in outcome.sent and punted(outcome)
    outcome = trace(snooping, from_tunnel(packet(1, group, *more)))
    assert locals_of(outcome) == ["p3"] and not punted(outcome)


@pytest.mark.parametrize(
    ("group", "more"),
    [("224.0.0.1", ("nw_proto=2",)), ("ff02::1", ("nw_proto=58", "icmpv6_type=130", "nw_ttl=1"))],
)
def test_general_queries_go_to_all_and_to_the_node(
    snooping: Sandbox, group: str, more: tuple[str, ...]
) -> None:
    outcome = trace(snooping, packet(1, group, *more))
    assert locals_of(outcome) == ALL and REMOTE in outcome.sent and punted(outcome)
    outcome = trace(snooping, from_tunnel(packet(9, group, *more)))
    assert locals_of(outcome) == ["p1", *ALL] and not punted(outcome)


def test_nobody_reports_for_another(snooping: Sandbox) -> None:
    forged = packet(1, "224.0.0.22", "nw_proto=2").replace("nw_src=10.0.0.1", "nw_src=10.0.0.2")
    outcome = trace(snooping, forged)
    assert not outcome.sent and not punted(outcome)

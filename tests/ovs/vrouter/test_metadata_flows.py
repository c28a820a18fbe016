"""What goes to the metadata service, and who answers ARP for it; on a real switch."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab.beds.sandbox import OpenFlow, Sandbox
from tests.ovs.vrouter.edge_support import GATEWAY, OWN, VTEP, mac, punted, send
from tests.ovs.vrouter.test_edge_dns_flows import objects, query, why
from vrouter_ovs.edge import PuntReason
from vrouter_ovs.pipeline import render
from vrouter_ovs.state import METADATA_ADDRESSES, METADATA_MAC, Metadata, Vrouter

FOUR, SIX = METADATA_ADDRESSES
ASKED_MAC = "33:33:ff:fe:a9:fe"
"""Of the solicited-node group of the IPv6 address."""


@pytest.fixture(scope="module")
def ports(sandbox: Sandbox) -> Sandbox:
    sandbox.add_ports(1, 2, 3, 4)
    sandbox.add_underlay()
    sandbox.add_tunnel(22, VTEP)
    return sandbox


@pytest.fixture
def vrouter(ports: Sandbox, openflow: OpenFlow) -> Iterator[Sandbox]:
    openflow.install([*objects(), Metadata()])
    yield ports


def test_four_flows_in_all() -> None:
    assert len(render(Metadata())) == 4


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_requests_reach_the_node_alone(vrouter: Sandbox, number: int) -> None:
    """By the service's MAC or the gateway's; also of a port whose policy set allows nothing."""
    for address in METADATA_ADDRESSES:
        for target in (METADATA_MAC, GATEWAY):
            outcome = send(vrouter, number, query(number, address, target, "tcp", 80))
            assert punted(outcome, number), (address, target)
            assert why(outcome.text) == PuntReason.METADATA
            assert outcome.tracked == []


def test_nothing_else_does(vrouter: Sandbox) -> None:
    for address in METADATA_ADDRESSES:
        for kind, dport in (("udp", 80), ("tcp", 443), ("tcp", 8080)):
            outcome = send(vrouter, 1, query(1, address, METADATA_MAC, kind, dport))
            assert not punted(outcome, 1) and outcome.sent == []
    assert send(vrouter, 1, query(1, "10.1.0.2", mac(2), "tcp", 80)).sent == ["p2"]


def test_nobody_asks_as_another(vrouter: Sandbox) -> None:
    for packet in (
        query(1, FOUR, METADATA_MAC, "tcp", 80, source="10.1.0.2"),
        query(1, FOUR, METADATA_MAC, "tcp", 80, of=mac(2)),
        query(1, SIX, METADATA_MAC, "tcp", 80, source="fe80::2"),
    ):
        assert not punted(send(vrouter, 1, packet), 1), packet


@pytest.mark.parametrize("number", [1, 3])
def test_the_switch_says_where_it_is(vrouter: Sandbox, number: int) -> None:
    own = mac(number)
    asked = send(
        vrouter, number, f"arp,dl_src={own},dl_dst=ff:ff:ff:ff:ff:ff,arp_op=1,arp_sha={own},"
        f"arp_spa=10.1.0.{number},arp_tpa={FOUR}",
    )  # fmt: skip
    assert asked.sent == [f"p{number}"] and METADATA_MAC in asked.text
    local = f"fe80::5054:ff:fe00:{number}"
    asked = send(
        vrouter, number, f"icmp6,dl_src={own},dl_dst={ASKED_MAC},ipv6_src={local},"
        f"ipv6_dst=ff02::1:fffe:a9fe,nw_ttl=255,icmpv6_type=135,icmpv6_code=0,nd_target={SIX},"
        f"nd_sll={own}",
    )  # fmt: skip
    assert asked.sent == [f"p{number}"] and METADATA_MAC in asked.text


@pytest.mark.parametrize("number", [1, 3])
def test_nobody_says_that_it_is_there(vrouter: Sandbox, number: int) -> None:
    own = mac(number)
    said = send(
        vrouter, number, f"arp,dl_src={own},dl_dst=ff:ff:ff:ff:ff:ff,arp_op=2,arp_sha={own},"
        f"arp_spa={FOUR},arp_tpa={FOUR}",
    )  # fmt: skip
    assert said.sent == []


def test_without_it_nothing_is_punted(ports: Sandbox, openflow: OpenFlow) -> None:
    assert not any(isinstance(one, Metadata) for one in objects())
    openflow.install(objects())
    for address in METADATA_ADDRESSES:
        assert not punted(send(ports, 1, query(1, address, METADATA_MAC, "tcp", 80)), 1)
    assert Vrouter(OWN) in objects()

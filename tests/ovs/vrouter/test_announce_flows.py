"""Who may announce an address: its owner, and where it is nobody's own whoever has a pair for it;
on a real switch, in all the ways in which a neighbor is told."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab.beds.sandbox import OpenFlow, Sandbox
from tests.ovs.vrouter.tracing import trace
from vrouter_ovs.addresses import link_local
from vrouter_ovs.state import (
    OWNER_KNOWN,
    OWNER_NETWORK,
    OWNER_PORT,
    Evi,
    Flood,
    Gateway,
    LocalPort,
    Neighbor,
    Punt,
    StateObject,
    Vrf,
    Vrouter,
)

OWN, GW = "02:00:00:00:00:01", "02:aa:00:00:00:01"
BROADCAST, ALL_NODES = "ff:ff:ff:ff:ff:ff", "33:33:00:00:00:01"
VIRTUAL = "00:00:5e:00:01:0a"


def mac(number: int) -> str:
    return f"52:54:00:00:00:{number:02x}"


def port(number: int, *pairs: tuple[str, str], **more) -> LocalPort:
    own = ((mac(number), f"10.1.0.{number}"), (mac(number), f"fd01::{number}"))
    return LocalPort(str(number), number, 100, mac(number), own + pairs, **more)


TAKEN4 = ("10.1.0.254", "10.1.0.253", "10.1.0.3", "10.1.0.99")
TAKEN6 = ("fd01::ff", "fd01::fe", "fd01::3", "fd01::99", link_local(mac(3)), link_local(GW))
"""A gateway's, the network's own, a port's here, a port's elsewhere; link-local: a port's, the
gateway's."""
EXACT = tuple(
    (source, address) for source in (mac(1), VIRTUAL) for address in (*TAKEN4, *TAKEN6)
)
PAIRS = {
    "exact": port(1, *EXACT, shared=EXACT),
    "a small prefix": port(
        1, (mac(1), "10.1.0.0/24"), (VIRTUAL, "10.1.0.0/24"), (mac(1), "fd01::/120"),
        (mac(1), "fe80::/10"), (VIRTUAL, "fd01::/120"), (VIRTUAL, "fe80::/10"),
        shared=((mac(1), "10.1.0.0/24"), (VIRTUAL, "10.1.0.0/24"), (mac(1), "fd01::/120"),
                (VIRTUAL, "fd01::/120")),
    ),
    "halves of everything": port(
        1, *((source, prefix) for source in (mac(1), VIRTUAL) for prefix in
             ("0.0.0.0/1", "128.0.0.0/1", "::/1", "8000::/1")),
    ),
    "everything": port(
        1, *((source, prefix) for source in (mac(1), VIRTUAL) for prefix in ("0.0.0.0/0", "::/0"))
    ),
    "no address of its own": LocalPort(
        "1", 1, 100, mac(1), ((mac(1), ""), (VIRTUAL, "0.0.0.0/0"), (VIRTUAL, "::/0"))
    ),
}  # fmt: skip


def objects(first: LocalPort) -> list[StateObject]:
    return [
        Vrouter(OWN), Evi(100, flood_unknown=True), Vrf(900, OWN),
        Gateway(100, 900, GW, ("10.1.0.254", "fd01::ff", link_local(GW))),
        first, port(2), port(3), port(4, port_security=False),
        *(Punt(str(number), number) for number in (1, 2, 3, 4)),
        Neighbor(100, "10.1.0.253", "02:56:4e:00:00:64", False, owner=OWNER_NETWORK),
        Neighbor(100, "fd01::fe", "02:56:4e:00:00:64", False, owner=OWNER_NETWORK),
        *(
            Neighbor(100, address, mac(number), False, owner=OWNER_PORT)
            for number in (1, 2, 3, 4)
            for address in (f"10.1.0.{number}", f"fd01::{number}", link_local(mac(number)))
        ),
        Neighbor(100, "10.1.0.99", mac(0x99), True, owner=OWNER_PORT),
        Neighbor(100, "fd01::99", mac(0x99), True, owner=OWNER_PORT),
        Neighbor(100, "10.1.0.77", mac(0x77), True, owner=OWNER_KNOWN),
        Neighbor(100, "fd01::77", mac(0x77), True, owner=OWNER_KNOWN),
        Flood(100, (1, 2, 3, 4)),
    ]  # fmt: skip


@pytest.fixture(scope="module")
def ports(sandbox: Sandbox) -> Sandbox:
    sandbox.add_ports(1, 2, 3, 4)
    return sandbox


@pytest.fixture(params=PAIRS)
def vrouter(ports: Sandbox, openflow: OpenFlow, request) -> Iterator[Sandbox]:
    openflow.install(objects(PAIRS[request.param]))
    yield ports


def announcements(source: str, address: str) -> list[str]:
    """All that makes a neighbor believe that ``address`` is at ``source``, to all and to one."""
    found = []
    for to in (BROADCAST, mac(2)):
        for operation, target in ((1, address), (2, address), (1, "10.1.0.88"), (2, "10.1.0.2")):
            found.append(
                f"arp,dl_src={source},dl_dst={to},arp_op={operation},arp_spa={address},"
                f"arp_tpa={target},arp_sha={source},arp_tha=00:00:00:00:00:00"
            )
    return found


def announcements6(source: str, address: str) -> list[str]:
    found = []
    for to, ip in ((ALL_NODES, "ff02::1"), (mac(2), "fd01::2")):
        head = f"icmp6,dl_src={source},dl_dst={to},ipv6_dst={ip},nw_ttl=255,icmpv6_code=0"
        for said in (source, "00:00:00:00:00:00"):
            found.append(f"{head},ipv6_src={address},icmpv6_type=136,nd_target={address},"
                         f"nd_tll={said}")
        found.append(f"{head},ipv6_src={address},icmpv6_type=135,nd_target=fd01::88,"
                     f"nd_sll={source}")
        found.append(f"{head},ipv6_src=::,icmpv6_type=135,nd_target={address}")
    return found


def reaches(vrouter: Sandbox, number: int, packet: str) -> bool:
    """Whether anybody else, or the node, gets it."""
    outcome = trace(vrouter, f"in_port=p{number},{packet}")
    return "userspace(" in outcome.text or bool(set(outcome.sent) - {f"p{number}"})


def test_what_is_somebodys_own_is_announced_by_nobody_else(vrouter: Sandbox) -> None:
    for source in (mac(1), VIRTUAL):
        for address in TAKEN4:
            for packet in announcements(source, address):
                assert not reaches(vrouter, 1, packet), packet
        for address in TAKEN6:
            for packet in announcements6(source, address):
                assert not reaches(vrouter, 1, packet), packet


def test_ones_own_and_what_nobody_has_is_announced(
    ports: Sandbox, openflow: OpenFlow
) -> None:
    """A virtual address, known elsewhere or nowhere; one behind a router VM; the port's own."""
    for name, first in PAIRS.items():
        if name == "exact":
            more = tuple((source, address) for source in (mac(1), VIRTUAL)
                         for address in ("10.1.0.77", "10.1.0.66", "fd01::77", "fd01::66"))
            first = port(1, *more, shared=more)
        openflow.install(objects(first))
        for source in (mac(1), VIRTUAL):
            for address in ("10.1.0.77", "10.1.0.66"):
                assert reaches(ports, 1, announcements(source, address)[1 + 4]), (name, address)
            for address in ("fd01::77", "fd01::66"):
                if name == "no address of its own" and source == VIRTUAL:
                    continue
                assert reaches(ports, 1, announcements6(source, address)[0]), (name, address)
        if name != "no address of its own":
            assert reaches(ports, 1, announcements(mac(1), "10.1.0.1")[5]), name
            for address in ("fd01::1", link_local(mac(1))):
                assert reaches(ports, 1, announcements6(mac(1), address)[0]), (name, address)


def test_a_port_without_port_security(ports: Sandbox, openflow: OpenFlow) -> None:
    """What is the network's own is protected from it as well; all else is the network's owner's
    affair."""
    openflow.install(objects(port(1)))
    for source in (mac(4), VIRTUAL):
        for address in TAKEN4[:2]:
            for packet in announcements(source, address):
                assert not reaches(ports, 4, packet), packet
        for address in (*TAKEN6[:2], TAKEN6[-1]):
            # Duplicate address detection tells nobody a MAC.
            for packet in announcements6(source, address):
                if "ipv6_src=::" not in packet:
                    assert not reaches(ports, 4, packet), packet
        for address in ("10.1.0.4", "10.1.0.66", "10.1.0.77"):
            assert reaches(ports, 4, announcements(source, address)[5])
        for address in ("fd01::4", "fd01::66", link_local(mac(4))):
            assert reaches(ports, 4, announcements6(source, address)[0])


def test_a_question_for_what_is_taken_is_answered(vrouter: Sandbox) -> None:
    """Who checks whether an address is free (RFC 5227 section 2.1.1) is told that it is not."""
    for address, at in (("10.1.0.254", GW), ("10.1.0.3", mac(3)), ("10.1.0.77", mac(0x77))):
        probe = (f"arp,dl_src={mac(1)},dl_dst={BROADCAST},arp_op=1,arp_spa=0.0.0.0,"
                 f"arp_tpa={address},arp_sha={mac(1)}")  # fmt: skip
        outcome = trace(vrouter, f"in_port=p1,{probe}")
        assert outcome.sent == ["p1"] and outcome.packet["arp_sha"] == at

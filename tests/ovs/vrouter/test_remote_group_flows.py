"""Who is a member of a remote group, from the configuration to the switch: a pair that covers much
makes a member of nobody but its own port."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab.beds.option_values import world_settings
from lab.beds.owners import owns
from lab.beds.sandbox import OpenFlow, Sandbox
from ryu_apps.control import messages as msg
from ryu_apps.control.config.model import (
    ROUTER_INTERFACE,
    AddressPair,
    Change,
    FixedIp,
    Network,
    Port,
    Router,
    SecurityGroup,
    SecurityGroupRule,
    Subnet,
)
from ryu_apps.control.world import World
from tests.element_info import ovs_info
from tests.ovs.vrouter.tracing import trace
from vrouter_ovs.state import FLOWS, TARGET_OF

GATEWAY = {"n": "fa:16:3e:00:00:fe", "m": "fa:16:3e:00:00:fd"}
NEW, ESTABLISHED, REPLY = "trk,new", "trk,est", "trk,est,rpl"


def mac(number: int) -> str:
    return f"fa:16:3e:00:00:{number:02x}"


def port(number: int, group: str, *pairs: str, network: str = "n") -> Change:
    """p1 is web, p2 a member of ops with the pairs, p3 a third; p4 is a third beyond the router."""
    third = 0 if network == "n" else 1
    name = f"p{number}"
    return Change("port", name, Port(
        name, network, mac(number),
        fixed_ips=(FixedIp(f"{network}4", f"10.0.{third}.{number}"),
                   FixedIp(f"{network}6", f"fd0{third}::{number}")),
        security_groups=(group,), allowed_address_pairs=tuple(map(AddressPair, pairs)),
    ))  # fmt: skip


def world(stateful: bool, *pairs: str) -> World:
    changes = []
    for third, network in enumerate(("n", "m")):
        changes += [
            Change("network", network, Network(network, 100 + third, 1 + third)),
            Change("subnet", f"{network}4", Subnet(f"{network}4", network, f"10.0.{third}.0/24",
                                                   gateway_ip=f"10.0.{third}.254")),
            Change("subnet", f"{network}6", Subnet(f"{network}6", network, f"fd0{third}::/64",
                                                   gateway_ip=f"fd0{third}::ff")),
            Change("port", f"if{network}", Port(
                f"if{network}", network, GATEWAY[network], device_id="r",
                fixed_ips=(FixedIp(f"{network}4", f"10.0.{third}.254"),
                           FixedIp(f"{network}6", f"fd0{third}::ff")),
                device_owner=ROUTER_INTERFACE, port_security_enabled=False)),
        ]  # fmt: skip
    changes.append(Change("router", "r", Router("r", 900, 9)))
    for group in ("web", "ops", "third"):
        changes.append(Change("security_group", group, SecurityGroup(group, stateful=stateful)))
        for version in ("IPv4", "IPv6"):
            name = f"{group}{version}"
            changes.append(Change("security_group_rule", name, SecurityGroupRule(
                name, group, "egress", version)))
    for version in ("IPv4", "IPv6"):
        changes.append(Change("security_group_rule", f"in{version}", SecurityGroupRule(
            f"in{version}", "web", "ingress", version, "tcp", 22, 22, remote_group_id="ops")))
    changes += [port(1, "web"), port(2, "ops", *pairs), port(3, "third"),
                port(4, "third", network="m"), port(5, "web", network="m")]
    made = World(world_settings("n1", 65000))
    made.step(msg.ConfigChanged(tuple(changes), 1), 0.0)
    info = ovs_info("hv", "hv", "192.0.2.1", "hv", "198.51.100.1")
    rows = tuple(msg.Interface(f"t{n}", f"p{n}", n) for n in range(1, 6))
    made.step(owns("n1", "hv"), 0.0)
    made.step(msg.ElementConnected(1, info, rows, ()), 0.0)
    return made


PAIRS = {
    "everything": ("0.0.0.0/0", "::/0"),
    "halves": ("0.0.0.0/1", "128.0.0.0/1", "::/1", "8000::/1"),
    "much": ("10.0.0.0/8", "fd00::/8"),
}


@pytest.fixture(scope="module")
def ports(sandbox: Sandbox) -> Sandbox:
    sandbox.add_ports(1, 2, 3, 4, 5)
    return sandbox


@pytest.fixture(params=[(name, stateful) for name in PAIRS for stateful in (True, False)],
                ids=str)
def vrouter(ports: Sandbox, openflow: OpenFlow, request) -> Iterator[tuple[Sandbox, bool]]:
    name, stateful = request.param
    made = world(stateful, *PAIRS[name])
    openflow.install([
        item for item in made.desired.objects["hv"].values() if TARGET_OF[item.kind] == FLOWS
    ])
    yield ports, stateful


def ssh(bed: tuple[Sandbox, bool], source: int, to: int, said: str, version: int) -> list:
    """A first packet to port 22; ``said``: its source address."""
    sandbox, stateful = bed
    mine, other = source > 3, to > 3
    target = mac(to) if mine == other else GATEWAY["m" if mine else "n"]
    where = f"10.0.{int(other)}.{to}" if version == 4 else f"fd0{int(other)}::{to}"
    family = (f"tcp,nw_src={said},nw_dst={where},nw_ttl=64" if version == 4
              else f"tcp6,ipv6_src={said},ipv6_dst={where},nw_ttl=64")
    packet = f"in_port=p{source},dl_src={mac(source)},dl_dst={target},{family},tp_dst=22"
    # What enters a connection forgets it in a trace, so the sender's zone knows it.
    states = (ESTABLISHED, NEW) if stateful else ()
    if stateful:
        ct = "ct_nw" if version == 4 else "ct_ipv6"
        packet += (f",ct_state=est|trk,ct_nw_proto=6,ct_tp_dst=22,{ct}_src={said},"
                   f"{ct}_dst={where}")  # fmt: skip
    return trace(sandbox, packet, *states).sent


def own(number: int, version: int) -> str:
    third = int(number > 3)
    return f"10.0.{third}.{number}" if version == 4 else f"fd0{third}::{number}"


@pytest.mark.parametrize("version", [4, 6])
def test_nobody_else_is_a_member(vrouter, version: int) -> None:
    for source, to in ((3, 1), (4, 1), (4, 5), (3, 5)):
        assert ssh(vrouter, source, to, own(source, version), version) == [], (source, to)


@pytest.mark.parametrize("version", [4, 6])
def test_the_member_is_one_by_whatever_address(vrouter, version: int) -> None:
    far = "10.77.0.9" if version == 4 else "fd77::9"
    for said in (own(2, version), far):
        assert ssh(vrouter, 2, 1, said, version) == ["p1"], said
    # A router changes the MAC, so that beyond it the fixed address counts alone.
    assert ssh(vrouter, 2, 5, own(2, version), version) == ["p5"]
    assert ssh(vrouter, 2, 5, far, version) == []


@pytest.mark.parametrize("version", [4, 6])
def test_replies_to_the_member(vrouter, version: int) -> None:
    """They are held against the rule by which the connection came."""
    sandbox, stateful = vrouter
    if not stateful:
        return
    far = "10.77.0.9" if version == 4 else "fd77::9"
    ct = "ct_nw" if version == 4 else "ct_ipv6"
    ip = ("tcp,nw_ttl=64,nw" if version == 4 else "tcp6,nw_ttl=64,ipv6")
    for target, sent in ((2, ["p2"]), (3, [])):
        packet = (
            f"in_port=p1,dl_src={mac(1)},dl_dst={mac(target)},{ip}_src={own(1, version)},"
            f"{ip.rpartition(',')[2]}_dst={far},tp_src=22,ct_state=trk|est|rpl,ct_nw_proto=6,"
            f"ct_tp_dst=22,{ct}_src={far},{ct}_dst={own(1, version)}"
        )
        assert trace(sandbox, packet, REPLY, REPLY).sent == sent, target

"""A node with a port that a router announces as well."""

from __future__ import annotations

from ryu_apps.control.config.model import ROUTER_INTERFACE, FixedIp, Network, Port, Router, Subnet
from ryu_apps.control.routes import Attributes, MacIp, Path
from ryu_apps.views.ports import port_state
from tests.hops import vteps
from tests.property.world_model import Node, target

MAC, OTHER = "fa:16:3e:00:00:0a", "02:00:00:00:00:99"
IP, IP6 = "10.0.0.10", "fd00::10"
ROUTER, LOW = "192.0.2.7", "10.0.0.7"
"""LOW wins of equal sequence numbers against the hypervisors', ROUTER does not."""
OURS = "172.16.0.1"


def node(plugged: bool = True, **port) -> Node:
    one = Node()
    one.set("network", "net", Network("net", 101, 1))
    one.set("subnet", "a", Subnet("a", "net", "10.0.0.0/24"))
    one.set("subnet", "b", Subnet("b", "net", "fd00::/64"))
    one.set("router", "r", Router("r", 201, 11))
    one.set("port", "if", Port(
        "if", "net", "fa:16:3e:00:00:01", fixed_ips=(FixedIp("a", "10.0.0.1"),), device_id="r",
        device_owner=ROUTER_INTERFACE, port_security_enabled=False,
    ))  # fmt: skip
    fixed = (FixedIp("a", IP), FixedIp("b", IP6))
    one.set("port", "vm", Port("vm", "net", MAC, fixed_ips=fixed, unfiltered=True, **port))
    one.set("port", "vm2", Port("vm2", "net", "fa:16:3e:00:00:0b", unfiltered=True))
    one.connect("e0")
    one.connect("e1")
    one.bind("e1", "tap0", "vm2")
    if plugged:
        one.bind("e0", "tap0", "vm")
    one.settle()
    return one


def route(
    mobility: int = 0, vtep: str = ROUTER, mac: str = MAC, ip: str = IP, rd: str = "", **attrs
) -> Path:
    attributes = Attributes(
        vtep, (target(101), target(201)), router_mac="02:00:00:00:00:77", mobility=mobility, **attrs
    )
    return Path(MacIp(rd or f"{vtep}:1", 0, mac, ip), attributes, (101, 201))


def hear(one: Node, *paths: Path) -> None:
    one.receive("p1", paths)
    one.settle()


def sequence(one: Node, ip: str = IP) -> int:
    (path,) = [
        path for path in one.announced.values()
        if type(path.nlri) is MacIp and (path.nlri.mac, path.nlri.ip) == (MAC, ip)
    ]
    assert path.attrs.next_hop == OURS
    return path.attrs.mobility


def works(one: Node) -> None:
    """The port is where it is plugged in, here and for the other hypervisor."""
    assert one.world.ports.bound["vm"].element == "e0"
    assert port_state(one.world, "vm")[:2] == ("ACTIVE", "host0")
    assert ("port", "vm") in one.tables["e0"] and ("mac", 101, MAC) not in one.tables["e0"]
    there = one.tables["e1"]
    assert vteps(there["mac", 101, MAC].hops) == [OURS]
    for ip, prefix in ((IP, f"{IP}/32"),):
        assert there["neighbor", 101, ip].mac == MAC
        assert vteps(there["route", 201, prefix].hops) == [OURS]


def war(one: Node, times: int, **more) -> None:
    """The router outdoes the port, so many times."""
    for _ in range(times):
        hear(one, route(sequence(one) + 1, **more))

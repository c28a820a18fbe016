"""What the tests of shared addresses have in common: three ports, two of which share some."""
from __future__ import annotations

from lab.beds.option_values import world_settings
from ryu_apps.control import messages as msg
from ryu_apps.control.config.model import (
    ROUTER_INTERFACE,
    AddressPair,
    FixedIp,
    Network,
    Port,
    Router,
    Subnet,
)
from ryu_apps.control.messages import Evidence
from ryu_apps.control.routes import Attributes, MacIp, Path
from tests.property.world_model import ASN, Node, target

VIP, VIP6, VIRTUAL = "10.0.0.100", "fd00::100", "00:00:5e:00:01:0a"
GATEWAY = "fa:16:3e:00:00:01"
FAR = "192.0.2.7"
KEY = (101, VIP)


def mac(number: int) -> str:
    return f"fa:16:3e:00:00:{number:02x}"


def port(number: int, *pairs: AddressPair, **more) -> Port:
    """p1 has 10.0.0.11, and so on."""
    return Port(
        f"p{number}", "net", mac(16 + number), fixed_ips=(FixedIp("a", f"10.0.0.{10 + number}"),),
        allowed_address_pairs=pairs, unfiltered=True, **more,
    )  # fmt: skip


PAIRS = (AddressPair(VIP), AddressPair(VIP6), AddressPair(VIP, VIRTUAL))


def node(*pairs: AddressPair, **settings) -> Node:
    """p1 on e0, p2 on e1, both with the pairs; p3 on e0 without; all on a router."""
    one = Node(world_settings("n1", ASN, **settings) if settings else None, not settings)
    one.set("network", "net", Network("net", 101, 1))
    one.set("subnet", "a", Subnet("a", "net", "10.0.0.0/24", gateway_ip="10.0.0.1"))
    one.set("router", "r", Router("r", 201, 11))
    one.set("port", "if", Port(
        "if", "net", GATEWAY, fixed_ips=(FixedIp("a", "10.0.0.1"),), device_id="r",
        device_owner=ROUTER_INTERFACE, port_security_enabled=False,
    ))  # fmt: skip
    for number, element in ((1, "e0"), (2, "e1"), (3, "e0")):
        shared = (pairs or PAIRS) if number < 3 else ()
        one.set("port", f"p{number}", port(number, *shared))
        if element not in one.inputs.elements:
            one.connect(element)
        one.bind(element, f"tap{number}", f"p{number}", number)
    one.settle()
    return one


def see(one: Node, number: int, mac_address: str = "", address: str = VIP,
        how: Evidence = Evidence.ANNOUNCED) -> list:  # fmt: skip
    bound = one.world.ports.bound[f"p{number}"]
    one.handle(msg.AddressSeen(
        bound.element, bound.port_id, mac_address or bound.mac, address, how
    ))  # fmt: skip
    return one.flush()


def path(sequence: int, where: str = "fa:16:3e:99:00:01", vtep: str = FAR) -> Path:
    """Another node announces the address."""
    attrs = Attributes(
        vtep, (target(101), target(201)), router_mac="02:76:c0:00:02:07", mobility=sequence
    )
    return Path(MacIp(f"{vtep}:1", 0, where, VIP), attrs, (101, 201))


def holder(one: Node, address: str = VIP) -> str:
    held = one.world.learned.holders.get((101, address))
    return held.port_id if held is not None else ""


def announced(one: Node, address: str = VIP) -> list[tuple[str, str, int]]:
    """(MAC, VTEP, sequence number) of the routes of an address."""
    return [
        (nlri.mac, item.attrs.next_hop, item.attrs.mobility)
        for nlri, item in one.announced.items()
        if type(nlri) is MacIp and nlri.ip == address
    ]

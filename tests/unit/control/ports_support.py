"""A World with a network and a port of it, for the tests of ports and claims."""

from __future__ import annotations

from ryu_apps.control.config.model import FixedIp, Network, Port, Subnet
from ryu_apps.control.routes import Attributes, MacIp, Path
from tests.property.world_model import Node, target

MACS = {"vm": "fa:16:3e:00:00:0a", "other": "fa:16:3e:00:00:0b"}
FAR = "192.0.2.7"
ADDRESSES = {"vm": "10.0.0.10", "other": "10.0.0.11"}
ROUTE = MacIp("172.16.0.1:1", 0, MACS["vm"], ADDRESSES["vm"])


def port(id: str, **fields) -> Port:
    fields.setdefault("unfiltered", True)
    return Port(id, "net", MACS[id], fixed_ips=(FixedIp("a", ADDRESSES[id]),), **fields)


def node(*elements: str) -> Node:
    one = Node()
    one.set("network", "net", Network("net", 101, 1))
    one.set("subnet", "a", Subnet("a", "net", "10.0.0.0/24"))
    one.set("port", "vm", port("vm"))
    for element in elements or ("e0",):
        one.connect(element)
    one.settle()
    return one


def competing(mobility: int = 0, vtep: str = FAR, rts: tuple = (target(101),)) -> Path:
    """The port's MAC, announced by another node."""
    attrs = Attributes(vtep, rts, mobility=mobility)
    return Path(MacIp(f"{vtep}:1", 0, MACS["vm"], ADDRESSES["vm"]), attrs, (101,))


def refusals(one: Node) -> dict:
    """(element, object key) -> why the switch refused it."""
    return {
        (name, key): reason for name, element in one.world.elements.accepted.items()
        for key, reason in element.confirmations.refusals.items()
    }


def why(one: Node, id: str = "vm") -> list[str]:
    return [refusal.text for refusal in one.world.ports.refused.get(id, {}).values()]

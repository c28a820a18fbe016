"""A node with hypervisors, for the tests of who joins."""

from __future__ import annotations

from ryu_apps.control.config.model import FixedIp, Network, Port, Subnet
from tests.property.world_model import Node


def node() -> Node:
    one = Node()
    one.set("network", "net", Network("net", 101, 1))
    one.set("subnet", "a", Subnet("a", "net", "10.0.0.0/24"))
    one.set("port", "vm", Port("vm", "net", "fa:16:3e:00:00:0a",
                               fixed_ips=(FixedIp("a", "10.0.0.10"),)))
    one.connect("e0")
    one.bind("e0", "tap0", "vm")
    one.settle()
    return one

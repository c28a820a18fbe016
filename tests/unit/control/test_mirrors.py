"""Where copies of what ports send and receive go, as hypervisors, tunnels and ports come and go."""

from __future__ import annotations

import pytest

from ryu_apps.control.config.model import TapFlow, TapMirror, TapService
from ryu_apps.control.messages import TunnelStatus
from tests.property.world_model import Driver, Node
from vrouter_ovs.state import (
    Copy,
    Endpoint,
    Mirroring,
    PortMirror,
    TapPort,
    TunnelPort,
    collector,
)

E1 = "172.16.0.2"
COLLECTOR = "198.51.100.9"
OUT_PORT = collector(COLLECTOR, "gre", 8)


@pytest.fixture
def node() -> Node:
    """port0 and port1 are at e0, port2 at e1."""
    made = Node()
    Driver(made).populate()
    made.settle()
    return made


def have(node: Node, element: str, kind: type) -> list:
    objects = node.world.desired.objects.get(element, {})
    return [item for item in objects.values() if type(item) is kind]


def watch(node: Node, target: str, direction: str = "BOTH") -> None:
    node.set("tap_service", "s", TapService("s", target, 900))
    node.set("tap_flow", "f", TapFlow("f", "s", "port0", direction))
    node.settle()


def mirror(node: Node, **fields) -> None:
    node.set("tap_mirror", "m", TapMirror(
        "m", "port0", fields.pop("remote_ip", COLLECTOR), "gre", session_out=8, **fields))
    node.settle()


def tunnel(node: Node, far: Endpoint, ofport: int, bfd: str = "up") -> None:
    node.tunnel("e0", far, TunnelStatus(far, ofport, bfd) if ofport else None)
    node.settle()


def nothing_is_left(node: Node) -> None:
    for element in ("e0", "e1"):
        assert not [*have(node, element, PortMirror), *have(node, element, TapPort),
                    *have(node, element, Mirroring)]
        assert not any(":" in one.endpoint.encap for one in have(node, element, TunnelPort))
    assert not node.world.mirrors.problems
    assert not node.world.mirrors.is_used()


def test_to_a_port_of_the_same_vrouter(node: Node) -> None:
    watch(node, "port1")
    (found,) = have(node, "e0", PortMirror)
    ofports = {port: bound.ofport for port, bound in node.world.ports.bound.items()}
    to = (Copy(ofports["port1"]),)
    assert found == PortMirror("port0", ofports["port0"], to, to)
    assert have(node, "e0", Mirroring) == [Mirroring()]
    node.set("tap_flow", "f", TapFlow("f", "s", "port0", "OUT"))
    node.settle()
    (found,) = have(node, "e0", PortMirror)
    assert (found.sends, found.receives) == (to, ()) and not have(node, "e0", Mirroring)
    for kind, id in (("tap_service", "s"), ("tap_flow", "f")):
        node.set(kind, id, None)
        node.settle()
    nothing_is_left(node)


def test_to_a_port_of_another_vrouter(node: Node) -> None:
    """By the tunnel that is up, which is asked for."""
    watch(node, "port2")
    assert have(node, "e1", TapPort) == [TapPort(900, node.world.ports.bound["port2"].ofport)]
    (found,) = have(node, "e0", PortMirror)
    assert (found.sends, found.endpoints) == ((), (Endpoint(E1),))
    assert Endpoint(E1) in node.world.desired.endpoints("e0")
    tunnel(node, Endpoint(E1), 30)
    (found,) = have(node, "e0", PortMirror)
    assert found.sends == found.receives == (Copy(30, 900),)
    tunnel(node, Endpoint(E1, path=1), 31)
    tunnel(node, Endpoint(E1), 30, "down")
    assert have(node, "e0", PortMirror)[0].sends == (Copy(31, 900),)
    for path in (0, 1):
        tunnel(node, Endpoint(E1, path=path), 0)
    assert have(node, "e0", PortMirror)[0].sends == ()
    # The port is deleted, then what names it.
    node.set("port", "port2", None)
    node.settle()
    assert not have(node, "e0", PortMirror) and not have(node, "e1", TapPort)
    for kind, id in (("tap_flow", "f"), ("tap_service", "s")):
        node.set(kind, id, None)
    node.settle()
    nothing_is_left(node)


def test_the_key_is_what_the_encapsulation_makes_of_it(node: Node) -> None:
    watch(node, "port2")
    for names, key in ((("nvgre",), 900 << 8), (("geneve",), 900)):
        for element in ("e0", "e1"):
            node.change_encapsulations(element, names)
        node.settle()
        tunnel(node, Endpoint(E1, names[0]), 40)
        assert have(node, "e0", PortMirror)[0].sends == (Copy(40, key),)
    for element in ("e0", "e1"):
        node.change_encapsulations(element, ("mpls-in-gre",))
    node.settle()
    assert not have(node, "e0", PortMirror)
    assert "MPLS" in node.world.mirrors.problems["port0"][0]


def test_to_a_collector(node: Node) -> None:
    mirror(node)
    wanted = TunnelPort(OUT_PORT, "172.16.0.1", COLLECTOR)
    assert wanted in have(node, "e0", TunnelPort) and not have(node, "e0", PortMirror)
    tunnel(node, OUT_PORT, 50, "")
    assert have(node, "e0", PortMirror)[0].sends == (Copy(50),)
    # Another port has the same session: its tunnel port stays for the one that is left.
    node.set("tap_mirror", "n", TapMirror("n", "port1", COLLECTOR, "gre", session_out=8))
    node.settle()
    node.set("tap_mirror", "m", None)
    node.settle()
    assert [one.port_id for one in have(node, "e0", PortMirror)] == ["port1"]
    assert wanted in have(node, "e0", TunnelPort)
    node.set("tap_mirror", "n", None)
    node.settle()
    nothing_is_left(node)


def test_never_to_a_hypervisor(node: Node) -> None:
    """It would take copies for what another hypervisor sends it; also one that joins later."""
    mirror(node)
    tunnel(node, OUT_PORT, 50, "")
    assert have(node, "e0", PortMirror)
    node.change_vtep("e1", COLLECTOR)
    node.settle()
    assert not have(node, "e0", PortMirror)
    assert not any(one.endpoint == OUT_PORT for one in have(node, "e0", TunnelPort))
    assert "hypervisor" in node.world.mirrors.problems["port0"][0]
    node.change_vtep("e1", E1)
    node.settle()
    assert have(node, "e0", PortMirror)[0].sends == (Copy(50),)
    assert not node.world.mirrors.problems


def test_a_hypervisor_without_an_address_of_the_family(node: Node) -> None:
    mirror(node, remote_ip="2001:db8::9")
    assert "IPv6" in node.world.mirrors.problems["port0"][0]
    node.set("tap_mirror", "m", None)
    node.settle()
    nothing_is_left(node)


def test_a_hypervisor_that_is_forgotten(node: Node) -> None:
    watch(node, "port2")
    mirror(node)
    node.disconnect("e1")
    node.forget("e1")
    node.settle()
    node.disconnect("e0")
    node.forget("e0")
    node.settle()
    assert not node.world.mirrors.is_used() and not node.world.mirrors.problems

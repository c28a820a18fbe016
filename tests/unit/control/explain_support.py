"""A node with hypervisors, ports and a peer, whose forwarding is explained."""

from __future__ import annotations

from typing import Any

from ryu_apps.control import messages as msg
from ryu_apps.control.config.model import ROUTER_INTERFACE, FixedIp, Network, Port, Router, Subnet
from ryu_apps.control.explain.explain import explain
from ryu_apps.control.explain.forwarding import Forwarding
from ryu_apps.control.routes import Attributes, IpPrefix, MacIp, Path
from ryu_apps.control.settings import Settings
from ryu_apps.views import vpns
from ryu_apps.views.ports import holder, port_state
from tests.property.world_model import Node, target
from vrouter_ovs.state import Endpoint

FAR = "192.0.2.7"
OUTSIDE = "203.0.113.9"
RMAC = "02:00:00:00:00:77"


class Site(Node):
    """Networks A (101) and B (102) on a router (201): a1, b1 on e0; a2, b2 on e1; dual stack."""

    def __init__(self, settings: Settings | None = None, converged: bool = True) -> None:
        super().__init__(settings, converged)
        for n, name in enumerate("ab"):
            self.set("network", name, Network(name, 101 + n, 1 + n))
            for version, cidr in ((4, f"10.{n}.0.0/24"), (6, f"fd0{n + 1}::/64")):
                id = f"{name}{version}"
                gateway = cidr.replace("0/24", "1").replace("/64", "1")
                self.set("subnet", id, Subnet(id, name, cidr, gateway_ip=gateway))
                self.set("port", f"if-{id}", Port(
                    f"if-{id}", name, f"fa:16:3e:0{n}:0{version}:01",
                    fixed_ips=(FixedIp(id, gateway),), device_id="r",
                    device_owner=ROUTER_INTERFACE, port_security_enabled=False,
                ))  # fmt: skip
            for number in (1, 2):
                fixed = FixedIp(f"{name}4", f"10.{n}.0.1{number}"), FixedIp(
                    f"{name}6", f"fd0{n + 1}::1{number}")
                self.set("port", f"{name}{number}", Port(
                    f"{name}{number}", name, f"fa:16:3e:0{n}:00:1{number}", fixed_ips=fixed,
                    unfiltered=True))
        self.set("router", "r", Router("r", 201, 11))
        for element in ("e0", "e1"):
            self.connect(element)
            self.handle(msg.VrouterConnected(element))
            far = Endpoint({"e0": "172.16.0.2", "e1": "172.16.0.1"}[element])
            self.tunnel(element, far, msg.TunnelStatus(far, 90, "up"))
            for n, name in enumerate("ab"):
                self.bind(element, f"tap{n}", f"{name}{1 + int(element[1])}")
        self.settle()

    def ask(self, sender: str, to: str, protocol: str = "icmp", **more: Any) -> dict[str, Any]:
        world = self.world

        def states(port_id: str) -> tuple[str, str]:
            state = port_state(world, port_id)
            return state.status, state.reason

        return explain(
            world.config, sender, to, protocol, **more, states=states, observed=Forwarding(world),
            routed=lambda vni, address: vpns.routed(world, vni, address),
            holder=lambda sharing, address: holder(world, sharing, address),
        )  # fmt: skip

    def says(self, verdict: str, *words: str, ask: tuple = ("a1", OUTSIDE), **more: Any) -> None:
        answer = self.ask(*ask, **more)
        text = str([one["reason"] for one in answer["stages"]])
        assert answer["verdict"] == verdict, text
        for word in words:
            assert word in (answer["reason"] or text), text

    def hear(self, *paths: Path, tunnel: bool = True) -> None:
        if tunnel:
            for element in ("e0", "e1"):
                self.tunnel(element, Endpoint(FAR), msg.TunnelStatus(Endpoint(FAR), 91))
        self.receive("p1", paths)
        self.settle()


def prefix(prefix: str = "203.0.113.0/24", vtep: str = FAR, **more: Any) -> Path:
    gateway, esi, label = more.pop("gateway", ""), more.pop("esi", ""), more.pop("label", 201)
    attrs = Attributes(vtep, (target(201),), **{"router_mac": RMAC, **more})
    return Path(IpPrefix(f"{vtep}:9", 0, prefix), attrs, (label,), esi, gateway)


def host(ip: str, labels: tuple = (101,), vtep: str = FAR, **more: Any) -> Path:
    rts = tuple(map(target, labels)) if 0 not in labels else (target(101), target(201))
    attrs = Attributes(vtep, rts, **more)
    return Path(MacIp(f"{vtep}:1", 0, "02:00:00:00:00:50", ip), attrs, labels)

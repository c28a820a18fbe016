"""The running fabric of racks: two or more top-of-rack switches and the chassis that joins them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from lab.fabric import bgp
from lab.fabric.faults import Link
from lab.fabric.flat import MGMT, Fabric, Uplink
from lab.fabric.ospf import chassis_config, rack_config
from lab.fabric.plan import CHASSIS, PLANES, UNDERLAY, Racks, link_name, rack_name
from lab.fabric.switch import SERVERS, Switch
from lab.journal import Journal
from lab.net import Namespace, veth
from lab.wait import wait_until

_LOOPBACK = "198.18.0.0"
_UP = "up1"


class RackFabric(Fabric):
    """Links have the names of their ends, the switch nearer to the chassis last: "hv1-tor1",
    "tor1-chassis"."""

    BRIDGES = ("mgmt",)

    def __init__(self, lab: str, journal: Journal, plan: Racks, mtu: int = 1500) -> None:
        super().__init__(lab, journal, mtu)
        self.plan = plan
        self.links: dict[str, Link] = {}
        self.tors = {
            rack: Switch(
                lab, rack_name(rack),
                {"ospfd": rack_config(plan, rack, _UP, SERVERS), **self._bgp(rack)}, journal,
            )
            for rack in plan.racks
        }
        downlinks = {rack: f"swp{rack}" for rack in plan.racks}
        self.chassis = Switch(
            lab, CHASSIS,
            {"ospfd": chassis_config(plan, downlinks, _LOOPBACK), **self._bgp(0)}, journal,
        )

    def _bgp(self, number: int) -> dict[str, str]:
        if not self.plan.asn:
            return {}
        return {"bgpd": bgp.config(f"{MGMT}{self.plan.management(number)}", self.plan.asn)}

    # ------------------------------------------------------------ life

    def start(self) -> None:
        super().start()
        self.chassis.create()
        self.chassis.space.batch([f"address add {_LOOPBACK}/32 dev lo"])
        for rack, tor in self.tors.items():
            tor.create()
            tor.add_server_bridge(
                f"02:00:00:00:{rack:02x}:01",
                [f"{self.plan.gateway(rack, path)}/24" for path in range(PLANES)],
            )
            veth(tor.space, _UP, self.chassis.space, f"swp{rack}", self._mtu)
            above, below = self.plan.link(rack)
            self.chassis.space.batch([f"address add {above} dev swp{rack}"])
            tor.space.batch([f"address add {below} dev {_UP}"])
            self._add_link(Link(CHASSIS, tor.name, self.chassis.space, f"swp{rack}"))
        switches = [self.chassis, *self.tors.values()]
        for number, switch in enumerate(switches):
            self.attach(switch.space, "mgmt0", "mgmt", f"{MGMT}{self.plan.management(number)}/24")
        with ThreadPoolExecutor(len(switches)) as pool:
            list(pool.map(lambda switch: switch.routing.start(), switches))
        if self.plan.lldp:
            for number, switch in enumerate(switches):
                switch.speak_lldp(
                    f"02:00:00:00:{number:02x}:01", f"{MGMT}{self.plan.management(number)}"
                )

    def wait_ready(self, timeout: float = 60.0) -> None:
        """Wait until every switch has its routes."""
        for rack, tor in self.tors.items():
            wait_until(lambda tor=tor: "default" in tor.routes(), f"{tor.name}'s default route",
                       timeout, log=tor.routing.daemons["ospfd"].log)
            wanted = {f"{self.plan.subnet(rack, path)}0/24" for path in range(PLANES)}
            wait_until(lambda wanted=wanted: wanted <= self.chassis.routes(),
                       f"routes to {tor.name}", timeout,
                       log=self.chassis.routing.daemons["ospfd"].log)

    # ------------------------------------------------------------ hosts

    def uplinks(self, host: str, number: int) -> tuple[Uplink, ...]:
        uplinks = self.plan.uplinks(host, number)
        if self.plan.control == "mgmt":
            return uplinks
        first = uplinks[0]
        way = (f"{MGMT}0/24", first.routes[0][1])
        return (
            replace(first, routes=(*first.routes, way)), *uplinks[1:],
        )

    def encap_ip(self, uplinks: tuple[Uplink, ...]) -> str:
        return ",".join(uplink.address for uplink in uplinks[: self.plan.paths])

    def attach_hypervisor(self, space: Namespace, uplinks: tuple[Uplink, ...], mgmt: str) -> None:
        if self.plan.control == "mgmt":
            self.attach(space, "mgmt0", "mgmt", f"{mgmt}/24")
        number = mgmt.rpartition(".")[2]
        for rack, uplink in zip(self.plan.homes_of(space.host), uplinks, strict=True):
            tor, port = self.tors[rack], f"swp{number}"
            veth(tor.space, port, space, uplink.interface, self._mtu)
            tor.space.batch([f"link set {port} master {SERVERS} alias {space.host}"])
            self._add_link(Link(tor.name, space.host, tor.space, port))

    def attach_node(self, space: Namespace, address: str) -> None:
        super().attach_node(space, address)
        # The chassis has a leg in the management network.
        space.batch([f"route add {UNDERLAY} via {MGMT}{self.plan.management(0)}"])

    def _add_link(self, link: Link) -> None:
        self.links[link.name] = link

    # ------------------------------------------------------------ faults

    def link(self, one: str, other: str) -> Link:
        """The link between two hosts, in either order.  Raises KeyError."""
        found = self.links.get(link_name(one, other))
        return found if found is not None else self.links[link_name(other, one)]

    def cut(self, name: str) -> None:
        """Cut a link: both ends lose their carrier."""
        self.links[name].cut()

    def lose(self, name: str, percent: float = 100, toward: str | None = None) -> None:
        """A link loses that part of its packets toward one end, or both, and its ends see no more
        than that."""
        self.links[name].lose(percent, toward)

    def mend(self, name: str) -> None:
        self.links[name].mend()

    def links_of(self, host: str) -> list[Link]:
        return [link for link in self.links.values() if host in (link.switch, link.other)]

    def cut_host(self, host: str) -> None:
        """Cut all links of a switch or a hypervisor."""
        for link in self.links_of(host):
            link.cut()

    def mend_host(self, host: str) -> None:
        for link in self.links_of(host):
            link.mend()

    def mend_all(self) -> None:
        for link in self.links.values():
            link.mend()

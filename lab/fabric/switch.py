"""A switch of the fabric: a namespace with ports, routes and FRR."""

from __future__ import annotations

from collections.abc import Mapping

from lab.fabric.lldp import daemon, neighbours
from lab.journal import Journal
from lab.net import Namespace
from lab.process import Daemon
from lab.routing import Routing
from vrouter_ovs.proxies.lldp import Neighbour

SERVERS = "servers"
"""The bridge of a rack switch that its servers' ports are in."""


class Switch:
    """``configs``: texts of its FRR's configuration files, by program."""

    def __init__(
        self, lab: str, name: str, configs: Mapping[str, str], journal: Journal
    ) -> None:
        self.name = name
        self.space = Namespace(lab, name)
        self.routing = Routing(
            self.space, journal.directory / name, {"zebra": f"hostname {name}\n", **configs},
            journal,
        )
        self._journal = journal
        self.lldp: Daemon | None = None

    def create(self) -> None:
        """Its namespace, which forwards packets."""
        self.space.create(self._journal)
        self.space.sysctl({
            "net.ipv4.ip_forward": 1,
            "net.ipv4.conf.all.rp_filter": 0,
            "net.ipv4.conf.default.rp_filter": 0,
            "net.ipv4.conf.all.send_redirects": 0,
            "net.ipv4.conf.default.send_redirects": 0,
            # Routes of a link that lost its carrier are no routes.
            "net.ipv4.conf.all.ignore_routes_with_linkdown": 1,
            "net.ipv4.conf.default.ignore_routes_with_linkdown": 1,
            # Where the kernel hands bridged frames to iptables, a host's rules would drop ours.
            "net.bridge.bridge-nf-call-iptables": 0,
        })

    def add_server_bridge(self, mac: str, addresses: list[str]) -> None:
        """The bridge for servers and its addresses, "A.B.C.D/LEN" each.  Its MAC is given, as it
        would change with its ports otherwise, and servers keep it for minutes."""
        self.space.batch([
            f"link add {SERVERS} address {mac} type bridge mcast_snooping 0 stp_state 0",
            f"link set {SERVERS} up",
            *(f"address add {address} dev {SERVERS}" for address in addresses),
        ])

    def speak_lldp(self, chassis: str, management: str) -> None:
        """Speak and hear LLDP at its ports, every second; what it says holds for four."""
        said = Neighbour(
            chassis, "", 4, system_name=self.name, system_description="FRR on Linux",
            capabilities=("bridge", "router"), management=(management,),
        )
        self.lldp = daemon(self._journal, self.space, self.routing.directory, said, 1.0)
        self.lldp.start()

    def neighbours(self) -> dict[str, list[dict]]:
        """What it hears by LLDP, by port."""
        return neighbours(self.routing.directory)

    def routes(self) -> set[str]:
        """The prefixes that OSPF gave the kernel; "default" is one."""
        shown = self.space.run(["ip", "route", "show", "proto", "ospf"]).stdout
        return {line.split()[0] for line in shown.splitlines() if line[:1].strip()}

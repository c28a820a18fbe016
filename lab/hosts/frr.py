"""FRR on the management network: zebra, bgpd and others; a route reflector helper."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from lab.fabric.flat import Fabric
from lab.journal import Journal
from lab.net import Namespace
from lab.routing import Routing


class Frr(Routing):
    """``config``: text of bgpd.conf; ``more``: of further daemons, by their names, as staticd."""

    def __init__(
        self, lab: str, name: str, address: str, config: str, fabric: Fabric, journal: Journal,
        more: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.address = address
        self._fabric = fabric
        self._journal = journal
        configs = {"zebra": f"hostname {name}\n", **(more or {}), "bgpd": config}
        super().__init__(Namespace(lab, name), journal.directory / name, configs, journal)

    def start(self) -> None:
        self.space.create(self._journal)
        self._fabric.attach(self.space, "mgmt0", "mgmt", f"{self.address}/24")
        super().start()


def route_reflector(asn: int, router_id: str, clients: Iterable[str]) -> str:
    """bgpd.conf of an EVPN and VPNv4/VPNv6 route reflector for iBGP clients at these addresses."""
    clients = list(clients)
    families = ("l2vpn evpn", "ipv4 vpn", "ipv6 vpn")
    lines = [f"router bgp {asn}", f" bgp router-id {router_id}", " no bgp default ipv4-unicast",
             " no bgp ebgp-requires-policy", " neighbor NODES peer-group",
             f" neighbor NODES remote-as {asn}"]
    lines += [f" neighbor {client} peer-group NODES" for client in clients]
    for family in families:
        lines += [
            f" address-family {family}", "  neighbor NODES activate",
            "  neighbor NODES route-reflector-client", " exit-address-family",
        ]
    return "\n".join(lines) + "\n"

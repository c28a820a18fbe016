"""FRR in a namespace: zebra and bgpd with their own run directory; a route reflector helper."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from typing import Any

from lab.journal import Journal
from lab.net import Fabric, Namespace
from lab.process import Daemon

DAEMONS = "/usr/lib/frr"
USER = "frr"
"""Made by the package; the daemons give up root for it, so the run directory is its."""


class Frr:
    """``config``: text of bgpd.conf."""

    def __init__(
        self, lab: str, name: str, address: str, config: str, fabric: Fabric, journal: Journal
    ) -> None:
        self.name = name
        self.address = address
        self.space = Namespace(lab, name)
        self.directory = journal.directory / name
        self._config = config
        self._fabric = fabric
        self._journal = journal
        self.zebra = self._daemon("zebra")
        self.bgpd = self._daemon("bgpd")

    def _daemon(self, program: str) -> Daemon:
        directory = self.directory
        return Daemon(
            self._journal, program,
            [
                f"{DAEMONS}/{program}", "-f", f"{directory}/{program}.conf",
                "-i", f"{directory}/{program}.pid", "-z", f"{directory}/zserv.api",
                "--vty_socket", str(directory), "-u", USER, "-g", USER, "-P", "0",
                "--log", "stdout",
            ],
            directory, self.space,
        )

    def start(self) -> None:
        self.space.create(self._journal)
        self._fabric.attach(self.space, "mgmt0", "mgmt", f"{self.address}/24")
        self.directory.mkdir(parents=True, exist_ok=True)
        shutil.chown(self.directory, USER, USER)
        (self.directory / "zebra.conf").write_text(f"hostname {self.name}\n")
        (self.directory / "bgpd.conf").write_text(self._config)
        for daemon in (self.zebra, self.bgpd):
            daemon.start()
            daemon.wait_ready((self.directory / f"{daemon.name}.vty").exists, "its VTY socket")

    def stop(self) -> None:
        self.bgpd.stop()
        self.zebra.stop()

    def vtysh(self, *commands: str) -> str:
        """Run vtysh commands, each as typed at the prompt; configuration begins with
        "configure terminal"."""
        words = [word for command in commands for word in ("-c", command)]
        return self.space.run(["vtysh", "--vty_socket", str(self.directory), *words]).stdout

    def json(self, command: str) -> Any:
        return json.loads(self.vtysh(f"{command} json"))


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

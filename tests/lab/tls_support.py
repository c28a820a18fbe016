"""A lab whose node and hypervisors talk over TLS, and the hands that carry their files about."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from cryptography import x509

from lab.hosts.hypervisor import Hypervisor
from lab.hosts.node import config_text
from lab.topology import Lab
from ryu_apps.pki.site import Site

NODE, ADDRESS = "node1", "198.51.100.1"
PORTS = (6640, 6653)
"""OVSDB, OpenFlow."""


class TlsLab(Lab):
    """One node.  ``directory``: where the site is, and a directory of files for each host.
    ``plain``: it begins without TLS."""

    def __init__(
        self, name: str, hypervisors: Iterable[str], directory: Path, plain: bool = False
    ) -> None:
        names = tuple(hypervisors)
        self.site = Site(directory / "site")
        self.site.init("lab", 100)
        self.holders = [("node", NODE), *(("hypervisor", one) for one in names)]
        for role, holder in self.holders:
            self.site.issue(role, holder, (ADDRESS,) if role == "node" else (), (holder,), 10)
        self._files = directory
        self.hand_out()
        self._plain = plain
        super().__init__(name, {NODE: names}, store="sqlite",
                         settings={} if plain else self.settings(f"pssl:6640:{ADDRESS}"))

    def settings(self, listen: str) -> dict[str, tuple[str, ...]]:
        """Of the node.  ``listen``: where for OVSDB; OpenFlow is TLS."""
        mine = self.files(NODE)
        return {
            "DEFAULT": ("ofp_ssl_listen_port = 6653", f"ctl_privkey = {mine}/node.key",
                        f"ctl_cert = {mine}/node.pem", f"ca_certs = {mine}/hypervisors.pem"),
            "ovsdb": (f"listen = {listen}", f"private_key = {mine}/node.key",
                      f"certificate = {mine}/node.pem", f"ca_cert = {mine}/hypervisors.pem"),
        }

    def restart_with(self, listen: str) -> None:
        """The node, with other settings."""
        node = self.nodes[NODE]
        node.spec = replace(node.spec, settings=self.settings(listen))
        node.config.write_text(config_text(node.spec, node.directory))
        assert node.stop()
        node.start()

    def files(self, host: str) -> Path:
        return self._files / host

    def hand_out(self, hosts: Iterable[str] = ()) -> None:
        """Copy what the site has for these hosts, or for all."""
        wanted = set(hosts) or {holder for _, holder in self.holders}
        for role, holder in self.holders:
            if holder in wanted:
                self.site.export(role, holder, self.files(holder))

    def join_all(self, progress: Callable[[str], None]) -> None:
        if not self._plain:
            for name in self.hypervisors:
                self.set_ssl(name)
        super().join_all(progress)

    def set_ssl(self, hypervisor: str) -> None:
        mine = self.files(hypervisor)
        self.hypervisors[hypervisor].vsctl(
            "set-ssl", f"{mine}/hypervisor.key", f"{mine}/hypervisor.pem", f"{mine}/ca.pem")

    def reload(self) -> None:
        """systemctl reload."""
        os.kill(self.nodes[NODE].daemon.pid, signal.SIGHUP)

    def sessions(self) -> dict[str, set[str]]:
        """Hypervisor -> its connections to the node, each by both its ends."""
        return {name: self._sessions(one) for name, one in self.hypervisors.items()}

    def _sessions(self, one: Hypervisor) -> set[str]:
        text = one.space.run(["ss", "-Htn", "state", "established", "dst", ADDRESS]).stdout
        return {f"{here} {there}" for here, there in
                re.findall(r"(\S+:\d+)\s+(\S+:(?:6640|6641|6653))\b", text)}

    def shown(self, hypervisor: str, port: int) -> int:
        """The serial number of the certificate that the node shows a new connection of a
        hypervisor, which has the files that it has now; 0 where one refuses the other."""
        mine = self.files(hypervisor)
        done = self.hypervisors[hypervisor].space.run([
            "openssl", "s_client", "-connect", f"{ADDRESS}:{port}", "-cert",
            f"{mine}/hypervisor.pem", "-key", f"{mine}/hypervisor.key", "-CAfile",
            f"{mine}/ca.pem", "-verify_return_error", "-tls1_2",
        ], check=False, stdin="", timeout=10)
        if done.returncode:
            return 0
        start = done.stdout.index("-----BEGIN CERTIFICATE")
        return x509.load_pem_x509_certificate(done.stdout[start:].encode()).serial_number

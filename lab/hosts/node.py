"""A VNC node in a namespace: its configuration file, start, stop, kill -9, restart, log."""

from __future__ import annotations

import http.client
from dataclasses import dataclass, field
from pathlib import Path

from lab.client import Client
from lab.fabric.flat import Fabric
from lab.hosts.forward import Forwarder
from lab.hosts.tree import THIS, Tree
from lab.journal import Journal
from lab.net import Namespace
from lab.process import Daemon
from ryu_apps.control.config.rules.quotas import COUNTED

OVSDB_PORT = 6640
OPENFLOW_PORT = 6653
API_PORT = 9696
BGP_PORT = 179


@dataclass(frozen=True)
class Peer:
    """A BGP peer in the words of the option ``[bgp] peer``; ``options``: what follows the AS."""

    address: str
    remote_as: int
    options: str = ""

    def __str__(self) -> str:
        return f"{self.address} remote-as {self.remote_as} {self.options}".rstrip()


@dataclass
class NodeSpec:
    """``store``: lines of the section [store].  ``settings``: more lines, by section."""

    name: str
    address: str
    asn: int = 64512
    peers: tuple[Peer, ...] = ()
    store: tuple[str, ...] = ("backend = memory",)
    settings: dict[str, tuple[str, ...]] = field(default_factory=dict)


def config_text(spec: NodeSpec, directory: Path) -> str:
    """The node's configuration file (options: ``ryu_apps/settings.py``).  ``directory``: for what
    the node keeps."""
    sections: dict[str, list[str]] = {
        "DEFAULT": [f"ofp_listen_host = {spec.address}", f"ofp_tcp_listen_port = {OPENFLOW_PORT}"],
        "node": [f"name = {spec.name}"],
        "store": list(spec.store),
        "ovsdb": [f"listen = ptcp:{OVSDB_PORT}:{spec.address}"],
        "bgp": [
            f"local_as = {spec.asn}", f"router_id = {spec.address}",
            f"listen = {spec.address}:{BGP_PORT}", *(f"peer = {peer}" for peer in spec.peers),
        ],
        "api": [
            f"host = {spec.address}", f"port = {API_PORT}",
            f"advertise = http://{spec.address}:{API_PORT}", "allow_unauthenticated = true",
        ],
        # What is tried in a lab is more than a project may have by default.
        "quotas": [f"quota_{kind} = -1" for kind in COUNTED],
    }
    if "backend = memory" not in spec.store:  # which begins anew each time
        sections["node"].append(f"state_file = {directory}/node.state")
    for section, lines in spec.settings.items():
        sections.setdefault(section, []).extend(lines)
    return "\n".join(f"[{name}]\n" + "\n".join(lines) + "\n" for name, lines in sections.items())


class Node:
    """``api_port``: port of the host's loopback that leads to its REST API; 0: any free one.
    ``tree``: of the source that it is started from."""

    def __init__(
        self, lab: str, spec: NodeSpec, api_port: int, fabric: Fabric, journal: Journal,
        tree: Tree = THIS,
    ) -> None:
        self.spec = spec
        self.name = spec.name
        self.address = spec.address
        self.space = Namespace(lab, spec.name)
        self.token = ""
        """Of who the lab's own requests are from, where the API has to know that."""
        self.directory = journal.directory / spec.name
        self.config = self.directory / "node.conf"
        self._fabric = fabric
        self._journal = journal
        self._forwarder = Forwarder(
            journal, f"api-{spec.name}", self.space, api_port, spec.address, API_PORT
        )
        self.use(tree)

    def use(self, tree: Tree) -> None:
        """Start it from this tree from now on; it must not run meanwhile."""
        self.tree = tree
        self.command = [
            *tree.manager(), "ryu_apps.vnc_node", "--config-file", str(self.config),
            "--ofp-tcp-listen-port", str(OPENFLOW_PORT),
        ]
        self.daemon = Daemon(
            self._journal, self.name, self.command, self.directory, self.space, tree.environment
        )

    @property
    def ovsdb_target(self) -> str:
        """By TLS where its settings say ``listen = pssl:``..."""
        tls = any("pssl:" in line for line in self.spec.settings.get("ovsdb", ()))
        return f"{'ssl' if tls else 'tcp'}:{self.address}:{OVSDB_PORT}"

    @property
    def url(self) -> str:
        """Base URL of its API as the host reaches it."""
        return f"http://127.0.0.1:{self._forwarder.port}"

    @property
    def client(self) -> Client:
        return Client(self.url, token=self.token)

    def prepare(self) -> None:
        """Namespace, management address, configuration file and the way in from the host."""
        self.space.create(self._journal)
        self._fabric.attach_node(self.space, self.address)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.config.write_text(config_text(self.spec, self.directory))
        self._forwarder.start()

    def start(self, wait: bool = True) -> None:
        self.daemon.start()
        if wait:
            self.wait_ready()

    def wait_ready(self, timeout: float = 30.0) -> None:
        self.daemon.wait_ready(self.answers, "an answer of its REST API", timeout)

    def answers(self) -> bool:
        """Whether the API answers its version list."""
        try:
            return bool(self.client.get("/"))
        except (OSError, http.client.HTTPException):
            return False

    def stop(self, timeout: float = 10.0) -> bool:
        """SIGTERM; returns whether it ended within ``timeout`` seconds by itself."""
        return self.daemon.stop(timeout)

    def kill(self) -> None:
        """kill -9 of the node; what it started ends by itself when the node is gone."""
        self.daemon.kill()

    def restart(self, wait: bool = True) -> None:
        """Start it again after :meth:`stop` or :meth:`kill`."""
        self.start(wait)

    def log(self, lines: int = 40) -> str:
        return self.daemon.tail(lines)


def full_mesh(
    addresses: dict[str, str], asn: int, name: str, options: str = ""
) -> tuple[Peer, ...]:
    """iBGP peers of the node ``name`` in a full mesh of the nodes in ``addresses``."""
    return tuple(
        Peer(address, asn, f"name {other} {options}".strip())
        for other, address in addresses.items()
        if other != name
    )

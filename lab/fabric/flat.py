"""The flat fabric: one segment that carries the tunnels, one for everything else."""

from __future__ import annotations

from dataclasses import dataclass

from lab.journal import Journal
from lab.net import Namespace, veth

UNDERLAY = "192.0.2."
MGMT = "198.51.100."
"""From the ranges kept for documentation (RFC 5737); they exist inside namespaces only."""


@dataclass(frozen=True)
class Uplink:
    """One way of a hypervisor into the underlay.

    ``interface`` is the port of the physical bridge ``bridge``, whose tap has the VTEP address
    ``address``/``length``.  ``routes``: (prefix, gateway) behind that bridge.  ``service``: where
    the bridge waits for controllers, a target as "ptcp:6654", or "" for nowhere.
    """

    bridge: str
    interface: str
    address: str
    length: int
    routes: tuple[tuple[str, str], ...] = ()
    service: str = ""


class Fabric:
    """A namespace with bridges: ``underlay`` carries the tunnels, ``mgmt`` everything else.

    Two networks, so that OVSDB, OpenFlow, BGP and REST go on while a switch is restarted or the
    underlay is cut.
    """

    BRIDGES: tuple[str, ...] = ("underlay", "mgmt")

    def __init__(self, lab: str, journal: Journal, mtu: int = 1500) -> None:
        self.space = Namespace(lab, "fabric")
        self._journal = journal
        self._mtu = mtu

    def start(self) -> None:
        self.space.create(self._journal)
        self.space.batch(
            command
            for bridge in self.BRIDGES
            for command in (
                f"link add {bridge} type bridge mcast_snooping 0 stp_state 0",
                f"link set {bridge} up",
            )
        )
        # Where the kernel hands bridged frames to iptables, a host's rules would drop ours.
        self.space.sysctl({"net.bridge.bridge-nf-call-iptables": 0})

    def wait_ready(self) -> None:
        """Wait until it carries packets between any two of its hosts."""

    def attach(self, space: Namespace, interface: str, bridge: str, address: str = "") -> None:
        """A veth from ``space`` to ``bridge``; ``address``: "A.B.C.D/LEN" for its end, or ""."""
        port = f"{bridge[0]}-{space.host}"[:15]
        veth(self.space, port, space, interface, self._mtu)
        self.space.batch([f"link set {port} master {bridge}"])
        if address:
            space.batch([f"address add {address} dev {interface}"])

    # ------------------------------------------------------------ hypervisors

    def uplinks(self, host: str, number: int) -> tuple[Uplink, ...]:
        """The ways into the underlay of the hypervisor ``host``, the ``number`` of its addresses'
        last part; the first one's address is the hypervisor's name for others."""
        return (Uplink("br-phy", "eth0", f"{UNDERLAY}{number}", 24),)

    def encap_ip(self, uplinks: tuple[Uplink, ...]) -> str:
        """What a hypervisor says in ``external_ids:vnc-encap-ip``."""
        return uplinks[0].address

    def attach_hypervisor(self, space: Namespace, uplinks: tuple[Uplink, ...], mgmt: str) -> None:
        """Wire a hypervisor; ``mgmt``: its address on the management network."""
        self.attach(space, "mgmt0", "mgmt", f"{mgmt}/24")
        for uplink in uplinks:
            self.attach(space, uplink.interface, "underlay")

    def attach_node(self, space: Namespace, address: str) -> None:
        """Wire a node with its address on the management network."""
        self.attach(space, "mgmt0", "mgmt", f"{address}/24")

"""The way between a VM's kernel and a DnsService: a TAP device, see :mod:`.tap_support`."""

from __future__ import annotations

import socket

from lab.beds.option_values import dns_limits
from ryu_apps.southbound.services.dns.service import DnsService
from tests.lab.tap_support import PLACE, TapWire
from tests.unit.vrouter.proxy_support import PORT
from vrouter_ovs.proxies.dns.dns import DnsView
from vrouter_ovs.proxies.dns.mdns import GROUP4, GROUP6
from vrouter_ovs.proxies.packet import Answer

SERVERS = ("10.0.0.1", "fd00::1")
MANY = tuple(f"10.0.{n // 250}.{1 + n % 250}" for n in range(64))


class Wire(TapWire):
    def __init__(self, name: str, resolver: str) -> None:
        super().__init__(
            name, "route add 224.0.0.0/4 dev eth0",
            *(f"neigh add {server} lladdr {PORT.gateway_mac} dev eth0" for server in SERVERS),
        )  # fmt: skip
        self.service = DnsService(self.out, (resolver,), dns_limits(timeout=20.0),
                                  current=lambda place: PORT)
        self.service.changed("net", DnsView(
            "red.test",
            {"vm1": ("10.0.0.5", "fd00::5"), "vm2": ("10.0.0.6", "fd00::6"), "many": MANY},
            {"10.0.0.5": "vm1.red.test", "10.0.0.6": "vm2.red.test"}, ("10.0.0.0/24",),
        ))  # fmt: skip
        self.service.start()
        self.start()

    def close(self) -> None:
        self.service.stop()
        super().close()
        assert self.service.status()["results"].get("errors", 0) == 0

    def wanted(self, frame: bytes) -> bool:
        return _is_dns(frame) or _is_mdns(frame)

    def ask(self, frame: bytes) -> Answer:
        asks = self.service.multicast_query if _is_mdns(frame) else self.service.query
        return asks(frame, PORT, PLACE)[1]

    def connect(self, server: str = SERVERS[0], port: int = 53) -> socket.socket:
        return super().connect(server, port)


def _is_dns(frame: bytes) -> bool:
    """What the switch's flows pick: TCP and UDP to port 53."""
    at = {b"\x08\0": (23, 36), b"\x86\xdd": (20, 56)}.get(frame[12:14])
    return bool(at) and frame[at[0]] in (6, 17) and frame[at[1] : at[1] + 2] == b"\0\x35"


def _is_mdns(frame: bytes) -> bool:
    """UDP to port 5353 of the group."""
    at = {b"\x08\0": (23, 30, 36), b"\x86\xdd": (20, 38, 56)}.get(frame[12:14])
    return (bool(at) and frame[at[0]] == 17 and frame[at[1] : at[2] - 2] in (GROUP4, GROUP6)
            and frame[at[2] : at[2] + 2] == b"\x14\xe9")  # fmt: skip

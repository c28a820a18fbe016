"""IPv6 in a VM: switched on, by hand or as a guest's kernel does it by itself."""

from __future__ import annotations

import ipaddress
import re

from lab.net import Namespace


def link_local(mac: str) -> str:
    raw = bytes.fromhex(mac.replace(":", ""))
    return str(ipaddress.IPv6Address(
        b"\xfe\x80" + bytes(6) + bytes((raw[0] ^ 2,)) + raw[1:3] + b"\xff\xfe" + raw[3:]
    ))


def enable_ipv6(space: Namespace, address: str, gateway: str, dad: int = 0) -> None:
    """Put the address and, where there is a gateway, the route there by hand; router advertisements
    are not listened to."""
    space.sysctl({
        "net.ipv6.conf.all.disable_ipv6": 0, "net.ipv6.conf.eth0.accept_ra": 0,
        "net.ipv6.conf.eth0.accept_dad": dad, "net.ipv6.conf.eth0.dad_transmits": dad,
        "net.ipv6.conf.eth0.disable_ipv6": 0, "net.ipv6.neigh.eth0.retrans_time_ms": 100,
        "net.ipv6.neigh.eth0.mcast_solicit": 20,
    })
    space.batch([
        f"address replace {address}/64 dev eth0",
        *([f"route replace ::/0 via {gateway} dev eth0"] if gateway else []),
    ])


def listen(space: Namespace) -> None:
    """Switch IPv6 on as a guest has it: the kernel takes its address and its default route from
    router advertisements (RFC 4862), and asks for one at once.

    The kernel's waiting times are cut: a second of duplicate address detection and up to a second
    before the first question would hide how fast the network is.
    """
    space.sysctl({
        "net.ipv6.conf.eth0.accept_ra": 2, "net.ipv6.conf.eth0.autoconf": 1,
        "net.ipv6.conf.eth0.addr_gen_mode": 0, "net.ipv6.conf.eth0.use_tempaddr": 0,
        "net.ipv6.neigh.eth0.retrans_time_ms": 100, "net.ipv6.neigh.eth0.mcast_solicit": 20,
        "net.ipv6.conf.eth0.router_solicitation_delay": 0,
        "net.ipv6.conf.eth0.router_solicitation_interval": 1,
        "net.ipv6.conf.eth0.router_solicitations": 30,
        # Last: the first question is sent with what stands above.
        "net.ipv6.conf.eth0.disable_ipv6": 0, "net.ipv6.conf.all.disable_ipv6": 0,
    })  # fmt: skip


def learned(space: Namespace) -> dict[str, str]:
    """What the kernel has from router advertisements: ``address`` ("fd00::1/64") and ``router``
    (a link-local address), each only when there is one that may be used."""
    found = {}
    text = space.run(["ip", "-6", "-o", "address", "show", "dev", "eth0", "-tentative"]).stdout
    if match := re.search(r"inet6 (\S+) scope global dynamic", text):
        found["address"] = match[1]
    routes = space.run(["ip", "-6", "route", "show", "default"]).stdout
    if match := re.search(r"default via (\S+) dev eth0 proto ra", routes):
        found["router"] = match[1]
    return found

"""What ports are called in DNS (Networking API v2.0, extension dns-integration).  Pure functions.

A port has a name in the domain of its own, else of its network, else in :data:`DEFAULT_DOMAIN`.
"""

from __future__ import annotations

from typing import NamedTuple

from ryu_apps.control.config.model import Port

DEFAULT_DOMAIN = "openstacklocal."
"""What clients of the Networking API expect where no domain was chosen."""


class Assignment(NamedTuple):
    """One address of a port: ``hostname`` "vm1", ``fqdn`` "vm1.example.org."."""

    ip_address: str
    hostname: str
    fqdn: str


def domain(port: Port, network_domain: str) -> str:
    """The DNS domain of a port, with the last dot."""
    return port.dns_domain or network_domain or DEFAULT_DOMAIN


def address_name(ip_address: str) -> str:
    """The name of an address whose port was given none: "host-10-0-0-5"."""
    return "host-" + ip_address.replace(".", "-").replace(":", "-")


def assignments(port: Port, network_domain: str) -> list[Assignment]:
    """The names of a port's addresses.  ``network_domain``: its network's ``dns_domain``."""
    name, zone = port.dns_name, domain(port, network_domain)
    found = []
    for fixed in port.fixed_ips:
        host = name or address_name(fixed.ip_address)
        whole = host if host.endswith(".") else f"{host}.{zone}"
        found.append(Assignment(fixed.ip_address, host, whole))
    return found

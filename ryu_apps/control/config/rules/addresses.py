"""Addresses and prefixes in requests: their canonical text, and which no host can have."""

from __future__ import annotations

import ipaddress

from ryu_apps.control.config.rules.draft import RuleError, bad_request

Net = ipaddress.IPv4Network | ipaddress.IPv6Network
NOT_HOSTS = tuple(
    (ipaddress.ip_network(text), why) for text, why in (
        ("0.0.0.0/8", "of no host (RFC 1122 section 3.2.1.3)"),
        ("127.0.0.0/8", "a loopback address (RFC 1122 section 3.2.1.3)"),
        ("224.0.0.0/4", "a multicast address (RFC 1112 section 4)"),
        ("255.255.255.255/32", "the limited broadcast (RFC 1122 section 3.2.1.3)"),
        ("::/128", "of no host (RFC 4291 section 2.5.2)"),
        ("::1/128", "the loopback address (RFC 4291 section 2.5.3)"),
        ("::ffff:0:0/96", "of an IPv4 host (RFC 4291 section 2.5.5.2)"),
        ("ff00::/8", "a multicast address (RFC 4291 section 2.7)"),
    )
)
"""Prefixes whose addresses are no host's, and what they are."""


def not_a_host(net: Net) -> str:
    """Why no address of a prefix is a host's, or ""."""
    for other, why in NOT_HOSTS:
        if other.version == net.version and net.subnet_of(other):  # type: ignore[arg-type]
            return why
    return ""


def parse_cidr(text: str) -> Net:
    """The network of a ``cidr``: host bits are cleared, as Neutron does.  Raises RuleError 400."""
    try:
        net = ipaddress.ip_network(text, strict=False)
    except ValueError as error:
        raise invalid("cidr", f"'{text}' is not a valid IP subnet ({error})") from error
    _, slash, length = text.partition("/")
    if not slash or not length.isdigit() or "%" in text:
        raise invalid(
            "cidr", f"'{text}' isn't a recognized IP subnet cidr, '{net}' is recommended"
        )
    for other, why in NOT_HOSTS:
        if other.version == net.version and other.overlaps(net):
            raise invalid("cidr", f"'{net}' cannot be a subnet: what is in {other} is {why}")
    if net.version == 6 and net.is_link_local:
        raise invalid("cidr", f"'{net}' cannot be a subnet: every port has its link-local address "
                      "on its network without one")
    return net


def parse_address(text: str, version: int | None = None, what: str = "ip_address") -> str:
    """Canonical text of an address.  Raises RuleError 400."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError as error:
        raise invalid(what, f"'{text}' is not a valid IP address") from error
    if (version is not None and address.version != version) or getattr(address, "scope_id", None):
        raise invalid(what, f"'{text}' is not an IPv{version or address.version} address")
    return str(address)


def parse_host(text: str, version: int | None = None, what: str = "ip_address") -> str:
    """Canonical text of an address that a host may have.  Raises RuleError 400."""
    address = parse_address(text, version, what)
    why = not_a_host(ipaddress.ip_network(address))
    if why:
        raise invalid(what, f"'{text}' is {why}")
    return address


def reserved(net: Net) -> tuple[str, ...]:
    """The addresses of a subnet that are those of all its hosts: of IPv4, network and broadcast
    address, where it has more than two."""
    if net.version == 6 or net.prefixlen >= net.max_prefixlen - 1:
        return ()
    return str(net.network_address), str(net.broadcast_address)


def invalid(what: str, reason: str) -> RuleError:
    return bad_request(f"Invalid input for {what}. Reason: {reason}.", "HTTPBadRequest")

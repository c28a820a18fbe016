"""What a network itself answers from: addresses that it takes of a subnet without a router, and
where ports ask for names.  Pure functions.

Such an address must be nobody's: a host that is told of a server at an address of its own, or of a
neighbor's, reaches no server (RFC 2131 section 4.1).  So it is looked for in the configuration,
which every node has alike, and is another one as soon as a port gets it.
"""

from __future__ import annotations

import ipaddress
from functools import lru_cache

from ryu_apps.control import ids
from ryu_apps.control.config import ipam
from ryu_apps.control.config.attachments import Attachment, attachment
from ryu_apps.control.config.config import Config
from ryu_apps.control.config.model import Subnet

CANDIDATES = 16
"""How many of a subnet's highest addresses are looked at: others give their lowest to ports first,
and a port that comes or goes must not cost a walk through its subnet."""
_LINK_LOCAL_LAST = int(ipaddress.IPv4Address("169.254.255.254"))
"""No host chooses one of the last 256 addresses of the prefix by itself (RFC 3927 section 2.1)."""


def service_mac(evi: int) -> str:
    """The MAC that answers where an EVI has no router: locally administered, and constant."""
    return "02:56:4e:" + evi.to_bytes(3, "big").hex(":")


def service_address(config: Config, subnet: Subnet) -> str:
    """The address that answers as DHCP server and resolver where a subnet has no router.

    The highest usable one that is not the gateway's, that no port has and no allowed address pair
    names.  Where the last :data:`CANDIDATES` are somebody's, as in a subnet that is full, a
    link-local one, to which DHCP tells a route on the link.
    """
    for address in _candidates(subnet.cidr):
        if address != subnet.gateway_ip and _is_free(config, subnet.network_id, subnet.id, address):
            return address
    if subnet.ip_version == 6:
        return ids.link_local(service_mac(config.networks[subnet.network_id].vni))
    siblings = config.subnets_by_network.get(subnet.network_id, ())
    found = ""
    for number in range(_LINK_LOCAL_LAST, _LINK_LOCAL_LAST - CANDIDATES, -1):
        found = ipam.address_text(number, 4)
        if all(_is_free(config, subnet.network_id, other, found) for other in siblings):
            break
    return found


@lru_cache(maxsize=16384)
def _candidates(cidr: str) -> tuple[str, ...]:
    """The highest usable addresses, which every port of a subnet asks for."""
    net = ipaddress.ip_network(cidr)
    first, last = ipam.usable_range(net)
    numbers = range(last, max(first, last - CANDIDATES + 1) - 1, -1)
    return tuple(ipam.address_text(number, net.version) for number in numbers)


def is_link_local(address: str) -> bool:
    """Whether an address may be the one that a subnet without a free address is served from."""
    return address.startswith("169.254.")


def _is_free(config: Config, network_id: str, subnet_id: str, address: str) -> bool:
    return (subnet_id, address) not in config.ports_by_address and (
        (network_id, address) not in config.pairs_by_address
    )


def own_service_address(config: Config, subnet: Subnet) -> str:
    """The address that a network answers from in a subnet; "" where a router does, or DHCP is off
    and nobody is told of it."""
    if not subnet.enable_dhcp or attachment(config, subnet.id) is not None:
        return ""
    return service_address(config, subnet)


def resolver_addresses(config: Config, subnet: Subnet) -> tuple[str, ...]:
    """Where ports of a subnet ask for names; the first one is what they are told.

    The router's address, and for IPv6 its link-local ones: hosts know a router by those.  Without
    a router the service address.
    """
    attached = attachment(config, subnet.id)
    if attached is None:
        own = own_service_address(config, subnet)
        return (own,) if own else ()
    found = (router_address(attached, subnet),)
    if subnet.ip_version == 6:
        interfaces = config.interfaces_by_network.get(subnet.network_id, ())
        ports = (config.ports[port_id] for port_id in interfaces)
        local = {
            ids.link_local(port.mac_address)
            for port in ports
            if port.device_id == attached.router.id and port.admin_state_up
        }
        found += tuple(sorted(local))
    return found


def is_resolver(config: Config, network_id: str, address: str) -> bool:
    """Whether ports of a network may ask at ``address``."""
    subnets = config.subnets_by_network.get(network_id, ())
    return any(
        address in resolver_addresses(config, config.subnets[subnet_id]) for subnet_id in subnets
    )


def router_address(attached: Attachment, subnet: Subnet) -> str:
    """The router's own address in a subnet: mostly, but not always, the subnet's gateway."""
    return next(
        fixed.ip_address for fixed in attached.interface.fixed_ips if fixed.subnet_id == subnet.id
    )

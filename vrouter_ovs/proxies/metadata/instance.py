"""What is said to the metadata service of who asks: the headers of Neutron's metadata agent.

Nova takes the instance and the project from them, believes them by the signature, and refuses an
instance that is of another project.  Nothing of what an instance sends itself reaches the service
but its request's target, its body, and the few headers of :data:`PASSED`: so it cannot say that it
is another one, by whatever spelling of these names a service may take for the same.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from collections.abc import Mapping

from vrouter_ovs.edge import EdgePort

PASSED = ("accept", "content-type", "user-agent")
"""Headers of requests that are passed on."""


def signature(secret: bytes, instance_id: str) -> str:
    """HMAC-SHA256 in hex, as Nova's ``[neutron] metadata_proxy_shared_secret`` verifies it."""
    return hmac.new(secret, instance_id.encode(), hashlib.sha256).hexdigest()


def headers(
    port: EdgePort, source: bytes, secret: bytes, asked: Mapping[str, str]
) -> list[tuple[str, str]]:
    """Of the request to the service.  ``port``: which sent it, with an instance; ``source``: the
    packed address that it came from; ``asked``: the headers that it had, by lower-case name."""
    return [
        ("X-Forwarded-For", address_of(port, source)),
        ("X-Instance-ID", port.instance_id),
        ("X-Tenant-ID", port.project_id),
        ("X-Instance-ID-Signature", signature(secret, port.instance_id)),
        *((name, asked[name]) for name in PASSED if name in asked),
    ]


def address_of(port: EdgePort, source: bytes) -> str:
    """By which address the service is to know a port: the one that it asks from if that is a fixed
    one, else its first of that family, or of any: the link-local one is nobody's elsewhere."""
    text = str(ipaddress.ip_address(source))
    own = [lease.address for lease in port.v4], [lease.address for lease in port.v6]
    if text in own[0] or text in own[1]:
        return text
    same, other = own if len(source) == 4 else own[::-1]
    return next(iter((*same, *other)), text)

"""Address scopes."""

from __future__ import annotations

from dataclasses import dataclass

from ryu_apps.control.config.resources.access import SET_BY_ADMIN, Access, owner, shared
from ryu_apps.control.config.resources.kind import Kind
from ryu_apps.control.config.resources.resource import Resource


@dataclass(frozen=True, slots=True)
class AddressScope(Resource):
    """Within it no address of the IP version ``ip_version`` is given out twice: the prefixes of its
    subnet pools do not overlap."""

    ip_version: int
    name: str = ""
    shared: bool = False


ADDRESS_SCOPE = Kind(
    "address_scope",
    AddressScope,
    Access(read=(owner, shared), attributes={"shared": SET_BY_ADMIN}),
    quota=20,
    shareable=True,
)

"""Address groups."""

from __future__ import annotations

from dataclasses import dataclass

from ryu_apps.control.config.resources.access import Access, owner, shared
from ryu_apps.control.config.resources.kind import Kind
from ryu_apps.control.config.resources.resource import Resource


@dataclass(frozen=True, slots=True)
class AddressGroup(Resource):
    """A named list of prefixes, for rules."""

    name: str = ""
    addresses: tuple[str, ...] = ()
    shared: bool = False


ADDRESS_GROUP = Kind("address_group", AddressGroup, Access(read=(owner, shared)),
                     quota=10, shareable=True)

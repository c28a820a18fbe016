"""``/v2.0/address-scopes``."""

from __future__ import annotations

from typing import Any

from ryu_apps.control.config.model import AddressScope
from ryu_apps.control.config.resources.addressing.address_scope import ADDRESS_SCOPE
from ryu_apps.control.config.rules.addressing import address_scopes
from ryu_apps.northbound.bodies.fields import Body, IpVersion, Name, Text
from ryu_apps.northbound.listing.attributes import BOOLEAN, INTEGER, STRING
from ryu_apps.northbound.resources import standard
from ryu_apps.northbound.resources.collection import Collection, View


class AddressScopeUpdate(Body):
    name: Name = ""
    description: Text = ""
    shared: bool = False


class AddressScopeCreate(AddressScopeUpdate, standard.Owned):
    ip_version: IpVersion


def view(item: AddressScope, _extra: Any) -> View:
    return {
        "id": item.id,
        "name": item.name,
        "ip_version": item.ip_version,
        "shared": item.shared,
        **standard.standard(item),
    }


COLLECTION = Collection(
    kind=ADDRESS_SCOPE,
    path="address-scopes",
    create_body=AddressScopeCreate,
    update_body=AddressScopeUpdate,
    rules=address_scopes,
    view=view,
    attributes={
        **standard.ATTRIBUTES, "name": STRING, "ip_version": INTEGER, "shared": BOOLEAN,
    },
    extensions={
        "address-scope": ("Address scope", "Where no address of a subnet pool is given out twice"),
    },
)

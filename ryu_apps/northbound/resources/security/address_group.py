"""``/v2.0/address-groups``."""

from __future__ import annotations

from typing import Any

from ryu_apps.control.config.model import AddressGroup
from ryu_apps.control.config.resources.security.address_group import ADDRESS_GROUP
from ryu_apps.control.config.rules.security import address_groups
from ryu_apps.northbound.bodies.fields import Addresses, Body, Name, Text
from ryu_apps.northbound.listing.attributes import BOOLEAN, STRING, as_prefix, list_of
from ryu_apps.northbound.resources import standard
from ryu_apps.northbound.resources.collection import Action, Collection, View


class AddressGroupUpdate(Body):
    name: Name = ""
    description: Text = ""


class AddressGroupCreate(AddressGroupUpdate, standard.Owned):
    addresses: Addresses = []


class AddressesBody(Body):
    """``add_addresses`` and ``remove_addresses``."""

    addresses: Addresses


def view(item: AddressGroup, _extra: Any) -> View:
    return {
        "id": item.id,
        "name": item.name,
        "addresses": list(item.addresses),
        "shared": item.shared,
        **standard.standard(item),
    }


COLLECTION = Collection(
    kind=ADDRESS_GROUP,
    path="address-groups",
    create_body=AddressGroupCreate,
    update_body=AddressGroupUpdate,
    rules=address_groups,
    view=view,
    attributes={
        **standard.ATTRIBUTES,
        "name": STRING, "addresses": list_of(as_prefix), "shared": BOOLEAN,
    },
    actions=(
        Action("add_addresses", address_groups.add, AddressesBody),
        Action("remove_addresses", address_groups.remove, AddressesBody),
    ),
    extensions={
        "address-group": ("Address group", "Named lists of prefixes, for security group rules"),
    },
)

"""Rules for address groups (Networking API v2.0, "Address groups")."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Any

from ryu_apps.control.config.model import AddressGroup
from ryu_apps.control.config.rules.addresses import invalid
from ryu_apps.control.config.rules.draft import (
    Context,
    Draft,
    RuleError,
    bad_request,
    check_revision,
    common,
    conflict,
    plain,
)
from ryu_apps.control.config.rules.networks import some
from ryu_apps.control.config.rules.security import default_security_group_rules
from ryu_apps.control.config.rules.security.rule_size import check_size, groups_naming

MAX_ADDRESSES = 4096


def create(draft: Draft, body: dict[str, Any], context: Context) -> AddressGroup:
    addresses = dict.fromkeys(_canonical(body.get("addresses") or (), strict=True))
    return draft.put(
        "address_group",
        AddressGroup(addresses=_bounded(addresses), **common(body, context)),
    )


def update(draft: Draft, id: str, body: dict[str, Any], context: Context) -> AddressGroup:
    """Name and description; addresses change by :func:`add` and :func:`remove`."""
    old = draft.get("address_group", id)
    return draft.replace("address_group", old, context, **plain(body, "name", "description"))


def delete(draft: Draft, id: str, context: Context) -> None:
    old = draft.get("address_group", id)
    check_revision("address_group", old, context)
    rules = draft.config.rules_by_address_group.get(id)
    if rules:
        raise conflict(
            "AddressGroupInUse",
            f"Address group {id} is in use on one or more security group rules: "
            f"{draft.names('security_group_rule', rules)}. Delete them first.",
        )
    if defaults := default_security_group_rules.naming(draft.config, id):
        raise conflict(
            "AddressGroupInUse",
            f"Address group {id} is in use on one or more default security group rules: "
            f"{', '.join(defaults)}. Delete them first.",
        )
    draft.delete("address_group", id)


def add(draft: Draft, id: str, body: dict[str, Any], context: Context) -> AddressGroup:
    old = draft.get("address_group", id)
    new = _canonical(body["addresses"])
    known = [one for one in new if one in set(old.addresses)]
    if known:
        raise bad_request(
            f"Addresses {some(known)} already exist in the address group {id}.",
            "AddressesAlreadyExist",
        )
    addresses = dict.fromkeys((*old.addresses, *new))
    made = draft.replace("address_group", old, context, addresses=_bounded(addresses))
    check_size(draft, groups_naming(draft, id))
    return made


def remove(draft: Draft, id: str, body: dict[str, Any], context: Context) -> AddressGroup:
    old = draft.get("address_group", id)
    gone = dict.fromkeys(_canonical(body["addresses"]))
    missing = [one for one in gone if one not in set(old.addresses)]
    if missing:
        raise RuleError(
            404, "AddressesNotFound",
            f"Addresses {some(missing)} not found in the address group {id}.",
        )
    left = tuple(one for one in old.addresses if one not in gone)
    return draft.replace("address_group", old, context, addresses=left)


def _canonical(values: Iterable[str], strict: bool = False) -> list[str]:
    """Prefixes without host bits; an address alone is a prefix of its whole length, unless
    ``strict``: a new group must have them with their length, as in Neutron.  Raises RuleError 400.
    """
    found = []
    for value in values:
        try:
            net = ipaddress.ip_network(value, strict=False)
        except ValueError as error:
            raise invalid("addresses", f"'{value}' is not a valid IP subnet: {error}") from error
        if "%" in value:
            raise invalid("addresses", f"'{value}' has a zone")
        if strict and "/" not in value:
            raise invalid(
                "addresses",
                f"'{value}' isn't a recognized IP subnet cidr, '{net}' is recommended",
            )
        found.append(str(net))
    return found


def _bounded(addresses: Iterable[str]) -> tuple[str, ...]:
    found = tuple(addresses)
    if len(found) > MAX_ADDRESSES:
        raise bad_request(f"an address group has at most {MAX_ADDRESSES} addresses", "InvalidInput")
    return found

"""Random requests of random projects: no answer tells of what the project cannot see, and no
request changes what is another's.

What a project may see and change is told here a second time, by the Networking API's words, not
by the table in :mod:`ryu_apps.control.config.access`.
"""

from __future__ import annotations

import json
import os
import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from .rest_tenants import COLLECTIONS, HIDDEN, PROJECTS, Client, Site

EXAMPLES = int(os.environ.get("VNC_TENANCY_EXAMPLES", "25"))
"""Of about 30 requests each; `make soak` makes more than 10,000 requests."""
VERBS = ("create", "create", "create", "bulk", "update", "update", "delete", "tag", "interface",
         "prefixes", "show", "list", "list")


ROLES = ("member", "member", "reader", "auditor")
"""Of whom asks for a project; the last is a role that no policy names."""


SHARED = ("network", "security_group", "address_group", "address_scope", "subnetpool")
"""The kinds of which some are everybody's."""


def is_shared(world: dict, who: str, kind: str, item: Any) -> bool:
    """With everyone, or with the project by a policy."""
    return item.shared or any(
        one.object_id == item.id and one.target_tenant == who
        for (found, _), one in world.items() if found == "rbac_policy"
    )


def seems_shared(world: dict, who: str, kind: str, item: Any) -> bool:
    """Also by what it belongs to."""
    if kind == "subnet":
        kind, item = "network", world["network", item.network_id]
    elif kind == "security_group_rule":
        kind, item = "security_group", world["security_group", item.security_group_id]
    return kind in SHARED and is_shared(world, who, kind, item)


def sees(world: dict, who: str, kind: str, item: Any, role: str = "member") -> bool:
    if role == "auditor":
        return seems_shared(world, who, kind, item)
    if not who or (item.project_id == who and kind != "security_group_rule"):
        return True
    if kind in ("subnet", "port") and world["network", item.network_id].project_id == who:
        return True
    if kind == "security_group_rule" and (
        world["security_group", item.security_group_id].project_id == who
    ):
        return True
    return seems_shared(world, who, kind, item)


def owns(world: dict, who: str, kind: str, item: Any) -> bool:
    """Whether a request of the project may add, change or delete it."""
    if not who or item.project_id == who:
        return True
    if kind in ("subnet", "port"):
        return world["network", item.network_id].project_id == who
    if kind == "security_group_rule":
        return world["security_group", item.security_group_id].project_id == who
    return False


def secrets(kind: str, item: Any) -> set[str]:
    found = {item.id}
    if getattr(item, "name", "") not in ("", "default"):
        found.add(item.name)
    if kind == "port":
        found.add(item.mac_address)
    return found


def references(kind: str, item: Any) -> set[tuple[str, str]]:
    """What a resource names, but for a port's device_id, which is free text."""
    found = {
        (of, getattr(item, field)) for of, field in (
            ("network", "network_id"), ("security_group", "security_group_id"),
            ("security_group", "remote_group_id"), ("address_group", "remote_address_group_id"),
            ("subnetpool", "subnetpool_id"), ("address_scope", "address_scope_id"),
        ) if getattr(item, field, "")
    }
    found |= {("security_group", id) for id in getattr(item, "security_groups", ())}
    if kind == "rbac_policy":
        found.add((item.object_type, item.object_id))
    return found | {("subnet", one.subnet_id) for one in getattr(item, "fixed_ips", ())}


def step(
    site: Site, client: Client, who: str, verb: str, kind: str, role: str = "member"
) -> int:
    role = role if who else "member"
    before = site.all()
    method, path, body = client.request(verb, kind)
    status, text = site.call(who, method, path, body, role)
    after = site.all()
    if role != "member":
        # A list makes the project's default group, whoever asks.
        made = {key for key in after.keys() - before.keys() if key[0].startswith("security_group")}
        assert {key: item for key, item in after.items() if key not in made} == before
        assert method == "GET" or status in (400, 403, 404), (role, method, path, body, status)
    assert status < 500, (method, path, body, text)
    asked = path + json.dumps(body)
    said = client.said[who, role] = client.said.get((who, role), "") + asked
    for world in (before, after):
        # Administrators may put what is another's into a resource of the project's.
        lent = {
            id for (found, _), item in world.items() if sees(world, who, found, item, role)
            for id in [getattr(item, "device_id", ""), *(id for _, id in references(found, item))]
        }
        for (found, id), item in world.items():
            if any(sees(known, who, found, known[found, id], role)
                   for known in (before, after) if (found, id) in known):
                continue
            for secret in secrets(found, item):
                assert secret in said or secret in lent or secret not in text, (
                    who, method, path, body, status, text, item)
    if who and status < 400:
        for name in HIDDEN:
            assert f'"{name}":' not in text, (path, text)
    for key in before.keys() | after.keys():
        old, new = before.get(key), after.get(key)
        if old == new:
            continue
        assert status < 400
        world = before if old is not None else after
        allowed = owns(world, who, key[0], world[key])
        # The group of another project that a deleted group was the remote of loses that rule.
        if not allowed and verb == "delete":
            allowed = key[0] in ("security_group", "security_group_rule")
        # An administrator's policy goes with what it shares.
        if not allowed and verb == "delete" and key[0] == "rbac_policy":
            allowed = (old.object_type, old.object_id) not in after
        if who and new is not None:
            named = references(key[0], new)
            for kind_named, id in named - (references(key[0], old) if old else set()):
                item = after[kind_named, id]
                assert sees(after, who, kind_named, item) or only_follows(key[0], old, new), (
                    who, method, path, body, new, item)
        assert allowed or only_follows(key[0], old, new), (who, method, path, body, old, new)
    if who and status < 400:
        for key in after.keys() - before.keys():
            assert after[key].project_id == who, (method, path, body, after[key])
    return status


def only_follows(kind: str, old: Any, new: Any) -> bool:
    """Whether a port only gained or lost the address of an automatic subnet, which the owner of
    the network made or deleted."""
    return kind == "port" and old is not None and new is not None and (
        old.name == new.name and old.security_groups == new.security_groups
    )


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.integers(0, 2**32), st.lists(
    st.tuples(st.integers(0, 6), st.sampled_from(VERBS), st.sampled_from(sorted(COLLECTIONS)),
              st.sampled_from(ROLES)),
    min_size=10, max_size=50,
))
def test_no_leaks(seed, calls):
    site = Site()
    client = Client(site, random.Random(seed))
    try:
        for who in PROJECTS[1:]:
            step(site, client, who, "create", "network")
            step(site, client, who, "create", "security_group")
            step(site, client, who, "create", "router")
        site.call("", "POST", "/v2.0/networks", {"network": {"shared": True, "project_id": "red"}})
        for (kind, id), item in site.all().items():
            if kind in SHARED and item.project_id == "red":
                site.call("red", "POST", "/v2.0/rbac-policies", {"rbac_policy": {
                    "object_type": kind, "object_id": id, "action": "access_as_shared",
                    "target_tenant": "green"}})
        for who, verb, kind, role in calls:
            step(site, client, PROJECTS[who % 4], verb, kind, role)
    finally:
        site.close()

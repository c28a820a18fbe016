"""What vrouters hold, in words: objects, the objects that flows come from, counters of rules."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields, is_dataclass
from typing import Any

from ryu_apps.control.world import World
from vrouter_ovs.cookies import cookie
from vrouter_ovs.state import Key, StateObject


def read_objects(world: World, element: str) -> tuple[list[StateObject], dict[Key, str]]:
    """An element's state objects, and why some are refused; KeyError where it is not ours."""
    found = list(world.desired.objects[element].values())
    return found, dict(world.elements.accepted[element].confirmations.refusals)


def objects(
    found: Iterable[StateObject], refused: dict[Key, str]
) -> list[dict[str, Any]]:
    """What :func:`read_objects` read, for people; needs no World, as there may be many."""
    shown = []
    for item in found:
        key = item.key
        one = {"kind": item.kind, "key": list(key), "cookie": f"0x{cookie(key):016x}",
               **plain(item)}  # fmt: skip
        if key in refused:
            one["refused"] = refused[key]
        shown.append(one)
    return shown


def plain(value: Any) -> Any:
    """A state object, or what it holds, as JSON has it: what has named fields is an object."""
    if is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple):
        names = getattr(value, "_fields", None)
        found = [plain(one) for one in value]
        return found if names is None else dict(zip(names, found, strict=True))
    return value


def name_objects(flows: Iterable[dict[str, Any]], keys: Iterable[Key]) -> None:
    """Add to each flow the key of the object that it comes from, or None."""
    objects = {cookie(key): list(key) for key in keys}
    for flow in flows:
        value = flow["cookie"]
        number = int(value, 0) if isinstance(value, str) else value
        flow["object"] = objects.get(number)


def rule_cookies(world: World, rule_id: str) -> dict[tuple[str, str], list[int]]:
    """(element, host) -> cookies of the objects that come from a security group rule."""
    rule = world.config.security_group_rules.get(rule_id)
    found: dict[tuple[str, str], list[int]] = {}
    if rule is None:
        return found
    for policy, places in world.policies.present.items():
        if rule.security_group_id not in world.policies.sets[policy]:
            continue
        for element in places:
            if element not in world.elements.accepted:
                continue
            host = world.elements.accepted[element].info.hostname
            cookies = found.setdefault((element, host), [])
            objects = world.desired.objects[element]
            cookies += [
                cookie(key) for key in world.desired.keys(element, ("policy", policy))
                if key[0] == "rule" and rule_id in objects[key].rules
            ]
    return found


def totals(counts: dict[int, tuple[int, int]], cookies: Iterable[int]) -> dict[str, int]:
    """The sum of (packets, bytes) of the cookies that have any."""
    known = [counts[number] for number in cookies if number in counts]
    return {
        "packets": sum(packets for packets, _ in known),
        "bytes": sum(octets for _, octets in known),
    }

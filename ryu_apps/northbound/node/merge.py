"""Lists of the whole system, put together from what each node says of its own part."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

Record = dict[str, Any]


def elements(ours: list[Record], others: Iterable[list[Record]]) -> list[Record]:
    """Each element as its owner shows it, and all that were refused.

    What no owner shows is what this node knows of it, with ``detail`` false.
    """
    found: dict[str, Record] = {}
    refused = []
    standing_by: dict[str, list[Record]] = {}
    others = list(others)
    for one in [one for records in (ours, *others) for one in records if one.get("standby")]:
        standing_by.setdefault(one["id"], []).extend(one["standby"])
    for one in ours:
        if one.get("refused"):
            refused.append(one)
        else:
            found[one["id"]] = {**one, "detail": bool(one.get("mine"))}
    for theirs in others:
        for one in theirs:
            if one.get("refused"):
                refused.append({**one, "mine": False})
            elif one.get("mine"):
                found[one["id"]] = {**one, "mine": False, "detail": True}
    for id, nodes in standing_by.items():
        if id in found:
            found[id]["standby"] = nodes
    return [found[id] for id in sorted(found)] + sorted(refused, key=lambda one: str(one["id"]))


_UNITED = ("vrouters", "flood")
_LARGEST = ("macs", "addresses", "prefixes")


def instances(ours: list[Record], others: Iterable[list[Record]]) -> list[Record]:
    """EVIs or VRFs: where they are is what all nodes say together; how much is in one is what the
    node says that knows most of it."""
    found = {one["vni"]: dict(one) for one in ours}
    for theirs in others:
        for one in theirs:
            known = found.get(one["vni"])
            if known is None:  # we are behind with the configuration
                found[one["vni"]] = dict(one)
                continue
            for name in _UNITED:
                if name in known:
                    known[name] = sorted({*known[name], *one.get(name, ())})
            for name in _LARGEST:
                if name in known:
                    known[name] = max(known[name], one.get(name, 0))
    return [found[vni] for vni in sorted(found)]


def ports(ours: list[Record], others: Iterable[list[Record]]) -> list[Record]:
    """States of ports: of each what the node says that has an interface of it."""
    found = {one["id"]: one for one in ours}
    for theirs in others:
        for one in theirs:
            known = found.get(one["id"])
            if known is None or not one.get("mine"):
                continue
            if one["status"] != "DOWN" or not known["mine"]:
                found[one["id"]] = {**one, "mine": False}
    return list(found.values())

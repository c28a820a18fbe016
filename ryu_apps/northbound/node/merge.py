"""Lists of the whole system, put together from what each node says of its own part."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any

Record = dict[str, Any]


def elements(ours: list[Record], others: Iterable[list[Record]]) -> list[Record]:
    """Each element as its owner shows it, and all that were refused.

    What no owner shows is what this node knows of it, with ``detail`` false.
    """
    merged: dict[str, Record] = {}
    refused = []
    standing_by: dict[str, list[Record]] = {}
    others = list(others)
    for record in itertools.chain(ours, *others):
        if record.get("standby"):
            standing_by.setdefault(record["id"], []).extend(record["standby"])
    for record in ours:
        if record.get("refused"):
            refused.append(record)
        else:
            merged[record["id"]] = {**record, "detail": bool(record.get("mine"))}
    for theirs in others:
        for record in theirs:
            if record.get("refused"):
                refused.append({**record, "mine": False})
            elif record.get("mine"):
                merged[record["id"]] = {**record, "mine": False, "detail": True}
    for id, nodes in standing_by.items():
        if id in merged:
            # Several nodes tell of the same ones.
            merged[id]["standby"] = list({one.get("node"): one for one in nodes}.values())
    refused.sort(key=lambda record: str(record["id"]))
    return [merged[id] for id in sorted(merged)] + refused


_UNITED = ("vrouters", "flood", "multicast_routers")
_LARGEST = ("macs", "addresses", "prefixes")


def instances(ours: list[Record], others: Iterable[list[Record]]) -> list[Record]:
    """EVIs or VRFs: where they are is what all nodes say together; how much is in one is what the
    node says that knows most of it."""
    merged = {record["vni"]: dict(record) for record in ours}
    for theirs in others:
        for record in theirs:
            present = merged.get(record["vni"])
            if present is None:  # we are behind with the configuration
                merged[record["vni"]] = dict(record)
                continue
            for name in _UNITED:
                if name in present:
                    present[name] = sorted({*present[name], *record.get(name, ())})
            for group, members in record.get("multicast", {}).items():
                known = present.setdefault("multicast", {})
                known[group] = sorted({*known.get(group, ()), *members})
            for name in _LARGEST:
                if name in present:
                    present[name] = max(present[name], record.get(name, 0))
    return [merged[vni] for vni in sorted(merged)]


def ports(ours: list[Record], others: Iterable[list[Record]]) -> list[Record]:
    """States of ports: of each what the node says that has an interface of it."""
    merged = {record["id"]: record for record in ours}
    for theirs in others:
        for record in theirs:
            present = merged.get(record["id"])
            if present is None or not record.get("mine"):
                continue
            if record["status"] != "DOWN" or not present["mine"]:
                merged[record["id"]] = {**record, "mine": False}
    return list(merged.values())

"""A node's name is used by one node at a time: that its record in the store says."""

from __future__ import annotations

import json
import logging
import time
from typing import Any

from ryu_apps.store.base import Item, Store, Unavailable

LOG = logging.getLogger(__name__)


class NameTaken(Exception):
    """Another node of this name lives; the text says where, and what to do."""


def same_node(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two records are of one node, perhaps before and after a restart."""
    return (one.get("url"), one.get("host")) == (other.get("url"), other.get("host"))


def wait_for_name(store: Store, key: str, own: dict[str, Any], patience: float) -> None:
    """Return when no other node has the record ``key``: at once where it is this node's own of
    before, else when the other's lease has run out, at most ``patience`` seconds.

    Raises NameTaken, StoreError.  A store that does not answer says nothing against it.
    """
    deadline = time.monotonic() + patience
    while True:
        try:
            item = store.get(key)
        except Unavailable as error:
            LOG.warning("whether another node is called %s is not known: %s", own["node"], error)
            return
        other = record_of(item)
        if other is None or same_node(other, own):
            return
        if time.monotonic() >= deadline:
            raise NameTaken(
                f"another node of the name {own['node']} is alive: {other.get('url')} on host "
                f"{other.get('host', 'unknown')}; give this one a [node] name of its own"
            )
        time.sleep(0.2)


def record_of(item: Item | None) -> dict[str, Any] | None:
    """The record of a node that the store has; None where there is none, or it cannot be read."""
    try:
        found = json.loads(item.value) if item is not None else None
    except ValueError:
        return None
    return found if isinstance(found, dict) else None

"""Records in the store: their keys, and what they mean."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from typing import Any

from ryu_apps.control.config import stored
from ryu_apps.control.config.config import Config
from ryu_apps.control.config.model import KINDS, Change
from ryu_apps.control.ownership.records import MAINTENANCE, NODES, PINS, REACH
from ryu_apps.store.base import Delete, Item, Put, StoreError

LOG = logging.getLogger(__name__)

CONFIG = "/config/"
STATUS = "/status/"
GENERATION = "/config/generation"
"""Rewritten by every change of the configuration."""
WISHES = (MAINTENANCE, PINS)
"""Records below these are what operators wish of nodes and hypervisors."""
IDENTITY = "/identity/"
"""Users, projects and roles where this system has its own (:mod:`ryu_apps.identity.directory`)."""
IDENTITY_SECRETS = IDENTITY + "secret/"
"""Of these, what proves who somebody is: hashes of passwords, keys of tokens.  No node says them.
"""
IDENTITY_REVOCATIONS = IDENTITY + "revocation/"
"""And of these, tokens that were given back: no file may take that back."""
IDENTITY_GENERATION = IDENTITY + "generation"
"""Rewritten by every change of what is below IDENTITY."""
_OF_SESSIONS = (NODES, REACH)


def of_sessions(key: str) -> bool:
    """Whether a record is of a process that runs, and goes with it."""
    return key.startswith(_OF_SESSIONS)


def operation(change: Change) -> Put | Delete:
    """What a change writes."""
    key = f"{CONFIG}{change.kind}/{change.id}"
    if change.resource is None:
        return Delete(key)
    return Put(key, stored.encode(change.resource))


class Reader:
    """Reads resources.  What it does not understand is left out, logged, counted in ``skipped``."""

    def __init__(self) -> None:
        self.skipped = 0

    def loaded(self, item: Item) -> Change | None:
        """The change that adds a record found at the start; None where it is no resource.

        Raises StoreError for a value of a newer schema.
        """
        if item.key == GENERATION:
            return None
        if _schema(item.value) > stored.SCHEMA:
            raise StoreError(
                f"{item.key} was written by a newer version (schema {_schema(item.value)}, this "
                f"version reads up to {stored.SCHEMA}): upgrade this node before starting it"
            )
        return self.change(item.key, item.value)

    def change(self, key: str, value: bytes | None) -> Change | None:
        """What a value means that was written, or with None deleted; None: it is left out."""
        kind, _, id = key.removeprefix(CONFIG).partition("/")
        if kind not in KINDS or not id:
            LOG.warning("%s ignored: this version knows no such kind of record", key)
            self.skipped += 1
            return None
        if value is None:
            return Change(kind, id, None)
        try:
            resource = stored.decode(kind, value)
            if resource.id != id:
                raise stored.ModelError(f"it says its id is {resource.id}")
            return Change(kind, id, resource)
        except stored.ModelError as error:
            LOG.error("%s skipped: %s", key, error)
            self.skipped += 1
            return None


def missing(config: Config, items: Iterable[Item]) -> list[Change]:
    """The changes that delete what ``config`` has and ``items``, all below CONFIG, have not."""
    there = {item.key for item in items}
    return [
        Change(kind, id, None)
        for kind, table in config.tables.items()
        for id in table
        if f"{CONFIG}{kind}/{id}" not in there
    ]


def _schema(value: bytes) -> int:
    try:
        found = json.loads(value)["schema"]
    except (ValueError, KeyError, TypeError):
        return 0
    return found if isinstance(found, int) else 0


def status_record(key: str, value: bytes) -> Any:
    """A status record, or None (as if it were not there) when it is not JSON."""
    try:
        return json.loads(value)
    except ValueError:
        LOG.error("%s ignored: not JSON", key)
        return None

"""All collections of the API: of each kind the one that the module of its name declares."""

from __future__ import annotations

import importlib

from ryu_apps.control.config.model import ALL_KINDS
from ryu_apps.northbound.resources.collection import Collection

COLLECTIONS: tuple[Collection, ...] = tuple(
    importlib.import_module(f"ryu_apps.northbound.resources.{name}").COLLECTION
    for name, kind in ALL_KINDS.items() if kind.collection
)

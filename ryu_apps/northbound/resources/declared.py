"""All collections of the API: of each kind the one that the module of its name declares."""

from __future__ import annotations

import importlib
import pkgutil

from ryu_apps.control.config.model import ALL_KINDS
from ryu_apps.northbound import resources
from ryu_apps.northbound.resources.collection import Collection

_MODULES = {
    name.rpartition(".")[2]: name
    for _, name, package in pkgutil.walk_packages(resources.__path__, f"{resources.__name__}.")
    if not package
}
"""Modules here and in the packages below, by their last names."""

COLLECTIONS: tuple[Collection, ...] = tuple(
    importlib.import_module(_MODULES[name]).COLLECTION
    for name, kind in ALL_KINDS.items() if kind.collection
)

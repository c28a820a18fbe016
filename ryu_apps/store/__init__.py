"""The config database: one contract (:mod:`ryu_apps.store.base`), three implementations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .base import Store

# Each is imported when it is opened.


def _memory(section: Any, **more: Any) -> Store:
    from .memory import MemoryStore

    return MemoryStore(**more)


def _sqlite(section: Any, **more: Any) -> Store:
    from .sqlite import SqliteStore

    return SqliteStore(section.path, **more)


def _etcd(section: Any, **more: Any) -> Store:
    from .etcd.options import EtcdOptions
    from .etcd.store import EtcdStore

    return EtcdStore(EtcdOptions.of(section), **more)


BACKENDS: dict[str, Callable[..., Store]] = {"sqlite": _sqlite, "etcd": _etcd, "memory": _memory}
"""Name in ``[store] backend`` -> what opens it."""


def open_store(section: Any, **more: Any) -> Store:
    """Open the store that ``section`` names, which has the options of ``[store]`` as attributes;
    each backend takes its own.  ``more`` goes to the backend's constructor as it is.

    An etcd that does not answer is no error here: its first use says so.  Raises StoreError
    when a database file cannot be opened, ValueError for a bad option.
    """
    return BACKENDS[section.backend](section, **more)

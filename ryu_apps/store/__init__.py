"""The config database: one contract (:mod:`ryu_apps.store.base`), three implementations."""

from __future__ import annotations

from typing import Any

from .base import Store


def open_store(
    backend: str,
    *,
    path: str = "/var/lib/vnc/config.db",
    endpoints: tuple[str, ...] | list[str] = ("http://127.0.0.1:2379",),
    prefix: str = "/vnc",
    session_ttl: int = 10,
    max_operations: int = 128,
    ca_file: str | None = None,
    cert_file: str | None = None,
    key_file: str | None = None,
    username: str | None = None,
    password: str | None = None,
    **more: Any,
) -> Store:
    """Open the store that the ``[store]`` section of the configuration names.

    ``backend``: "memory", "sqlite" or "etcd"; the other arguments are the section's options, of
    which each backend takes its own.  ``more`` goes to the backend's constructor as it is.

    An etcd that does not answer is no error here: its first use says so.  Raises StoreError
    when a database file cannot be opened, ValueError for an unknown backend or a bad option.
    """
    if backend == "memory":
        from .memory import MemoryStore

        return MemoryStore(**more)
    if backend == "sqlite":
        from .sqlite import SqliteStore

        return SqliteStore(path, **more)
    if backend == "etcd":
        from ryu_apps.store.etcd.store import EtcdStore

        return EtcdStore(
            endpoints,
            prefix=prefix,
            session_ttl=session_ttl,
            max_operations=max_operations,
            ca_file=ca_file,
            cert_file=cert_file,
            key_file=key_file,
            username=username,
            password=password,
            **more,
        )
    raise ValueError(f"unknown store backend {backend!r}; known: memory, sqlite, etcd")

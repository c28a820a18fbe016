"""What a node knows of its etcd cluster, from the options in ``[store]``."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True)
class EtcdOptions:
    """``endpoints``: URLs of the members; ``prefix``: where the keys of this system begin;
    ``session_ttl`` in seconds; ``max_operations``: etcd's ``--max-txn-ops``.  Names of PEM files,
    and the user, are None where there are none."""

    endpoints: list[str]
    prefix: str
    session_ttl: int
    max_operations: int
    ca_file: str | None
    cert_file: str | None
    key_file: str | None
    username: str | None
    password: str | None

    @classmethod
    def of(cls, section: Any) -> EtcdOptions:
        """``section``: has the options of ``[store]`` as attributes."""
        return cls(**{field.name: getattr(section, field.name) for field in fields(cls)})

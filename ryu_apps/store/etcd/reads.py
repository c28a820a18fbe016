"""Reads of the keys of this system: one, the newest, and all below a prefix in pages."""

from __future__ import annotations

from typing import Any

from ryu_apps.store.base import Item, Unavailable
from ryu_apps.store.etcd.errors import OUT_OF_RANGE, EtcdError, reading
from ryu_apps.store.etcd.gateway import EtcdGateway
from ryu_apps.store.etcd.keys import (
    decode_key,
    decode_value,
    encode_bytes,
    encode_key,
    encode_range,
)

PAGE = 5000
PAGE_TIMEOUT, PAGE_ATTEMPT = 6.0, 2.5
"""Seconds for a page, which may be megabytes."""


class EtcdReader:
    """``root``: where the keys of this system begin in etcd."""

    def __init__(self, gateway: EtcdGateway, root: str) -> None:
        self.gateway = gateway
        self.root = root

    def get(self, key: str) -> Item | None:
        request = {"key": encode_key(self.root, key)}
        kvs = self.gateway.call("/v3/kv/range", request).get("kvs")
        if not kvs:
            return None
        with reading():
            return Item(key, decode_value(kvs[0]), int(kvs[0]["mod_revision"]))

    def newest(self, prefix: str) -> int:
        """The revision of the item below ``prefix`` that was written last, or 0."""
        request = {
            **encode_range(self.root, prefix), "sort_order": "DESCEND", "sort_target": "MOD",
            "limit": "1", "keys_only": True,
        }
        kvs = self.gateway.call("/v3/kv/range", request).get("kvs")
        with reading():
            return int(kvs[0]["mod_revision"]) if kvs else 0

    def list(self, prefix: str) -> tuple[list[Item], int]:
        """All items below ``prefix`` and the revision at which they were read."""
        for _ in range(3):
            try:
                return self.list_at(prefix, 0)
            except EtcdError as error:
                # Compacted between two pages: once more from the start.
                if error.code != OUT_OF_RANGE:
                    raise
        raise Unavailable("etcd is compacted faster than it can be read", definite=True)

    def list_at(self, prefix: str, revision: int) -> tuple[list[Item], int]:
        """As :meth:`list`, at a past revision (0: now).  Raises EtcdError OUT_OF_RANGE when etcd
        does not have it."""
        span = encode_range(self.root, prefix)
        items: list[Item] = []
        while True:
            request: dict[str, Any] = {**span, "limit": str(PAGE)}
            if revision:
                request["revision"] = str(revision)
            answer = self.gateway.call(
                "/v3/kv/range", request, PAGE_TIMEOUT, attempt_timeout=PAGE_ATTEMPT
            )
            with reading():
                revision = revision or int(answer["header"]["revision"])
                items += [
                    Item(decode_key(self.root, kv), decode_value(kv), int(kv["mod_revision"]))
                    for kv in answer.get("kvs", ())
                ]
            if not answer.get("more") or not items:
                return items, revision
            span["key"] = encode_bytes((self.root + items[-1].key).encode() + b"\0")

"""Keys and values as etcd's JSON gateway has them: base64, below this system's prefix."""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import Any


def encode_bytes(value: bytes) -> str:
    return b64encode(value).decode("ascii")


def encode_key(root: str, key: str) -> str:
    return encode_bytes((root + key).encode())


def encode_range(root: str, prefix: str) -> dict[str, str]:
    """``key`` and ``range_end`` of all keys that begin with ``prefix``."""
    start = (root + prefix).encode()
    # UTF-8 has no byte 0xff, so the last byte can be raised by one.
    end = start[:-1] + bytes((start[-1] + 1,))
    return {"key": encode_bytes(start), "range_end": encode_bytes(end)}


def decode_key(root: str, kv: dict[str, Any]) -> str:
    return b64decode(kv["key"]).decode("utf-8", "replace")[len(root) :]


def decode_value(kv: dict[str, Any]) -> bytes:
    value = kv.get("value")
    return b64decode(value) if value else b""

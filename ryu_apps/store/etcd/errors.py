"""What etcd's answers and errors mean."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator

from ryu_apps.store.base import StoreError, TooLarge, Unavailable

# Codes of gRPC (https://grpc.github.io/grpc/core/md_doc_statuscodes.html).
NOT_FOUND = 5
PERMISSION_DENIED = 7
OUT_OF_RANGE = 11
UNAUTHENTICATED = 16
TRANSIENT = frozenset({1, 2, 4, 10, 13, 14})

_NEW_TOKEN = ("revision of auth store is old", "invalid auth token", "user name is empty")
"""What etcd says, under several codes, when a request needs a new token: it expired, it is of
another member's memory, or (with JWT) a user or role was changed since.  Source: etcd's package
api/v3rpc/rpctypes."""

_NOT_BEGUN = ("no leader", "too many requests")
"""What etcd says of a request that it did not begin to carry out."""

_TOO_LARGE = ("too many operations", "request is too large", "message larger than max")


class EtcdError(StoreError):
    """etcd answered with an error.  ``code``: gRPC's.  ``ambiguous``: an earlier attempt at the
    same request may have been carried out.  ``begun``: this attempt may have been."""

    def __init__(self, code: int, text: str, ambiguous: bool = False, begun: bool = True):
        super().__init__(text)
        self.code = code
        self.ambiguous = ambiguous
        self.begun = begun


def read_answer(status: int, answer: bytes) -> dict:
    """The answer as JSON.  Raises EtcdError and what else :func:`error_of` makes."""
    try:
        data = json.loads(answer)
    except ValueError:
        data = None
    if not isinstance(data, dict):
        # A proxy's page, or something that is no etcd.
        raise EtcdError(14, f"HTTP status {status} without an answer of etcd's")
    if status == 200 and "error" not in data:
        _header(data)
        return data
    raise error_of(data, status)


def _header(data: dict) -> dict:
    """The header that every answer of etcd's has.  Raises EtcdError where there is none."""
    header = data.get("header")
    if header is None and isinstance(data.get("result"), dict):  # in streams
        header = data["result"].get("header")
    if not isinstance(header, dict) or not str(header.get("cluster_id", "")).isdigit():
        raise EtcdError(14, "what answers is no etcd: its answer has no header")
    return header


@contextlib.contextmanager
def reading() -> Iterator[None]:
    """Around the reading of answers: one of a shape that is not etcd's raises Unavailable."""
    try:
        yield
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        raise Unavailable(
            f"what answers at etcd's address is no etcd: {type(error).__name__}: {error}"
        ) from error


def error_of(data: dict, status: int = 0) -> StoreError:
    """The exception for the error body of a request or of a stream."""
    error = data.get("error")
    if isinstance(error, dict):  # in streams
        code, text = error.get("grpc_code", 2), error.get("message", "")
    else:
        code, text = data.get("code", 2), data.get("message") or error or f"HTTP {status}"
    text = str(text)
    if any(words in text for words in _TOO_LARGE):
        return TooLarge(f"etcd refuses: {text}")
    if "database space exceeded" in text:
        return StoreError(
            "etcd's database is full, and nothing was changed: compact and defragment it, then "
            "`etcdctl alarm disarm`"
        )
    if code == PERMISSION_DENIED:
        return StoreError(f"etcd refuses: {text}; grant the user read and write on the prefix")
    if any(words in text for words in _NEW_TOKEN):
        code = UNAUTHENTICATED
    begun = not any(words in text for words in _NOT_BEGUN)
    if not begun:
        code = 14
    return EtcdError(code if isinstance(code, int) else 2, text, begun=begun)

"""What a token says: who, with which scope, until when.  Sealed, it is a Fernet token as Keystone's
are (https://github.com/fernet/spec): nobody can read or change it without the keys, and every node
that has them reads it without asking another.

What the token gives is not in it: the roles are what the directory says when it is used.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import msgpack

MAX_TOKEN = 1024
"""Characters of one; a longer one is none of ours and is not looked at."""
VERSION = 1
METHODS = ("password", "token", "application_credential")
NO_SCOPE, PROJECT_SCOPE, SYSTEM_SCOPE = 0, 1, 2
_HEX = re.compile(r"[0-9a-f]{32}")


class Payload(NamedTuple):
    """``user_generation``, ``project_generation``: as they were; the token is void when they grow.
    ``project_id``: "" without a scope of a project.  ``system``: its scope is the whole system.
    ``credential_id``: the application credential that it is of, or "".  ``issued_at``,
    ``expires_at``: seconds since 1970.  ``audit_ids``: its own, and that of the first of its chain
    where it was made from another.  ``methods``: of METHODS."""

    user_id: str
    user_generation: int
    methods: tuple[str, ...]
    issued_at: int
    expires_at: int
    audit_ids: tuple[str, ...]
    project_id: str = ""
    project_generation: int = 0
    system: bool = False
    credential_id: str = ""


class Malformed(ValueError):
    """It is no payload."""


def encode(payload: Payload) -> bytes:
    """Inverse of :func:`decode`."""
    methods = sum(1 << METHODS.index(method) for method in payload.methods)
    return msgpack.packb([
        VERSION, _pack(payload.user_id), payload.user_generation, methods, payload.issued_at,
        payload.expires_at, list(payload.audit_ids), _pack(payload.project_id),
        payload.project_generation, payload.system, _pack(payload.credential_id),
    ])  # fmt: skip


def decode(data: bytes) -> Payload:
    """Raises Malformed."""
    try:
        version, *fields = msgpack.unpackb(data, max_array_len=16, max_str_len=255,
                                           max_bin_len=255, max_map_len=0)
        if version != VERSION:
            raise Malformed(f"version {version!r:.20}")
        user, generation, methods, issued, expires, audit, project, its, system, credential = fields
        numbers = generation, methods, issued, expires, its
        if (
            not all(type(number) is int for number in numbers) or type(system) is not bool
            or type(audit) is not list or not 1 <= len(audit) <= 2
            or not all(type(one) is str for one in audit) or not 0 < methods < 1 << len(METHODS)
        ):
            raise Malformed("a field has another type")
        return Payload(
            _unpack(user), generation,
            tuple(name for number, name in enumerate(METHODS) if methods >> number & 1),
            issued, expires, tuple(audit), _unpack(project), its, system, _unpack(credential),
        )  # fmt: skip
    except Malformed:
        raise
    except Exception as error:  # whatever msgpack raises for what it cannot read
        raise Malformed(str(error)) from None


def _pack(id: str) -> bytes | str:
    """Ids of ours have 16 bytes in hexadecimal."""
    return bytes.fromhex(id) if _HEX.fullmatch(id) else id


def _unpack(value: object) -> str:
    if type(value) is bytes:
        return value.hex()
    if type(value) is not str:
        raise Malformed("an id is no text")
    return value

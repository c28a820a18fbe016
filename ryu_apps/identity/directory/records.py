"""What the directory consists of, and how the store has it: JSON with the number of its schema.

What proves who somebody is stands in records of their own, below ``/identity/secret/``, which no
export and no answer has: hashes of passwords and secrets, and the keys that tokens are sealed with.
"""

from __future__ import annotations

import dataclasses
import json
import re
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from ryu_apps.configuration.records import IDENTITY, IDENTITY_GENERATION

GENERATION = IDENTITY_GENERATION
SCHEMA = 1
DOMAIN = "default"
"""The one domain, by its id; its name is "Default", as Keystone's first one."""
SYSTEM = "system"
"""The target of an assignment that holds for the whole system."""
_ID = re.compile(r"[0-9A-Za-z._:-]{1,255}")


class RecordError(ValueError):
    """A stored value cannot be understood."""


@dataclass(frozen=True)
class Project:
    """``generation``: grows when it is disabled, so that tokens from before are void for ever."""

    kind: ClassVar[str] = "project"
    id: str
    name: str
    description: str = ""
    enabled: bool = True
    generation: int = 0


@dataclass(frozen=True)
class User:
    """``generation``: grows when it is disabled or gets another password."""

    kind: ClassVar[str] = "user"
    id: str
    name: str
    description: str = ""
    email: str = ""
    enabled: bool = True
    default_project_id: str = ""
    generation: int = 0


@dataclass(frozen=True)
class Assignment:
    """``target``: the id of a project, or SYSTEM.  ``actor``: the id of a user."""

    kind: ClassVar[str] = "assignment"
    actor: str
    target: str
    role: str
    actor_kind: str = "user"

    @property
    def id(self) -> str:
        return f"{self.actor_kind}:{self.actor}:{self.target}:{self.role}"


@dataclass(frozen=True)
class ApplicationCredential:
    """``expires_at``: seconds since 1970, or 0: never.  ``unrestricted``: its tokens may manage
    application credentials."""

    kind: ClassVar[str] = "application_credential"
    id: str
    name: str
    user_id: str
    project_id: str
    roles: tuple[str, ...]
    description: str = ""
    expires_at: int = 0
    unrestricted: bool = False


@dataclass(frozen=True)
class Revocation:
    """A token that its owner gave back, by its audit id.  ``expires_at``: of the token; the record
    goes then."""

    kind: ClassVar[str] = "revocation"
    id: str
    user_id: str
    expires_at: int


@dataclass(frozen=True)
class PasswordHash:
    """``id``: of the user or application credential that it is of."""

    kind: ClassVar[str] = "secret/hash"
    id: str
    hash: str = dataclasses.field(repr=False)


@dataclass(frozen=True)
class TokenKey:
    """``id``: its number; they are made in the order of their numbers."""

    kind: ClassVar[str] = "secret/token_key"
    id: str
    key: str = dataclasses.field(repr=False)
    made_at: int = 0

    @property
    def number(self) -> int:
        return int(self.id)


Record = (
    Project | User | Assignment | ApplicationCredential | Revocation | PasswordHash | TokenKey
)
KINDS: dict[str, type[Any]] = {
    one.kind: one
    for one in (
        Project, User, Assignment, ApplicationCredential, Revocation, PasswordHash, TokenKey,
    )
}


class Change(NamedTuple):
    """One record as it is from now on; ``record`` None: deleted."""

    kind: str
    id: str
    record: Any

    @property
    def key(self) -> str:
        return f"{IDENTITY}{self.kind}/{self.id}"


def put(record: Any) -> Change:
    return Change(record.kind, record.id, record)


def gone(record: Any) -> Change:
    return Change(record.kind, record.id, None)


def encode(record: Any) -> bytes:
    """The stored form.  Inverse of :func:`decode`."""
    return json.dumps(
        {"schema": SCHEMA, **dataclasses.asdict(record)}, separators=(",", ":")
    ).encode()


def parse_key(key: str) -> tuple[str, str] | None:
    """Kind and id of a key below IDENTITY; None: it is of no record of this version."""
    kind, _, id = key.removeprefix(IDENTITY).rpartition("/")
    return (kind, id) if kind in KINDS and _ID.fullmatch(id) else None


def decode(kind: str, id: str, value: bytes) -> Any:
    """Read a stored record.  Unknown fields (a newer node's) are ignored.  Raises RecordError,
    whose text has nothing of a secret."""
    cls = KINDS[kind]
    try:
        data = json.loads(value)
        if data["schema"] > SCHEMA:
            raise RecordError(f"schema {data['schema']}, this version reads up to {SCHEMA}")
        known = {}
        for field in dataclasses.fields(cls):
            if field.name in data:
                known[field.name] = _checked(field, data[field.name])
        record = cls(**known)
        if record.id != id:
            raise RecordError("its id is not that of its key")
        if cls is TokenKey and not (id.isascii() and id.isdigit()):
            raise RecordError("its id is no number")
    except RecordError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        # Not the text of the error, which may repeat a value.
        raise RecordError(f"it is malformed ({type(error).__name__})") from None
    return record


_TYPES: dict[str, type] = {"str": str, "bool": bool, "int": int}


def _checked(field: dataclasses.Field[Any], value: Any) -> Any:
    wanted = _TYPES.get(str(field.type))
    if wanted is None:
        if type(value) is not list or not all(type(one) is str for one in value):
            raise RecordError(f"{field.name} is no list of texts")
        return tuple(value)
    if type(value) is not wanted:
        raise RecordError(f"{field.name} is no {wanted.__name__}")
    return value

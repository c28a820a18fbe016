"""The keys that seal tokens, and their rotation.

Of the keys, in the order of their numbers, the last is *staged*: every node has it before any
seals with it.  The one before it is *primary*: new tokens are sealed with it.  The others are old:
tokens that were sealed with them are still read.  A rotation stages another key, the staged one
becomes primary, and the oldest goes where there are more than MAX_KEYS.
"""

from __future__ import annotations

from collections.abc import Iterable

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from ryu_apps.identity.directory.errors import conflict
from ryu_apps.identity.directory.records import Change, TokenKey, gone, put
from ryu_apps.identity.directory.rules import Plan
from ryu_apps.identity.tokens.payload import MAX_TOKEN, Malformed, Payload, decode, encode

MAX_KEYS = 6
"""The staged one, the primary one and four old ones."""


class Invalid(ValueError):
    """It is no token that these keys sealed."""


def new_key(number: int, now: float) -> TokenKey:
    return TokenKey(str(number), Fernet.generate_key().decode(), int(now))


def rotate(now: float) -> Plan:
    """Stage another key; its result: the number of the key that is primary now."""
    def plan(directory) -> tuple[list[Change], int]:
        keys = ordered(directory.token_keys.values())
        if not keys:
            raise conflict("There are no keys yet.")
        made = new_key(keys[-1].number + 1, now)
        keys.append(made)
        return [put(made), *map(gone, keys[:-MAX_KEYS])], keys[-2].number

    return plan


def drop_old(directory) -> tuple[list[Change], int]:
    """A plan: forget the old keys, which voids all tokens that they sealed; its result: how
    many."""
    old = ordered(directory.token_keys.values())[:-2]
    return list(map(gone, old)), len(old)


def ordered(keys: Iterable[TokenKey]) -> list[TokenKey]:
    return sorted(keys, key=lambda one: one.number)


class KeyRing:
    """Seals and reads tokens.  ``keys``: all that the directory has; one that cannot be used is
    left out."""

    def __init__(self, keys: Iterable[TokenKey]) -> None:
        usable = []
        for one in ordered(keys):
            try:
                usable.append(Fernet(one.key))
            except ValueError:
                continue
        self._primary = usable[-2] if len(usable) > 1 else next(iter(usable), None)
        # What is read most was sealed last.
        self._all = MultiFernet(usable[-2:-1] + usable[-1:] + usable[-3::-1]) if usable else None

    def __bool__(self) -> bool:
        return self._primary is not None

    def seal(self, payload: Payload) -> str:
        """Raises Invalid where there is no key."""
        if self._primary is None:
            raise Invalid("there are no keys")
        return self._primary.encrypt_at_time(
            encode(payload), payload.issued_at).decode().rstrip("=")

    def read(self, token: str) -> Payload:
        """What a token says, expired or not.  Raises Invalid."""
        if self._all is None or not token.isascii() or len(token) > MAX_TOKEN:
            raise Invalid("it is too long, or there are no keys")
        padded = token.rstrip("=")
        padded += "=" * (-len(padded) % 4)
        try:
            return decode(self._all.decrypt(padded.encode()))
        except (InvalidToken, Malformed) as error:
            raise Invalid(type(error).__name__) from None

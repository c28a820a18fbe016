"""Hashes of passwords and of application credentials' secrets.

bcrypt reads 72 bytes and stops at a NUL, so what is hashed is not the password but, in base64, its
HMAC-SHA-256 with the salt: passlib's ``bcrypt_sha256``, version 2, which Keystone writes too.  So
every byte counts, however long it is.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import hmac
import re

import bcrypt

MAX_PASSWORD = 4096
"""Bytes; Keystone's max_password_length."""
MIN_COST, DEFAULT_COST, MAX_COST = 4, 12, 16
_FORM = re.compile(
    r"\$bcrypt-sha256\$v=2,t=2b,r=(\d{1,2})\$([./0-9A-Za-z]{22})\$([./0-9A-Za-z]{31})"
)


def hash_password(password: str, cost: int) -> str:
    """``cost``: bcrypt's, the binary logarithm of its rounds.  Raises ValueError for a password
    that is too long."""
    salt = bcrypt.gensalt(cost).decode()[-22:]
    return f"$bcrypt-sha256$v=2,t=2b,r={cost}${salt}${_digest(password, cost, salt)}"


def verify(password: str, hash: str) -> bool:
    """Takes as long as bcrypt does, whatever the answer; what is no hash is nobody's."""
    found = _FORM.fullmatch(hash)
    if found is None:
        return False
    cost, salt, digest = int(found[1]), found[2], found[3]
    try:
        return hmac.compare_digest(_digest(password, cost, salt), digest)
    except ValueError:
        return False


def verify_nobody(password: str, cost: int) -> bool:
    """For a user that there is not: takes as long as a wrong password.  False."""
    verify(password, _nobody(cost))
    return False


@functools.cache
def _nobody(cost: int) -> str:
    return hash_password("", cost)


def _digest(password: str, cost: int, salt: str) -> str:
    raw = password.encode("utf-8", "surrogatepass")
    if len(raw) > MAX_PASSWORD:
        raise ValueError(f"a password may have {MAX_PASSWORD} bytes")
    key = base64.b64encode(hmac.digest(salt.encode(), raw, hashlib.sha256))
    return bcrypt.hashpw(key, f"$2b${cost:02d}${salt}".encode()).decode()[-31:]

"""The files of one TLS end, taken up anew when they change.

Each new connection gets the context of what the files say by then; those that exist keep theirs.
A context is made from nothing each time, since one that lives only learns whom to trust, and never
to trust somebody no longer (``SSL_CTX_load_verify_locations`` adds).  Files that cannot be used
change nothing; that is logged and shown by health, unless it passes: a certificate and its key are
two files, which nobody can replace at the same moment.
"""

from __future__ import annotations

import datetime
import logging
import os
import ssl
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from typing import NamedTuple

from cryptography import x509

LOG = logging.getLogger("vnc.tls")

INTERVAL = 1.0
"""Seconds between two looks at the files."""
PASSING = 3.0
"""Seconds for which files may be unusable before that is a problem."""
_Signature = tuple[tuple[int, ...] | None, ...]


class Standing(NamedTuple):
    """``name``: which end.  ``problem``: why the files, as they are, cannot be used; "".
    ``expires``: when the certificate in use ends."""

    name: str
    problem: str
    expires: datetime.datetime | None


class TlsFiles:
    """``name``: which end, for people.  ``make``: a context of the files as they are, raising
    OSError, ValueError or what :meth:`__init__` is to raise.  ``certificate``: the path of our own
    certificate; None where we have none.  ``others``: paths of the other files.

    For any thread.  Raises what ``make`` raises where the files cannot be used at first.
    """

    def __init__(
        self, name: str, make: Callable[[], ssl.SSLContext], certificate: str | None,
        others: Sequence[str | None], now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self._make = make
        self._certificate = certificate
        self._paths = [path for path in (certificate, *others) if path]
        self._now = now
        self._lock = threading.Lock()
        self._seen = self._signature()
        self._context = make()
        self._expires = self._expiry()
        self._looked = now()
        self._trouble = ""
        self._since = 0.0
        self._told = ""
        PROCESS.add(self)

    def context(self) -> ssl.SSLContext:
        """For a new connection."""
        self.look()
        return self._context

    def look(self, force: bool = False) -> None:
        """Take up files that have changed; at most once in :data:`INTERVAL`, unless ``force``."""
        with self._lock:
            now = self._now()
            if not force and now - self._looked < INTERVAL:
                return
            self._looked = now
            signature = self._signature()
            if force or signature != self._seen:
                self._take(signature, now)
            if self.problem != self._told:
                self._told = self.problem
                if self._told:
                    LOG.error("%s: the files of before are used on: %s", self.name, self._told)

    def _take(self, signature: _Signature, now: float) -> None:
        self._seen = signature
        try:
            context = self._make()
            expires = self._expiry()
        except (OSError, ValueError) as error:
            self._since = self._since or now
            self._trouble = str(error)
            return
        self._trouble, self._since = "", 0.0
        self._context, self._expires = context, expires
        LOG.info("%s: new connections use the files as they are now%s", self.name,
                 f", the certificate until {expires:%F}" if expires else "")

    @property
    def problem(self) -> str:
        """Why the files cannot be used; "" where they can, or could a moment ago."""
        lasts = self._trouble and self._now() - self._since >= PASSING
        return self._trouble if lasts else ""

    def standing(self) -> Standing:
        self.look()
        return Standing(self.name, self.problem, self._expires)

    def _signature(self) -> _Signature:
        return tuple(map(_signature, self._paths))

    def _expiry(self) -> datetime.datetime | None:
        if not self._certificate:
            return None
        with open(self._certificate, "rb") as file:
            return x509.load_pem_x509_certificate(file.read()).not_valid_after_utc


def _signature(path: str) -> tuple[int, ...] | None:
    """What changes when a file does; None for one that is not there."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


class Registry:
    """All that a process uses and that is not gone."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ends: weakref.WeakSet[TlsFiles] = weakref.WeakSet()

    def add(self, end: TlsFiles) -> None:
        with self._lock:
            self._ends.add(end)

    def ends(self) -> list[TlsFiles]:
        """By name."""
        with self._lock:
            return sorted(self._ends, key=lambda end: end.name)

    def look(self, force: bool = False) -> None:
        """See :meth:`TlsFiles.look`."""
        for end in self.ends():
            end.look(force)


PROCESS = Registry()

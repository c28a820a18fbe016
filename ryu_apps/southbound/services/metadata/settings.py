"""How the metadata service is reached, and what makes it believe us."""

from __future__ import annotations

import logging
import os
import ssl
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPSConnection
from urllib.parse import urlsplit

from ryu_apps.connections.tls_files import TlsFiles

LOG = logging.getLogger("vnc.metadata")
PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class MetadataSettings:
    """``url``: of the service.  ``secret_file``: with the secret that is shared with it.  ``ca``,
    ``certificate``, ``key``: files for TLS, None where there are none.  ``timeout``: seconds from
    an instance's request to its answer.  ``workers``: requests at a time; ``most``: bytes of the
    largest answer."""

    url: str
    secret_file: str
    ca: str | None = None
    certificate: str | None = None
    key: str | None = None
    insecure: bool = False
    timeout: float = 30.0
    workers: int = 16
    most: int = 1 << 20


class Secret:
    """The shared secret, taken up anew when its file changes.  Raises OSError or ValueError where
    it cannot be read at first; one that is lost later stays as it was."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._seen = self._signature()
        self._value = self._read()

    def value(self) -> bytes:
        try:
            seen = self._signature()
            if seen != self._seen:
                self._value = self._read()
                self._seen = seen
        except (OSError, ValueError) as error:
            LOG.error("the shared secret of before is used on: %s", error)
        return self._value

    def _signature(self) -> tuple[int, int, int]:
        found = os.stat(self._path)
        return found.st_ino, found.st_size, found.st_mtime_ns

    def _read(self) -> bytes:
        with open(self._path, "rb") as file:
            value = file.read().strip()
        if not value:
            raise ValueError(f"{self._path} is empty")
        return value


class Target:
    """Where the service is.  Raises ValueError for a URL that is none, and what :class:`TlsFiles`
    raises."""

    def __init__(self, settings: MetadataSettings) -> None:
        parts = urlsplit(settings.url)
        if parts.scheme not in PORTS or not parts.hostname or parts.query or parts.fragment or (
            parts.username is not None
        ):
            raise ValueError(f"{settings.url!r} is not http://HOST:PORT or https://HOST:PORT/PATH")
        self.host, self.port = parts.hostname, parts.port or PORTS[parts.scheme]
        self.path = parts.path.rstrip("/")
        self._tls = None
        if parts.scheme == "https":
            self._tls = TlsFiles(
                "metadata service", lambda: _context(settings), settings.certificate,
                (settings.key, settings.ca),
            )

    def connection(self, timeout: float) -> HTTPConnection:
        """A new one, not connected yet."""
        if self._tls is None:
            return HTTPConnection(self.host, self.port, timeout=timeout)
        return HTTPSConnection(self.host, self.port, timeout=timeout, context=self._tls.context())


def _context(settings: MetadataSettings) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=settings.ca)
    if settings.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if settings.certificate:
        context.load_cert_chain(settings.certificate, settings.key)
    return context

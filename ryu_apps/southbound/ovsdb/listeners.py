"""The sockets on which the node waits for hypervisors."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator

from ryu_apps.connections.tls_files import TlsFiles
from ryu_apps.southbound.ovsdb.settings import OvsdbSettings, parse_listen
from ryu_apps.southbound.ovsdb.tls import tls_files

BACKLOG = 1024
ACCEPTED_AT_ONCE = 64
"""Connections taken from one listener before the sessions get their turn."""
_EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class Exhausted(Exception):
    """There are no descriptors or no memory for another connection; the text says which."""


class Listener:
    """One of ``settings.listen``.  ``tls``: of its connections, None for TCP.

    ``bound``: (scheme "tcp" or "ssl", address, port).  Raises OSError that says which address.
    """

    def __init__(self, text: str, tls: TlsFiles | None) -> None:
        _, address, port = parse_listen(text)
        self.tls = tls
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.sock.bind((address, port))
            self.sock.listen(BACKLOG)
        except OSError as error:
            self.sock.close()
            raise OSError(
                error.errno, f"cannot listen for hypervisors on {text}: {error.strerror}"
            ) from error
        self.sock.setblocking(False)
        scheme = "ssl" if tls is not None else "tcp"
        self.bound: tuple[str, str, int] = (scheme, address, self.sock.getsockname()[1])

    def accepted(self) -> Iterator[tuple[socket.socket, tuple]]:
        """(socket, peer's address) of those that wait.  Raises :class:`Exhausted`."""
        for _ in range(ACCEPTED_AT_ONCE):
            try:
                connection = self.sock.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in _EXHAUSTED:
                    raise Exhausted(error.strerror) from error
                continue  # it went away while it waited
            yield connection

    def close(self) -> None:
        """Let nobody connect any more.  Idempotent."""
        self.sock.close()


def open_listeners(settings: OvsdbSettings) -> list[Listener]:
    """One for each of ``settings.listen``, or none at all: raises OSError that says which address
    or file, and ValueError for bad settings."""
    listeners: list[Listener] = []
    tls: TlsFiles | None = None
    try:
        for text in settings.listen:
            encrypted, _, _ = parse_listen(text)
            if encrypted and tls is None:
                tls = tls_files(settings)
            listeners.append(Listener(text, tls if encrypted else None))
    except (OSError, ValueError):
        for listener in listeners:
            listener.close()
        raise
    return listeners

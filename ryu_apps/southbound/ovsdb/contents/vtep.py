"""Whether the address that a hypervisor gives as its VTEP can be that, by what this node's kernel
knows of it."""

from __future__ import annotations

import socket
from collections.abc import Callable

_ANY_PORT = 4789


def vtep_problem(vtep: str, peer: str) -> str:
    """Why ``vtep`` cannot be the address of a hypervisor that is connected from ``peer``, or
    "".  Nothing is sent: the kernel is asked for its route (ip(7): EACCES for a broadcast
    address)."""
    try:
        source = _source(vtep)
    except PermissionError:
        return f"{vtep} is the broadcast address of a network that this node is in"
    if source == vtep and not _is_local(peer):
        return f"{vtep} is an address of this node"
    return ""


def _source(address: str) -> str:
    """The address that this node would send from to ``address``; "" where it has no route."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        try:
            sock.connect((address, _ANY_PORT))
        except PermissionError:
            raise
        except OSError:
            return ""
        return sock.getsockname()[0]


def _is_local(address: str) -> bool:
    try:
        return _source(address) == address
    except PermissionError:
        return False


class VtepCheck:
    """Of one session.  ``find``: as :func:`vtep_problem`.  ``peer``: where it connects from."""

    def __init__(self, find: Callable[[str, str], str], peer: str) -> None:
        self._find = find
        self._peer = peer
        self._last: tuple[tuple[str, ...], str] = ((), "")

    def problem(self, vteps: tuple[str, ...]) -> str:
        """Why it cannot have these addresses, or ""; found out once for each change."""
        if vteps != self._last[0]:
            problems = (self._find(vtep, self._peer) for vtep in vteps)
            self._last = vteps, next(filter(None, problems), "")
        return self._last[1]

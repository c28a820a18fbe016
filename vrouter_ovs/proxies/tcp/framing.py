"""Where a message begins and ends in the bytes of a TCP connection."""

from __future__ import annotations

from typing import Protocol


class Broken(Exception):
    """The connection is to be reset: the peer breaks the protocol or takes nothing any more."""


class Framing(Protocol):
    """How a protocol puts its messages into a stream."""

    def message(self, received: bytearray, longest: int) -> bytes | None:
        """Take the next whole message off the front of ``received``; None: there is more to come.
        Raises Broken for what is no message, or longer than ``longest`` bytes."""

    def frame(self, message: bytes) -> bytes:
        """An answer as it goes into the stream."""


class LengthPrefixed:
    """The messages of DNS, each behind its length in two bytes (RFC 7766 section 8)."""

    def message(self, received: bytearray, longest: int) -> bytes | None:
        if len(received) < 2:
            return None
        size = received[0] << 8 | received[1]
        if not 12 <= size <= longest:
            raise Broken("bad message length")
        if len(received) < size + 2:
            return None
        found = bytes(received[2 : size + 2])
        del received[: size + 2]
        return found

    def frame(self, message: bytes) -> bytes:
        return len(message).to_bytes(2, "big") + message

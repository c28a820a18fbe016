"""Where one JSON object ends and the next begins in a stream of bytes.  Pure.

OVSDB peers send JSON objects back to back without a separator (RFC 7047 section 4).  The end of
each is found by matching braces outside strings; the C decoder of the standard library does the
rest.
"""

from __future__ import annotations

import re

_NEXT_BRACE = re.compile(
    rb'(?:[^{}"]++|"[^"\\]*+(?:\\.[^"\\]*+)*+")*+([{}])', re.DOTALL
)
"""Everything up to the next brace outside strings, where that is in the buffer."""
_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*("?)', re.DOTALL)
_REST_OF_STRING = re.compile(rb'[^"\\]*(?:\\.[^"\\]*)*("?)', re.DOTALL)


class ProtocolError(Exception):
    """The peer broke the protocol; the text says how.  The connection must be closed."""


class Framer:
    """Cuts a byte stream into complete JSON objects.

    ``limit``: the most bytes one object may have; it may be changed between two pieces.
    Every byte is looked at once, however the stream is chopped.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._buffer = bytearray()
        self._scanned = 0
        self._depth = 0
        self._in_string = False

    def feed(self, data: bytes) -> list[bytes]:
        """The objects that ``data`` completes, in order.  Raises :class:`ProtocolError` where the
        stream does not consist of objects, or one exceeds the limit."""
        buffer = self._buffer
        buffer += data
        complete: list[bytes] = []
        start = 0
        depth = self._depth
        position = self._scanned
        if self._in_string:
            match = _REST_OF_STRING.match(buffer, position)
            position = match.end()
            self._in_string = not match.group(1)
        if not self._in_string:
            match = _NEXT_BRACE.match(buffer, position)
            while match is not None:
                brace, position = match.span(1)
                if buffer[brace] == 0x7B:
                    if depth == 0:
                        self._only_space(buffer, start, brace)
                        start = brace
                    depth += 1
                else:
                    depth -= 1
                    if depth == 0:
                        complete.append(bytes(buffer[start:position]))
                        start = position
                    elif depth < 0:
                        raise ProtocolError("not JSON: a closing brace without an opening one")
                match = _NEXT_BRACE.match(buffer, position)
            # What is left holds no brace, or an unfinished string: walk it once, so that a long
            # string in many pieces is not looked at again with every piece.
            for match in _STRING.finditer(buffer, position):
                if depth == 0:
                    raise ProtocolError("not JSON-RPC: the stream does not consist of objects")
                if not match.group(1):
                    self._in_string = True
                    position = match.end()
                    break
            else:
                position = len(buffer)
        if depth == 0:
            self._only_space(buffer, start, len(buffer))
        del buffer[:start]
        self._scanned = position - start
        self._depth = depth
        if len(buffer) > self.limit:
            raise ProtocolError(f"a message of more than {self.limit} bytes")
        return complete

    @staticmethod
    def _only_space(buffer: bytearray, start: int, end: int) -> None:
        if start != end and buffer[start:end].strip():
            text = bytes(buffer[start:min(end, start + 40)])
            raise ProtocolError(f"not JSON-RPC: unexpected {text!r}")

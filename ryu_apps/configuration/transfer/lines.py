"""A file of JSON objects, one a line: a header, entries, and an end that says how many there were
and what their digest is.  So a file that was cut, or changed on its way, is known as such."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from typing import Any

MAX_LINE = 4 * 1024 * 1024
"""Bytes of a line; a record in the store is far below."""


class FileError(Exception):
    """The file cannot be used; the text says why, and what to do."""


def write(header: dict[str, Any], entries: Iterable[dict[str, Any]]) -> Iterator[bytes]:
    """The lines of a file.  What is not asked for yet is not made."""
    digest = hashlib.sha256()
    count = 0
    line = _line(header)
    digest.update(line)
    yield line
    for entry in entries:
        line = _line(entry)
        digest.update(line)
        count += 1
        yield line
    yield _line({"end": True, "entries": count, "sha256": digest.hexdigest()})


def _line(data: dict[str, Any]) -> bytes:
    return json.dumps(data, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


class Entries:
    """Reads such a file: the header at once, then the entries one by one.  ``format``: what the
    header must say; ``version``: the newest that is understood.

    The end is checked when the last entry was read; nothing may be done with any before that.
    Raises FileError.
    """

    def __init__(self, lines: Iterable[bytes], format: str, version: int) -> None:
        self._lines = iter(lines)
        self._digest = hashlib.sha256()
        self.number = 0
        """Of the line that was read last."""
        self.header = self._next()
        found = self.header.get("format")
        if found != format:
            raise FileError(f"the file is no {format}: its first line says {found!r:.100}")
        its = self.header.get("version")
        if type(its) is not int or its > version:
            raise FileError(
                f"the file has version {its!r:.20} of {format}, this program reads up to "
                f"{version}: use the program of the version that wrote it, or a newer one"
            )

    def _next(self) -> dict[str, Any]:
        line = next(self._lines, b"")
        self.number += 1
        if not line.endswith(b"\n"):
            raise FileError(
                f"the file ends in line {self.number}, before its last line: it is not whole")
        if len(line) > MAX_LINE:
            raise FileError(f"line {self.number} has {len(line)} bytes, more than any that is ours")
        try:
            data = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise FileError(f"line {self.number} is no JSON: {error}") from error
        if type(data) is not dict:
            raise FileError(f"line {self.number} is no JSON object")
        if "end" not in data:
            self._digest.update(line)
        return data

    def __iter__(self) -> Iterator[dict[str, Any]]:
        while "end" not in (data := self._next()):
            yield data
        if data.get("entries") != self.number - 2:
            raise FileError(f"the file has {self.number - 2} entries, and its end says "
                            f"{data.get('entries')!r:.20}: it was changed or is not whole")
        if data.get("sha256") != self._digest.hexdigest():
            raise FileError("the digest at the end of the file is not that of its lines: it was "
                            "changed after it was written")

"""What a line of the log looks like, whatever text others put into it."""

from __future__ import annotations

import logging
import time
from typing import Any


class LineFormatter(logging.Formatter):
    """UTC times; what cannot be shown stands as an escape: no line break in a message forges a
    second entry, no escape sequence reaches a terminal, no bidirectional control (Unicode Technical
    Report 36) turns a line around."""

    converter = time.gmtime

    def formatMessage(self, record: logging.LogRecord) -> str:
        return escaped(super().formatMessage(record))

    def formatException(self, ei: Any) -> str:
        return "\n".join(map(escaped, super().formatException(ei).split("\n")))


def escaped(text: str) -> str:
    """``text`` with escapes for what cannot be shown."""
    if text.isprintable():
        return text
    return "".join(
        one if one.isprintable() else one.encode("unicode_escape").decode("ascii") for one in text
    )

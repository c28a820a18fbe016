"""Text that hypervisors wrote, for people."""

from __future__ import annotations


def shown(text: object, limit: int = 64) -> str:
    """``text`` for people: cut off after ``limit`` characters, with escapes where it cannot be
    shown as it is; "" where it is none."""
    if not isinstance(text, str):
        return ""
    text = text[:limit]
    return text if text.isprintable() else text.encode("unicode_escape").decode("ascii")

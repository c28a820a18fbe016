"""Port numbers of TCP and UDP, as people write them."""

from __future__ import annotations


def port_number(text: str) -> int | None:
    """The port that ``text`` is, 0 to 65535 in decimal digits, or None.  Not every digit of Unicode
    is one to ``int``, which also raises where there are thousands of them."""
    if not text.isascii() or not text.isdigit() or len(text) > 5:
        return None
    number = int(text)
    return number if number < 65536 else None

"""Port numbers as people write them, and what refuses the others."""

from __future__ import annotations

import pytest

from ryu_apps.connections.port_number import port_number
from ryu_apps.southbound.ovsdb.settings import parse_listen
from ryu_apps.southbound.services.dns.resolvers import UpstreamResolver, parse_resolver

ODD = ("", "-1", "+1", " 1", "1.0", "0x10", "65536", "²", "٣", "9" * 5000)


@pytest.mark.parametrize("text", ODD)
def test_what_is_none(text: str) -> None:
    assert port_number(text) is None
    with pytest.raises(ValueError, match="is not ADDRESS"):
        parse_resolver(f"192.0.2.1:{text}")
    if text.strip():
        with pytest.raises(ValueError, match="bad port"):
            parse_listen(f"ptcp:{text}:127.0.0.1")


@pytest.mark.parametrize("text", ["0", "1", "00080", "65535"])
def test_what_is_one(text: str) -> None:
    assert port_number(text) == int(text)


def test_where_they_stand() -> None:
    assert parse_resolver("192.0.2.1:5353") == UpstreamResolver("192.0.2.1", 5353)
    assert parse_listen("ptcp:6640:127.0.0.1") == (False, "127.0.0.1", 6640)
    assert parse_listen("pssl:")[2] == 6640

"""What can be set and asked is described: options in two files, paths and attributes in one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ryu_apps import settings
from ryu_apps.northbound.resources.declared import COLLECTIONS
from tests.unit.northbound.api_client import Node
from tests.unit.northbound.users import with_users

ROOT = Path(__file__).resolve().parents[3]
OPTIONS = [(group.name, option) for group, options in settings.OPTIONS.items()
           for option in options]


def section(text: str, start: str, end: str) -> str:
    """From the line with ``start`` to the next line that begins as ``end``."""
    found = re.search(rf"^{re.escape(start)}.*?(?=^{re.escape(end)}|\Z)", text, re.S | re.M)
    assert found is not None, start
    return found[0]


def default(option) -> str | None:
    if isinstance(option.default, list):
        return ",".join(option.default) or None
    if isinstance(option.default, bool):
        return str(option.default).lower()
    return None if option.default is None else str(option.default)


@pytest.mark.parametrize("group,option", OPTIONS, ids=lambda one: getattr(one, "name", one))
def test_option(group, option):
    wanted = default(option)
    manual = section((ROOT / "docs/operations.md").read_text(), f"**`[{group}]`**", "**")
    row = next((line for line in manual.splitlines()
                if line.startswith("|") and f"`{option.name}`" in line.split("|")[1]), "")
    assert row, f"docs/operations.md: [{group}] {option.name}"
    file = section((ROOT / "configs/node.conf").read_text(), f"[{group}]", "[")
    line = re.search(rf"^#?{option.name} =(.*)$", file, re.M)
    assert line is not None, f"configs/node.conf: [{group}] {option.name}"
    if wanted is not None:
        assert f"`{wanted}`" in row, f"docs/operations.md: {option.name} is {wanted}"
        assert line[1].strip() == wanted, f"configs/node.conf: {option.name} is {wanted}"


def test_every_path_of_identity():
    text = (ROOT / "docs/identity.md").read_text()
    node = with_users()
    try:
        paths = {route.path for route in node.server.application.routes
                 if route.path.startswith(("/v3", "/v1/identity"))}
    finally:
        node.close()
    assert len(paths) > 30
    for path in paths:
        # The last word that is no parameter: "application_credentials", "roles", "catalog".
        word = [part for part in path.split("/") if part and not part.startswith("{")][-1]
        assert re.search(rf"[/`]{word}\b", text), path


def test_every_path_and_attribute():
    text = (ROOT / "docs/api.md").read_text()
    node = Node()
    try:
        routes = [route for route in node.server.application.routes
                  if route.path.startswith("/v1/")]
    finally:
        node.close()
    for route in routes:
        path = re.sub(r"\{(\w+)\}", r"<\1>", route.path)
        if path.startswith("/v1/elements/"):
            path = "/v1/elements/<id>"
        if route.method == "GET":
            assert f"`GET {path}`" in text or f"`{path}`" in text, path
        else:
            assert f"`{route.method} {path}`" in text, path
        start = route.path.partition("{")[0]
        assert f"localhost:9696{start}" in text or f"`GET {start}?" in text, f"example: {path}"
        for name in (parameter.name for parameter in route.query):
            assert f"`{name}`" in text or f"{name}=" in text, f"{path}: {name}"
    for declaration in COLLECTIONS:
        for name in declaration.attributes:
            if name.startswith("vpn:"):
                assert f"| `{name}` |" in text, name

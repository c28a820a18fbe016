"""Nodes whose clients a real Keystone knows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from oslo_config import cfg

from lab.keystone import Keystone
from lab.keystone.server import section as lines
from ryu_apps import settings
from tests.unit.northbound.api_client import Node


def options(file: Path, url: str, *section: int, api: str = "") -> cfg.ConfigOpts:
    """``section``: what :func:`lab.keystone.server.section` takes.  ``api``: more lines of the
    section [api]."""
    file.write_text(f"[api]\nport = 0\nauth = keystone\n{api}\n{lines(url, *section)}")
    conf = cfg.ConfigOpts()
    settings.register(conf)
    conf(["--config-file", str(file)], default_config_files=[], default_config_dirs=[])
    return conf


def node(directory: Path, keystone: Keystone, remember: int = 300, **more: Any) -> Node:
    return Node(conf=options(directory / "node.conf", keystone.url, remember), **more)

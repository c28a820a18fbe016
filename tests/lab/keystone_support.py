"""Nodes whose clients a real Keystone knows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from oslo_config import cfg

from lab.keystone import Keystone
from lab.keystone.server import ADMIN, PASSWORD
from ryu_apps import settings
from tests.unit.northbound.api_client import Node


def lines(url: str, remember: int = 300, timeout: int = 10) -> str:
    """The section [keystone_authtoken].  ``remember``: seconds, -1 for not at all.  ``timeout``:
    seconds that Keystone has for an answer."""
    return "\n".join([
        "[keystone_authtoken]", f"www_authenticate_uri = {url}", f"auth_url = {url}",
        "auth_type = password", f"username = {ADMIN}", f"password = {PASSWORD}",
        "project_name = admin", "user_domain_id = default", "project_domain_id = default",
        f"token_cache_time = {remember}", f"http_connect_timeout = {timeout}", "",
    ])


def options(file: Path, url: str, *section: int, api: str = "") -> cfg.ConfigOpts:
    """``section``: of :func:`lines`.  ``api``: more lines of the section [api]."""
    file.write_text(f"[api]\nport = 0\nauth = keystone\n{api}\n{lines(url, *section)}")
    conf = cfg.ConfigOpts()
    settings.register(conf)
    conf(["--config-file", str(file)], default_config_files=[], default_config_dirs=[])
    return conf


def node(directory: Path, keystone: Keystone, remember: int = 300, **more: Any) -> Node:
    return Node(conf=options(directory / "node.conf", keystone.url, remember), **more)

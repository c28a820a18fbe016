"""A node's API on a free port with a memory store, and a small client, for tests."""

from __future__ import annotations

from typing import Any

import requests
from oslo_config import cfg

from ryu_apps import settings
from ryu_apps.configuration.service import Configuration
from ryu_apps.control.config.resources.quota import UNLIMITED
from ryu_apps.control.config.rules.quotas import COUNTED
from ryu_apps.identity import choice
from ryu_apps.northbound.server import ApiServer
from ryu_apps.store.memory import MemoryStore
from tests.unit.northbound.view import DataView


def options(unlimited: bool = False, **api: Any) -> cfg.ConfigOpts:
    """``unlimited``: without quotas.  ``api``: options of that section."""
    conf = cfg.ConfigOpts()
    settings.register(conf)
    conf([], default_config_files=[])
    conf.set_override("port", 0, "api")
    for name, value in api.items():
        conf.set_override(name, value, "api")
    for kind in COUNTED if unlimited else ():
        conf.set_override(f"quota_{kind}", UNLIMITED, "quotas")
    return conf


class Node:
    """store + configuration + API server, running."""

    def __init__(self, store: Any = None, conf: cfg.ConfigOpts | None = None):
        self.store = store or MemoryStore()
        self.events: list[Any] = []
        self.view = DataView()
        self.settings = conf or options()
        self.configuration = Configuration(self.store, self.events.append, self.settings)
        self.configuration.start()
        self.view.config = self.configuration.read(lambda config: config)
        self.identity = choice.service(
            self.settings, self.store, lambda: self.configuration.doubt)
        if self.identity is not None:
            self.identity.start()
        self.server = ApiServer(
            self.configuration, self.view, self.settings,
            choice.authenticator(self.settings, self.identity),
        )
        self.server.start()
        self.url = self.server.url
        self.http = requests.Session()
        self.http.trust_env = False

    def close(self) -> None:
        self.http.close()
        self.server.stop()
        if self.identity is not None:
            self.identity.stop()
        self.configuration.stop()

    def call(self, method: str, path: str, body: Any = None, status: int | None = None,
             **kwargs: Any) -> Any:
        """One request; asserts the status, returns the decoded body."""
        if body is not None:
            kwargs["json"] = body
        answer = self.http.request(method, self.url + path, timeout=10, **kwargs)
        wanted = status or {"POST": 201, "DELETE": 204}.get(method, 200)
        assert answer.status_code == wanted, (answer.status_code, answer.text)
        return answer.json() if answer.content else None

    def make(self, kind: str, **fields: Any) -> dict[str, Any]:
        return self.call("POST", f"/v2.0/{kind}s", {kind: fields})[kind]

    def get(self, path: str, **kwargs: Any) -> Any:
        return self.call("GET", path, **kwargs)

    def refused(self, method: str, path: str, body: Any, status: int, type: str,
                **kwargs: Any) -> str:
        """The request is refused with this status and error type; returns the message."""
        error = self.call(method, path, body, status, **kwargs)["NeutronError"]
        assert error["type"] == type, error
        assert set(error) == {"type", "message", "detail"}
        return error["message"]

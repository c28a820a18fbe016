"""What the suites run against: a node on loopback, a real Keystone, and users with clouds.yaml."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any

import yaml

from lab.beds.node_bed import LoopbackNode
from lab.beds.openflow_bed import free_port
from lab.keystone import Keystone
from lab.keystone.server import ADMIN, PASSWORD, REGION

MEMBERS = ("demo", "demo-alt")
"""Users, and clouds, each with the role member in the project of its name."""
SECRET = "of-a-member"
_IN_DOMAIN = {"user_domain_id": "default"}
_IN_PROJECT = {**_IN_DOMAIN, "project_domain_id": "default"}


class Site:
    """A context manager.  ``directory``: for the node's files and clouds.yaml, which has the clouds
    of MEMBERS, "admin" (of the project "admin") and "system-admin" (of the whole system)."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.clouds = directory / "clouds.yaml"
        self._open = contextlib.ExitStack()

    def __enter__(self) -> Site:
        with contextlib.ExitStack() as stack:
            keystone = self.keystone = stack.enter_context(Keystone(free_port()))
            settings = f"auth = keystone\n{keystone.section()}"
            self.node = stack.enter_context(
                LoopbackNode(self.directory, settings=settings, token=keystone.token()))
            keystone.service("network", self.node.url)
            self.clouds.write_text(yaml.safe_dump({"clouds": self._made_clouds()}))
            self._open = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def _made_clouds(self) -> dict[str, Any]:
        made = {
            "admin": {"username": ADMIN, "password": PASSWORD, "project_name": "admin",
                      **_IN_PROJECT},
            "system-admin": {"username": ADMIN, "password": PASSWORD, "system_scope": "all",
                             **_IN_DOMAIN},
        }
        for name in MEMBERS:
            user = self.keystone.user(name, SECRET)
            self.keystone.assign(user, "member", self.keystone.project(name))
            made[name] = {"username": name, "password": SECRET, "project_name": name, **_IN_PROJECT}
        return {
            name: {"auth": {"auth_url": self.keystone.url, **auth}, "region_name": REGION,
                   "identity_api_version": "3"}
            for name, auth in made.items()
        }

    def extensions(self) -> list[str]:
        """Aliases of what the node lists, in order."""
        listed = self.node.client.get("/v2.0/extensions")["extensions"]
        return sorted(one["alias"] for one in listed)


def environment() -> dict[str, str]:
    """Of this process, without the variables of whoever runs it that clients would read."""
    ours = ("OS_", "ANSIBLE_", "JUNIT_", "PYTHON")
    return {key: value for key, value in os.environ.items() if not key.startswith(ours)}

"""Who asks, and what the policy lets it do."""

from __future__ import annotations

import abc
from typing import NamedTuple

from ryu_apps.control.config.access.principal import ADMIN, Principal, roles_up_to


class Target(NamedTuple):
    """Of a resource, or of what is proposed to become one, what policies look at.

    ``kind``: its own.  ``shared``: whether all projects have it, or the client's project was given
    it.  ``parent_project``, ``parent_shared``: the like of what it belongs to, "" and False of one
    that belongs to nothing.  ``external``, ``parent_external``: whether it is, or belongs to, a
    network that is a way out for the client's project.
    """

    kind: str
    project_id: str = ""
    shared: bool = False
    parent_project: str = ""
    parent_shared: bool = False
    external: bool = False
    parent_external: bool = False


class Authority(abc.ABC):
    """``rule`` of its methods: a name of the policy, "update_network", or with an attribute,
    "update_network:shared".  An attribute without a rule of its own is free."""

    principal: Principal

    @property
    def project_id(self) -> str:
        """The project that the client works in, or ""."""
        return self.principal.project_id

    @property
    @abc.abstractmethod
    def admin(self) -> bool:
        """Whether it is an administrator of the whole system."""

    @abc.abstractmethod
    def may(self, rule: str, target: Target) -> bool:
        """Whether the policy allows it with this target."""

    @abc.abstractmethod
    def regardless(self, rule: str) -> bool | None:
        """Whether it does with any target whatever, or with none; None: it depends."""


class Unlimited(Authority):
    """The system itself: nobody asks, and everything is allowed."""

    principal = Principal(roles=roles_up_to(ADMIN))
    admin = True

    def may(self, rule: str, target: Target) -> bool:
        return True

    def regardless(self, rule: str) -> bool | None:
        return True


UNLIMITED = Unlimited()

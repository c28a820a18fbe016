"""What parts of a node are made with where a test or a benchmark says nothing else: what the
options say by default."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

from oslo_config import cfg

from ryu_apps import option_values, settings
from ryu_apps.control.config.rules import Context
from ryu_apps.control.settings import Settings
from ryu_apps.northbound.environment import context_options
from ryu_apps.peering import Speaker
from ryu_apps.southbound.openflow.channels import OpenFlowChannels
from ryu_apps.southbound.ovsdb.settings import OvsdbSettings
from ryu_apps.southbound.services.dns.resolvers import Limits


@functools.cache
def default_options() -> cfg.ConfigOpts:
    """All options of a node, as they are without a file.  Not to be changed."""
    conf = cfg.ConfigOpts()
    settings.register(conf)
    conf([], default_config_files=[], default_config_dirs=[])
    return conf


def world_settings(
    node: str, local_as: int, peers: tuple[str, ...] = (), **changes: Any
) -> Settings:
    made = option_values.world_settings(default_options(), node, Speaker(local_as, "0.0.0.0"))
    return replace(made, local_as=local_as, peers=peers, **changes)


def openflow_channels(post: Callable[[object], None], **changes: Any) -> OpenFlowChannels:
    section = default_options().ovsdb
    return OpenFlowChannels(post, **{
        "any_address": section.openflow_any_address, "unclaimed": section.unclaimed_timeout,
        **changes,
    })  # fmt: skip


def ovsdb_settings(**changes: Any) -> OvsdbSettings:
    return replace(option_values.ovsdb_settings(default_options(), "", 6653), **changes)


def dns_limits(**changes: Any) -> Limits:
    return replace(option_values.dns_limits(default_options()), **changes)


def rules_context(now: str, new_id: Callable[[], str], source: Random, **changes: Any) -> Context:
    return Context(now, new_id, source, **{**context_options(default_options()), **changes})

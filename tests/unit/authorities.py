"""Clients of tests, with the default policy."""

from __future__ import annotations

import functools

from oslo_config import cfg

from ryu_apps.control.config.access import Authority, Principal
from ryu_apps.identity.policy import Policy
from ryu_apps.northbound.policies import known_attributes
from ryu_apps.northbound.resources.declared import COLLECTIONS


@functools.cache
def default_policy() -> Policy:
    conf = cfg.ConfigOpts()
    conf([], default_config_files=[], default_config_dirs=[])
    return Policy(conf, known_attributes(COLLECTIONS))


def authority(principal: Principal) -> Authority:
    return default_policy().authority(principal)

"""Makes the authenticator that the options name."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from ryu_apps.identity.base import Authenticator
from ryu_apps.identity.exposure import is_loopback
from ryu_apps.identity.unverified import Unverified, anybody
from ryu_apps.settings import SettingsError

LOG = logging.getLogger(__name__)


def authenticator(conf: Any) -> Authenticator:
    """The one of ``[api] auth``.  ``conf``: the options.  Raises SettingsError."""
    return MAKERS[conf.api.auth](conf)


def _none(conf: Any) -> Authenticator:
    api = conf.api
    if api.client_ca_file or is_loopback(api.host):
        return Unverified()
    address = f"{api.host}:{api.port}"
    if not api.allow_unauthenticated:
        raise SettingsError(
            f"[api] host: {api.host} is not a loopback address and [api] auth is none, so that "
            "anybody who reaches it would be an administrator. Set [api] auth = keystone, or "
            "client_ca_file, so that clients need a certificate; or say with [api] "
            "allow_unauthenticated = true that only administrators can reach this address"
        )
    LOG.warning("authentication: %s", anybody(address))
    return Unverified(address)


MAKERS: dict[str, Callable[[Any], Authenticator]] = {"none": _none}
"""By the values of ``[api] auth``."""

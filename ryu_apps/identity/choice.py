"""Makes the authenticator that the options name."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from ryu_apps.identity.authenticator import TokenAuthenticator
from ryu_apps.identity.base import Authenticator
from ryu_apps.identity.exposure import is_loopback
from ryu_apps.identity.service import IdentityService
from ryu_apps.identity.unverified import Unverified, anybody
from ryu_apps.settings import SettingsError
from ryu_apps.store.base import Store

LOG = logging.getLogger(__name__)
TOKENS = "tokens"


def service(conf: Any, store: Store, doubt: Callable[[], str]) -> IdentityService | None:
    """The built-in identity service, where ``[api] auth`` is tokens.  ``doubt``: why the store is
    not followed, or ""."""
    return IdentityService(store, doubt, conf) if conf.api.auth == TOKENS else None


def authenticator(conf: Any, identity: IdentityService | None = None) -> Authenticator:
    """The one of ``[api] auth``.  ``conf``: the options.  ``identity``: what :func:`service` made.
    Raises SettingsError."""
    if identity is not None:
        return _tokens(conf, identity)
    return MAKERS[conf.api.auth](conf)


def _tokens(conf: Any, identity: IdentityService) -> Authenticator:
    _warn_of_plain_text(conf.api)
    return TokenAuthenticator(identity, conf.api.advertise or "")


def _warn_of_plain_text(api: Any) -> None:
    if not api.cert_file and not is_loopback(api.host):
        LOG.warning("authentication: %s:%s is not HTTPS ([api] cert_file): who listens on the way "
                    "reads passwords and tokens", api.host, api.port)


def _none(conf: Any) -> Authenticator:
    api = conf.api
    if api.client_ca_file or is_loopback(api.host):
        return Unverified()
    address = f"{api.host}:{api.port}"
    if not api.allow_unauthenticated:
        raise SettingsError(
            f"[api] host: {api.host} is not a loopback address and [api] auth is none, so that "
            "anybody who reaches it would be an administrator. Set [api] auth = tokens or "
            "keystone, or client_ca_file, so that clients need a certificate; or say with [api] "
            "allow_unauthenticated = true that only administrators can reach this address"
        )
    LOG.warning("authentication: %s", anybody(address))
    return Unverified(address)


def _keystone(conf: Any) -> Authenticator:
    # Its import takes some 0.4 s and 10 MB, which nobody else has to pay.
    from ryu_apps.identity.keystone.authenticator import KeystoneAuthenticator

    _warn_of_plain_text(conf.api)
    return KeystoneAuthenticator(conf)


MAKERS: dict[str, Callable[[Any], Authenticator]] = {"none": _none, "keystone": _keystone}
"""By the values of ``[api] auth``."""

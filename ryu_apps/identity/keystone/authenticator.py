"""Tokens of Keystone, by its own middleware (keystonemiddleware), with this node's bounds.

The middleware is asked with the token alone: what a client says of itself in other headers it never
sees, and neither does anybody else.  It decides itself about a request that it is asked about
(``delay_auth_decision`` is false, whatever the options say): with it, a Keystone that is away would
pass for a wrong token.  Public routes are not asked about.
"""

from __future__ import annotations

import logging
import time
from typing import Any

import webob.exc
from keystoneauth1 import exceptions
from keystonemiddleware import auth_token
from oslo_config import cfg

from ryu_apps.control.config.access import Principal
from ryu_apps.identity.base import (
    TOKEN,
    Authenticator,
    Environ,
    IdentityUnavailable,
    Standing,
    Unauthenticated,
    token_of,
)
from ryu_apps.identity.keystone.remembered import Remembered
from ryu_apps.identity.keystone.turns import Busy, Turns
from ryu_apps.settings import SettingsError

LOG = logging.getLogger(__name__)
GROUP = "keystone_authtoken"
DEFAULTS = {"http_connect_timeout": 5, "http_request_max_retries": 1, "service_type": "network"}
"""Ours of the middleware's options: without a time limit a Keystone that hangs would take all
workers for ever, and with its three attempts one that is away is told after seconds."""
RETRY = 5
"""Seconds after which a client that could not be told may ask again."""
SEEN, MEMORY = "vnc.identity", "vnc.no-cache"
LOG_EVERY = 60.0
PASSED = ("REQUEST_METHOD", "SCRIPT_NAME", "PATH_INFO", "QUERY_STRING", "SERVER_NAME",
          "SERVER_PORT", "SERVER_PROTOCOL", "wsgi.url_scheme", "wsgi.version", "REMOTE_ADDR")
"""Of a request the middleware sees these: access rules of application credentials name methods and
paths."""


class _NoCache:
    """Stands where the middleware would remember tokens by itself."""

    def get(self, key: str) -> None:
        return None

    def set(self, key: str, value: bytes, time: int = 0) -> None:
        pass


class _Middleware(auth_token.AuthProtocol):  # type: ignore[misc]
    """Asks Keystone of tokens that it does not know, at most so many at a time."""

    def __init__(self, options: dict[str, Any], seconds: float, turns: Turns) -> None:
        super().__init__(_accepted, options)
        self._remembered = Remembered(seconds)
        self._turns = turns
        self.fault = ""
        """Why Keystone was of no use when it was asked last, or ""."""

    def fetch_token(self, token: str, **more: Any) -> Any:
        """Raises InvalidToken of the middleware, IdentityUnavailable."""
        found = self._remembered.get(token)
        if found is not None:
            return found
        try:
            with self._turns.turn():
                found = self._remembered.get(token)  # Another may have asked meanwhile.
                if found is None:
                    found = _small(super().fetch_token(token, **more))
                    self._remembered.put(token, found)
        except Busy:
            raise self._unavailable("it takes long to answer") from None
        except webob.exc.HTTPServiceUnavailable as error:
            raise self._unavailable(_why(error)) from error
        except exceptions.ClientException as error:
            raise self._unavailable(_why(error)) from error
        except auth_token.InvalidToken:
            self._told("")
            raise
        self._told("")
        return found

    def _unavailable(self, reason: str) -> IdentityUnavailable:
        self._told(reason)
        return IdentityUnavailable(
            "Keystone cannot be asked who you are: it does not answer, or does not take this "
            "node's credentials (the check 'authentication' of /v1/health and this node's log say "
            "why). Tokens that this node knows are taken meanwhile; try again.", RETRY,
        )

    def _told(self, fault: str) -> None:
        before, self.fault = self.fault, fault
        if fault and not before:
            LOG.error("Keystone is of no use: %s", fault)
        elif before and not fault:
            LOG.info("Keystone answers again")


def _small(data: Any) -> Any:
    """What Keystone said, without the catalogue, which is most of it: the middleware looks at it
    for the access rules of application credentials alone."""
    token = data["token"]
    if not (token.get("application_credential") or {}).get("access_rules"):
        token.pop("catalog", None)
    return data


def _accepted(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """The application behind the middleware: takes down who was found."""
    environ[SEEN].append(environ)
    start_response("200 OK", [])
    return []


def _why(error: BaseException) -> str:
    """The first cause: the middleware's own words name none."""
    while error.__cause__ or error.__context__:
        cause = error.__cause__ or error.__context__
        if cause is None or not isinstance(cause, Exception) or (
            type(cause).__module__.split(".")[0] not in ("keystoneauth1", "keystonemiddleware")
        ):
            break
        error = cause
    return " ".join(str(error).split())[:300] or type(error).__name__


class KeystoneAuthenticator(Authenticator):
    """``conf``: the options, with ``[keystone_authtoken]`` as every OpenStack service has it.
    Nobody is asked before the first request.  Raises SettingsError."""

    def __init__(self, conf: Any) -> None:
        for group, options in auth_token.list_opts():
            conf.register_opts(options, group=group)
        for name, value in DEFAULTS.items():
            conf.set_default(name, value, group=GROUP)
        section = conf[GROUP]
        if not section.auth_type and not section.auth_section:
            raise SettingsError(
                f"[{GROUP}] auth_type: needed with [api] auth = keystone, with auth_url, username, "
                "password, project_name and the domains of a user that may validate tokens"
            )
        if section.memcached_servers:
            LOG.warning("[%s] memcached_servers is not read: this node remembers tokens itself",
                        GROUP)
        try:
            self._middleware = _Middleware(
                {"oslo_config_config": conf, "delay_auth_decision": False, "cache": MEMORY},
                section.token_cache_time, Turns(max(1, conf.api.threads // 2)),
            )
            self._url = conf[section.auth_section or GROUP].auth_url or ""
        except (cfg.Error, exceptions.ClientException, auth_token.ConfigurationError,
                ValueError, TypeError) as error:
            raise SettingsError(f"[{GROUP}]: {' '.join(str(error).split())}") from error
        self._uri = section.www_authenticate_uri or self._url
        self._cache = _NoCache()
        self._invalid = 0
        self._logged = float("-inf")
        # Of each wrong token it would say three lines; what matters is said here.
        for name in ("keystonemiddleware.auth_token", "keystoneauth.identity"):
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)

    def authenticate(self, environ: Environ) -> Principal:
        token = token_of(environ, self._uri)
        passed = {name: environ[name] for name in PASSED if name in environ}
        seen: list[dict[str, Any]] = []
        passed |= {f"HTTP_{TOKEN.upper().replace('-', '_')}": token, SEEN: seen,
                   MEMORY: self._cache}
        self._middleware(passed, lambda status, headers, info=None: None)
        if not seen:
            self._count_invalid(environ)
            raise Unauthenticated(
                "The token is wrong, has expired or was revoked; get a new one.", self._uri
            )
        return self._principal(seen[0])

    def _principal(self, found: Environ) -> Principal:
        """Of the headers that the middleware has set, to None where Keystone says nothing."""
        def header(name: str) -> str:
            return found.get(f"HTTP_{name}") or ""

        project, system = header("X_PROJECT_ID"), header("OPENSTACK_SYSTEM_SCOPE")
        if not project and not system:
            # The roles of one for a domain are not for what is in all of its projects.
            raise Unauthenticated(
                "The token is for no project; get one with the scope of a project, or of the "
                "system.", self._uri,
            )
        roles = header("X_ROLES").split(",")
        return Principal(
            project, frozenset(role.strip().lower() for role in roles) - {""},
            header("X_USER_ID"), header("X_USER_NAME"), system,
        )

    def _count_invalid(self, environ: Environ) -> None:
        self._invalid += 1
        now = time.monotonic()
        if now - self._logged >= LOG_EVERY:
            LOG.warning("tokens that Keystone does not know: %d so far, now from %s",
                        self._invalid, environ.get("REMOTE_ADDR", "-"))
            self._logged = now

    def forwarded(self, environ: Environ, who: Principal) -> dict[str, str]:
        """The client's own token: the other node validates it."""
        return {TOKEN: token_of(environ, self._uri)}

    def standing(self) -> Standing:
        fault = self._middleware.fault
        if fault:
            return Standing(f"Keystone at {self._url} is of no use: {fault}; tokens that were "
                            "known before are taken until they expire or are forgotten", True)
        return Standing(f"Keystone at {self._url}")

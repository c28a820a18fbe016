"""Tokens, by keystoneauth, which is imported when the first one is wanted: it takes 0.4 s."""

from __future__ import annotations

import functools
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ryu_apps.cli.errors import UNREACHABLE, USAGE, CliError
from ryu_apps.cli.login import clouds

HINT = (
    "set OS_USERNAME, OS_PASSWORD and OS_PROJECT_NAME (or OS_SYSTEM_SCOPE=all), or "
    "OS_APPLICATION_CREDENTIAL_ID and OS_APPLICATION_CREDENTIAL_SECRET, or OS_TOKEN; or name with "
    "--os-cloud or OS_CLOUD one of clouds.yaml; and OS_AUTH_URL where the node itself gives no "
    "tokens"
)
SCOPES = ("project_", "domain_", "system_scope", "default_domain_")


@dataclass
class Login:
    """Somebody's, at the node with the base URL ``node``.  ``cloud``: as --os-cloud names it.
    ``ca_file``, ``cert``: whom to trust and who we are where the node itself gives the tokens."""

    node: str
    cloud: str = ""
    ca_file: str = ""
    cert: tuple[str, str] | str | None = None
    timeout: float = 30

    def token(self, new: bool = False) -> str:
        """``new``: the last one was of no use; "" where there is no other.  Raises CliError."""
        found = self._found
        if found is None:
            raise CliError(f"{self.node} wants to know who asks: {HINT}")
        if found.auth_type == "token" and not found.auth.get("auth_url"):
            return "" if new else str(found.auth["token"])
        with self._errors():
            if new:
                self._session.invalidate()
            return self._session.get_token() or ""

    @functools.cached_property
    def _found(self) -> clouds.Cloud | None:
        return clouds.find(self.cloud, os.environ)

    @functools.cached_property
    def _session(self) -> Any:
        """Raises exceptions of keystoneauth, CliError."""
        from keystoneauth1 import loading, session

        logging.getLogger("keystoneauth").addHandler(logging.NullHandler())
        logging.getLogger("keystoneauth").propagate = False
        found = self._found
        assert found is not None
        auth = {"auth_url": f"{self.node}/v3", **found.auth}
        if auth["auth_url"].rstrip("/") == self.node:  # its versions are of the Networking API
            auth["auth_url"] = f"{self.node}/v3"
        if found.auth_type.endswith("password"):  # its plugin would raise a bare Exception
            _require(auth)
        loader = loading.get_plugin_loader(found.auth_type)
        known = {option.dest for option in loader.get_options()}
        if found.auth_type.endswith("applicationcredential"):  # it has the scope that it was given
            known = {name for name in known if not name.startswith(SCOPES)}
        plugin = loader.load_from_options(
            **{name: value for name, value in auth.items() if name in known}
        )
        ours = auth["auth_url"].startswith(f"{self.node}/")
        ca_file = found.ca_file or (self.ca_file if ours else "")
        return session.Session(
            plugin, verify=found.verify and (ca_file or True),
            cert=found.cert or (self.cert if ours else None), timeout=self.timeout,
            app_name="vnctl",
        )

    @contextmanager
    def _errors(self) -> Iterator[None]:
        from keystoneauth1 import exceptions

        found = self._found
        where = found.auth.get("auth_url") if found is not None else ""
        where = where or f"{self.node}/v3"
        try:
            yield
        except exceptions.Unauthorized as error:
            raise CliError(f"{where} refused the login: {_text(error)}") from error
        except exceptions.MissingRequiredOptions as error:
            raise CliError(f"to log in, more has to be set: {_text(error)}", USAGE) from error
        except (exceptions.NoMatchingPlugin, exceptions.OptionError) as error:
            raise CliError(f"cannot log in as OS_AUTH_TYPE or clouds.yaml say: {_text(error)}",
                           USAGE) from error
        except (exceptions.ConnectFailure, exceptions.DiscoveryFailure) as error:
            raise CliError(f"no answer from {where}: {_text(error)}", UNREACHABLE) from error
        except exceptions.ClientException as error:
            raise CliError(f"cannot log in at {where}: {_text(error)}") from error


def _require(auth: dict[str, Any]) -> None:
    missing = [] if auth.get("username") or auth.get("user_id") else ["OS_USERNAME"]
    missing += [] if auth.get("password") else ["OS_PASSWORD"]
    if missing:
        raise CliError(f"to log in, {' and '.join(missing)} is missing: {HINT}", USAGE)


def _text(error: Exception) -> str:
    return " ".join(str(error).split())[:500]

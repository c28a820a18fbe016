"""The built-in identity service of a node, for ``[api] auth = tokens``."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from ryu_apps.identity.directory import rules
from ryu_apps.identity.directory.copy import DirectoryCopy
from ryu_apps.identity.directory.directory import Directory
from ryu_apps.identity.directory.errors import unauthorized
from ryu_apps.identity.directory.records import Revocation
from ryu_apps.identity.gate import Gate
from ryu_apps.identity.passwords import hash_password, verify_nobody
from ryu_apps.identity.tokens.context import Context, Void, context
from ryu_apps.identity.tokens.keys import Invalid, KeyRing, new_key
from ryu_apps.identity.tokens.login import Logins
from ryu_apps.identity.tokens.payload import MAX_TOKEN, Payload
from ryu_apps.store.base import Store, StoreError
from ryu_apps.supervision import Worker, failed, waiting

LOG = logging.getLogger(__name__)
TICK = 1.0
FORGET = 60.0
"""Seconds between two looks for what has expired."""
MAX_CACHED = 10_000
"""Tokens that were read and need not be again."""


class _Cached(NamedTuple):
    context: Context
    version: int
    """Of the directory that it was made with."""


class IdentityService:
    """``doubt``: why the store is not followed, or "".  ``settings``: the options of the node.
    ``now``: seconds since 1970."""

    def __init__(
        self, store: Store, doubt: Callable[[], str], settings: Any,
        now: Callable[[], float] = time.time,
    ) -> None:
        options = settings.identity
        self.cost: int = options.bcrypt_cost
        self.copy = DirectoryCopy(store, doubt, settings.store.max_operations)
        self.gate = Gate()
        self.logins = Logins(
            self.copy, self.gate, self.context, options.token_lifetime, self.cost, now
        )
        self.code = secrets.token_hex(12)
        """Who knows it may make the first administrator; it is in this node's log alone."""
        self._now = now
        self._ring: tuple[tuple[Any, ...], KeyRing] = ((), KeyRing(()))
        self._cache: dict[str, _Cached] = {}
        self._lock = threading.Lock()
        self._worker = Worker(self._run, "identity")
        self._asked_for_user = False

    # ------------------------------------------------------------ life

    def start(self) -> None:
        self._look()
        self._worker.start()

    def stop(self) -> None:
        self._worker.stop()
        self.copy.close()

    def _run(self) -> None:
        verify_nobody("", self.cost)  # makes the hash that logins of nobody are compared with
        forget = 0.0
        while True:
            with self._worker.changed, waiting():
                self._worker.changed.wait_for(lambda: self._worker.stopping, TICK)
            if self._worker.stopping:
                return
            try:
                self._look()
                if self.copy.loaded and time.monotonic() >= forget:
                    forget = time.monotonic() + FORGET
                    while self.copy.commit(rules.forget_expired(self._now())):
                        pass
            except StoreError as error:
                LOG.debug("identity: %s", error)  # the check "store" says it
            except Exception:  # the boundary of this loop
                failed("the directory could not be looked after")

    def _look(self) -> None:
        try:
            if not self.copy.loaded:
                self.copy.load()
            self.copy.mend()
            if not self.copy.read(lambda directory: bool(directory.token_keys)):
                made = [new_key(number, self._now()) for number in (1, 2)]
                self.copy.commit(rules.first_keys(made))
        except StoreError as error:
            LOG.debug("identity: %s", error)
        if self.copy.loaded and self.empty and not self._asked_for_user:
            self._asked_for_user = True
            LOG.warning(
                "[api] auth = tokens, and there is no user yet; make the first administrator on "
                "this host: vnctl identity bootstrap --code %s", self.code,
            )

    @property
    def empty(self) -> bool:
        """There is no user."""
        return not self.copy.read(lambda directory: directory.users)

    # ------------------------------------------------------------ tokens

    def _keys(self) -> KeyRing:
        keys = self.copy.read(lambda directory: tuple(directory.token_keys.values()))
        known, ring = self._ring
        if known != keys:
            ring = KeyRing(keys)
            self._ring = keys, ring
        return ring

    def seal(self, payload: Payload) -> str:
        """The token that says so.  Raises StoreError where there are no keys yet."""
        try:
            return self._keys().seal(payload)
        except Invalid as error:
            raise StoreError(f"no token can be made yet: {error}") from error

    def context(self, token: str) -> Context:
        """What a token gives now.  Raises IdentityError 401."""
        if len(token) > MAX_TOKEN:
            raise unauthorized()
        known = self._cache.get(token)
        now, version = self._now(), self.copy.version
        if (
            known is not None and known.version == version
            and now < known.context.payload.expires_at
        ):
            return known.context
        try:
            # A key that was dropped voids its tokens: the keys are not older than the version.
            payload = self._keys().read(token)
            found = self.copy.read(lambda directory: context(payload, directory, now))
        except (Invalid, Void) as error:
            self._cache.pop(token, None)
            LOG.debug("a token is refused: %s", error)
            raise unauthorized() from None
        with self._lock:
            if len(self._cache) >= MAX_CACHED and token not in self._cache:
                del self._cache[next(iter(self._cache))]
            self._cache[token] = _Cached(found, version)
        return found

    @staticmethod
    def revocation(found: Context) -> rules.Plan:
        """Makes a token void."""
        payload = found.payload
        return rules.revoke(
            Revocation(payload.audit_ids[0], payload.user_id, payload.expires_at)
        )

    def hash(self, password: str) -> str:
        """Of a new password.  Raises IdentityError 429."""
        with self.gate.slot():
            return hash_password(password, self.cost)

    def read(self, function: Callable[[Directory], Any]) -> Any:
        return self.copy.read(function)

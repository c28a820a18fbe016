"""What the policy lets a client do: oslo.policy decides, by the defaults of
:mod:`ryu_apps.identity.defaults` and the operator's file (``[oslo_policy] policy_file``).

A decision depends on who asks, the rule and the few facts of a target, so each is made once and
remembered until the policy changes: a list of 50,000 ports asks for a handful.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from oslo_config import cfg
from oslo_policy import _checks, policy

from ryu_apps.control.config.access import Authority, Principal, Target
from ryu_apps.control.config.model import ALL_KINDS
from ryu_apps.identity.defaults import defaults

LOG = logging.getLogger(__name__)
RELOAD = 1.0
"""Seconds between looks at the policy file."""
MAX_REMEMBERED = 50_000
"""Decisions."""


class PolicyError(ValueError):
    """The policy file makes no sense; the text says where."""


class _Depends(Exception):
    """A check looks at the target."""


class _NoTarget(dict):
    """Stands for any target."""

    def __getitem__(self, key: str) -> Any:
        raise _Depends

    def get(self, key: str, default: Any = None) -> Any:
        raise _Depends

    __contains__ = __getitem__  # type: ignore[assignment]


class FieldCheck(_checks.Check):  # type: ignore[misc]
    """"field:networks:shared=True", as policies of Neutron have it: an attribute of the target."""

    def __call__(self, target: Any, creds: Any, enforcer: Any, current_rule: Any = None) -> bool:
        _, _, field = self.match.partition(":")
        name, _, value = field.partition("=")
        return str(target.get(name)) == value


policy.register("field", FieldCheck)


class Policy:
    """``conf``: the options of the node, with those of oslo.policy.  ``known``: the attributes of
    each kind, see :func:`~ryu_apps.identity.defaults.defaults`.  Raises PolicyError."""

    def __init__(
        self, conf: cfg.ConfigOpts, known: Mapping[str, Iterable[str]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._enforcer = policy.Enforcer(conf)
        self._enforcer.register_defaults(defaults(known))
        self._clock = clock
        self._lock = threading.Lock()
        self._looked = clock()
        self._refused = ""
        """What was said of the last file that could not be read."""
        self._remembered: dict[tuple[Principal, str, Target | None], bool | None] = {}
        try:
            self._enforcer.load_rules()
            self._enforcer.check_rules(raise_on_violation=True)
        except Exception as error:  # whatever YAML and oslo.policy raise for what they cannot read
            where = self._enforcer.policy_path or self._enforcer.policy_file
            raise PolicyError(f"[oslo_policy] policy_file {where}: {error}") from error
        self._rules: Mapping[str, Any] = dict(self._enforcer.rules)

    def unknown_rules(self) -> list[str]:
        """Rules of the policy file that nothing asks for: slips of the pen, or words of the file's
        own."""
        registered, used = set(self._enforcer.registered_rules), set()
        for rule in self._enforcer.file_rules.values():
            used |= {word.partition(":")[2].strip("()") for word in rule.check_str.split()
                     if word.strip("(").startswith("rule:")}
        kinds = {f"{action}_{kind}" for action in ("get", "create", "update") for kind in ALL_KINDS}
        return sorted(
            name for name in self._enforcer.file_rules
            if name not in registered and name not in used and name.partition(":")[0] not in kinds
        )

    def authority(self, principal: Principal) -> Authority:
        """Of one who asks."""
        now = self._clock()
        if now - self._looked >= RELOAD:
            with self._lock:
                if now - self._looked >= RELOAD:
                    self._looked = now
                    self._reload()
        return _Decided(self, principal)

    def _reload(self) -> None:
        """Take over a policy file that has changed; one that cannot be read changes nothing."""
        try:
            self._enforcer.load_rules()
        except Exception as error:  # as above
            if str(error) != self._refused:
                LOG.error("the policy stays as it was: %s", error)
            self._refused = str(error)
            return
        self._refused = ""
        rules = dict(self._enforcer.rules)
        if rules != self._rules:
            LOG.warning("the policy has changed: %s", self._enforcer.policy_path)
            self._rules, self._remembered = rules, {}

    def decide(self, principal: Principal, rule: str, target: Target | None) -> bool | None:
        """Whether it is allowed; None: without a target that cannot be said."""
        key = principal, rule, target
        remembered = self._remembered
        try:
            return remembered[key]
        except KeyError:
            pass
        found = self._ask(principal, rule, target)
        if len(remembered) >= MAX_REMEMBERED:
            remembered.clear()
        remembered[key] = found
        return found

    def _ask(self, principal: Principal, rule: str, target: Target | None) -> bool | None:
        check = self._rules.get(rule)
        if check is None:
            return ":" in rule  # An attribute without a rule is free, anything else is not.
        words = _NoTarget() if target is None else _words(target)
        try:
            return bool(check(words, _credentials(principal), self._enforcer, rule))
        except _Depends:
            return None


class _Decided(Authority):
    def __init__(self, of: Policy, principal: Principal) -> None:
        self._policy = of
        self.principal = principal

    @property
    def admin(self) -> bool:
        return bool(self.regardless("context_is_admin"))

    def may(self, rule: str, target: Target) -> bool:
        return bool(self._policy.decide(self.principal, rule, target))

    def regardless(self, rule: str) -> bool | None:
        return self._policy.decide(self.principal, rule, None)


def _credentials(principal: Principal) -> dict[str, Any]:
    """What checks look at of the client, by the names that oslo.policy has for it."""
    project = principal.project_id or None  # No resource is of no project.
    scope = principal.system_scope or None
    return {
        "project_id": project, "tenant_id": project, "user_id": principal.user_id or None,
        "roles": sorted(principal.roles), "system_scope": scope, "system": scope,
        "is_admin_project": True,
    }


def _words(target: Target) -> dict[str, Any]:
    """What checks look at of a resource."""
    found = {
        "project_id": target.project_id, "tenant_id": target.project_id, "shared": target.shared,
        "router:external": target.external,
    }
    parent = ALL_KINDS[target.kind].parent
    if parent is not None:
        found |= {
            f"{parent.kind}:project_id": target.parent_project,
            f"{parent.kind}:tenant_id": target.parent_project,
            f"{parent.kind}:shared": target.parent_shared,
            f"{parent.kind}:router:external": target.parent_external,
        }
    return found

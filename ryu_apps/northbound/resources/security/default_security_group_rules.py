"""``/v2.0/default-security-group-rules``: what new security groups begin with (extension
"security-groups-default-rules").  They are created and deleted, and do not change."""

from __future__ import annotations

from ryu_apps.control.config.config import Config
from ryu_apps.control.config.model import TemplateRule
from ryu_apps.control.config.rules import Draft
from ryu_apps.control.config.rules.access.authority import refused
from ryu_apps.control.config.rules.security import default_security_group_rules as rules
from ryu_apps.northbound.bodies import parsing
from ryu_apps.northbound.bodies.fields import only
from ryu_apps.northbound.environment import Environment
from ryu_apps.northbound.http.call import Call, Reply, Route
from ryu_apps.northbound.listing.attributes import BOOLEAN, STRING
from ryu_apps.northbound.read_only.collection import ReadOnly, View
from ryu_apps.northbound.resources.security.security_group_rule import SAID, RuleBody, said

NAME, PLURAL = rules.KIND, f"{rules.KIND}s"
EXTENSIONS = {
    "security-groups-default-rules": (
        "Default rules for security groups", "What every new security group begins with"),
}


class DefaultSecurityGroupRuleCreate(RuleBody):
    """``remote_group_id`` may be PARENT: the very group that gets the rule."""

    used_in_default_sg: bool = False
    used_in_non_default_sg: bool = True
    tags: only([]) = []


def view(rule: TemplateRule) -> View:
    return {
        "id": rule.id,
        **said(rule),
        "description": rule.description,
        "used_in_default_sg": rule.used_in_default_sg,
        "used_in_non_default_sg": rule.used_in_non_default_sg,
    }


def _items(environment: Environment, call: Call, filters: dict[str, set[str]]) -> list[View]:
    if not call.authority.regardless(f"get_{rules.KIND}"):
        return []
    return [view(rule) for rule in environment.configuration.read(rules.template)]


READ = ReadOnly(
    path="default-security-group-rules",
    name=NAME,
    plural=PLURAL,
    title="DefaultSecurityGroupRule",
    words="default security group rules",
    items=_items,
    attributes={
        "id": STRING, **SAID, "description": STRING, "used_in_default_sg": BOOLEAN,
        "used_in_non_default_sg": BOOLEAN,
    },
)


class DefaultSecurityGroupRulesApi:
    def __init__(self, environment: Environment):
        self._env = environment

    def routes(self) -> list[Route]:
        root = f"/v2.0/{READ.path}"
        return [
            *READ.routes(self._env),
            Route("POST", root, self.create, "Create one default security group rule, or many",
                  READ.path, "DefaultSecurityGroupRuleCreateRequest",
                  "DefaultSecurityGroupRuleCreateAnswer", 201, conditional=True),
            Route("DELETE", f"{root}/{{id}}", self.delete, "Delete a default security group rule",
                  READ.path, status=204, conditional=True),
        ]

    def create(self, call: Call) -> Reply:
        _require(call, "create")
        requests, single = parsing.requests(call.json(), NAME, PLURAL)
        parsed = [
            parsing.parse(DefaultSecurityGroupRuleCreate, one, READ.attributes)
            for one in requests
        ]
        context = self._env.context(call)

        def plan(config: Config) -> tuple[list, list[TemplateRule]]:
            with Draft(config, call.authority) as draft:
                made = [rules.create(draft, body, context) for body in parsed]
                return draft.changes(), made

        found = [view(rule) for rule in self._env.configuration.commit(plan)]
        return Reply(201, {NAME: found[0]} if single else {PLURAL: found})

    def delete(self, call: Call, id: str) -> Reply:
        _require(call, "delete")
        context = self._env.context(call)

        def plan(config: Config) -> tuple[list, None]:
            with Draft(config, call.authority) as draft:
                rules.delete(draft, id, context)
                return draft.changes(), None

        self._env.configuration.commit(plan)
        return Reply(204)


def _require(call: Call, action: str) -> None:
    """Raises RuleError 403."""
    if not call.authority.regardless(f"{action}_{rules.KIND}"):
        raise refused(f"{action}_{rules.KIND}", "it is for administrators")

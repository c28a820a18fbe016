"""``/v2.0/quotas``: how much projects may have (extensions "quotas", "quota_details")."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema, create_model

from ryu_apps.control.config import access
from ryu_apps.control.config.config import Config
from ryu_apps.control.config.model import Quota
from ryu_apps.control.config.resources.quota import UNLIMITED
from ryu_apps.control.config.rules import Draft, quotas
from ryu_apps.control.config.rules.access.authority import refused
from ryu_apps.northbound.bodies import parsing
from ryu_apps.northbound.bodies.fields import Body
from ryu_apps.northbound.bodies.schemas import INTEGER, STRING, list_of, obj, ref, wrapper
from ryu_apps.northbound.environment import Environment
from ryu_apps.northbound.http import audit
from ryu_apps.northbound.http.call import Call, Reply, Route
from ryu_apps.northbound.http.errors import ApiError

MAX_LIMIT = 2**31 - 1
MAX_ID = 255
EXTENSIONS = {
    "quotas": ("Quota management support", "How many resources a project may have"),
    "quota_details": ("Quota details management support", "Limits beside what is used of them"),
    "quota-check-limit": ("Quota engine limit check", "No limit below what is used"),
    "quota-check-limit-default": (
        "Quota engine limit check by default", "Unless force: true says so"),
}



def _whole(value: Any) -> Any:
    """5.0 is an integer of JSON as 5 is (JSON Schema 2020-12, section 6.1.1)."""
    return int(value) if type(value) is float and value.is_integer() else value


_Limit = Annotated[
    int, Field(strict=True, ge=UNLIMITED, le=MAX_LIMIT), BeforeValidator(_whole),
    WithJsonSchema({"type": "integer", "minimum": UNLIMITED, "maximum": MAX_LIMIT}),
]
QuotaUpdate: type[Body] = create_model(
    "QuotaUpdate", __base__=Body, check_limit=(bool, True), force=(bool, False),
    # Clients send it along; it is that of the path.
    tenant_id=(str, ""), project_id=(str, ""),
    **dict.fromkeys(quotas.COUNTED, (_Limit, UNLIMITED)),
)


def _each(names: Iterable[str], schema: dict[str, Any]) -> dict[str, Any]:
    return obj(names, **{name: schema for name in names})


_DETAIL = _each(("limit", "used", "reserved"), INTEGER)
SCHEMAS: dict[str, Any] = {
    "Quota": obj(("quota",), quota=_each(quotas.COUNTED, INTEGER)),
    "QuotaDetails": obj(("quota",), quota=_each(quotas.COUNTED, _DETAIL)),
    "QuotaList": obj(("quotas",), quotas=list_of(obj(
        (*quotas.COUNTED, "project_id", "tenant_id"), project_id=STRING, tenant_id=STRING,
        **dict.fromkeys(quotas.COUNTED, INTEGER)))),
    "QuotaUpdateRequest": wrapper("quota", ref("QuotaUpdate")),
}


class Quotas:
    """Its handlers.  Of its own project anybody who reads there sees the limits; to set them is for
    administrators (rules ``get_quota``, ``update_quota``, ``delete_quota``)."""

    def __init__(self, environment: Environment):
        self._env = environment
        self._configuration = environment.configuration

    def routes(self) -> list[Route]:
        root, tag = "/v2.0/quotas", "quotas"
        member = f"{root}/{{id}}"
        return [
            Route("GET", root, self.index, "Projects with limits of their own", tag, None,
                  "QuotaList"),
            Route("GET", member, self.show, "Show the limits of a project", tag, None, "Quota"),
            Route("GET", f"{member}/default", self.default, "Show the limits of all projects", tag,
                  None, "Quota"),
            Route("GET", f"{member}/details", self.details, "Limits, and what is used of them", tag,
                  None, "QuotaDetails"),
            Route("PUT", member, self.update, "Set limits of a project", tag, "QuotaUpdateRequest",
                  "Quota", conditional=True),
            Route("DELETE", member, self.delete, "Take the limits of a project back", tag,
                  status=204),
        ]

    @property
    def _defaults(self) -> Mapping[str, int]:
        return self._env.quotas

    def index(self, call: Call) -> Reply:
        def find(config: Config) -> list[dict[str, Any]]:
            found = access.only_visible(config, call.authority, "quota", config.quotas.values())
            return [
                {**quotas.limits(config, one.id, self._defaults), "project_id": one.id,
                 "tenant_id": one.id}
                for one in found
            ]

        return Reply(200, {"quotas": self._configuration.read(find)})

    def show(self, call: Call, id: str) -> Reply:
        self._require(call, "get", id)
        return self._shown(id)

    def _shown(self, id: str) -> Reply:
        return Reply(200, {"quota": self._configuration.read(
            lambda config: quotas.limits(config, id, self._defaults))})

    def default(self, call: Call, id: str) -> Reply:
        self._require(call, "get", id)
        return Reply(200, {"quota": dict(self._defaults)})

    def details(self, call: Call, id: str) -> Reply:
        self._require(call, "get", id)

        def find(config: Config) -> dict[str, Any]:
            used = quotas.usage(config, id)
            return {
                kind: {"limit": limit, "used": used[kind], "reserved": 0}
                for kind, limit in quotas.limits(config, id, self._defaults).items()
            }

        return Reply(200, {"quota": self._configuration.read(find)})

    def update(self, call: Call, id: str) -> Reply:
        self._require(call, "update", id)
        body = parsing.parse(QuotaUpdate, parsing.unwrap(call.json(), "quota"), method="PUT")
        asked, forced = body.pop("check_limit", True), body.pop("force", False)
        check = asked and not forced
        for name in ("project_id", "tenant_id"):
            if body.pop(name, id) not in ("", id):
                raise ApiError(400, "HTTPBadRequest", f"'{name}' is not that of the path.")
        context = self._env.context(call)

        def plan(config: Config) -> tuple[list, None]:
            if check:
                quotas.not_below_use(config, id, body)
            with Draft(config, call.authority) as draft:
                quotas.update(draft, id, body, context)
                return draft.changes(), None

        audit.committed(self._configuration.commit, plan)
        return self._shown(id)

    def delete(self, call: Call, id: str) -> Reply:
        self._require(call, "delete", id)

        def plan(config: Config) -> tuple[list, None]:
            with Draft(config, call.authority) as draft:
                quotas.reset(draft, id)
                return draft.changes(), None

        audit.committed(self._configuration.commit, plan)
        return Reply(204)

    def _require(self, call: Call, action: str, id: str) -> None:
        """Raises RuleError 404 for what the client may not read, 403 for what it may not change;
        ApiError 400 for what is no project."""
        if len(id) > MAX_ID:
            raise ApiError(400, "HTTPBadRequest", f"A project has at most {MAX_ID} characters.")
        may = self._configuration.read(lambda config: access.allowed(
            config, call.authority, "quota", action, Quota(id, project_id=id)))
        if may:
            return
        if action == "get":
            raise quotas.not_set(id)
        raise refused(f"{action}_quota", "it is for administrators")

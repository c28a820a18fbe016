"""Nested collections: a policy with rules of its own, declared for these tests alone."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Annotated, Any

import pytest
from pydantic import Field
from webob import Request

from ryu_apps.configuration.service import Configuration
from ryu_apps.control.config.model import ALL_KINDS, KINDS, Resource
from ryu_apps.control.config.resources.access import Access, Parent, owner, shared
from ryu_apps.control.config.resources.kind import Kind, by_field
from ryu_apps.control.config.rules.draft import (
    Context,
    Draft,
    check_revision,
    common,
    conflict,
    plain,
    standard,
)
from ryu_apps.identity.unverified import Unverified
from ryu_apps.northbound.api import build
from ryu_apps.northbound.bodies.fields import Body, Name, Text
from ryu_apps.northbound.listing.attributes import BOOLEAN, INTEGER, STRING
from ryu_apps.northbound.resources import standard as attributes
from ryu_apps.northbound.resources.collection import Collection
from ryu_apps.northbound.resources.declared import COLLECTIONS
from ryu_apps.store.memory import MemoryStore
from tests.unit.northbound.api_client import options
from tests.unit.northbound.view import DataView

RED, BLUE = "red", "blue"


@dataclass(frozen=True, slots=True)
class TrialPolicy(Resource):
    name: str = ""
    shared: bool = False


@dataclass(frozen=True, slots=True)
class TrialLimit(Resource):
    trial_policy_id: str
    kbps: int = 0


POLICY_OF = Parent("trial_policy", "trial_policy_id")
POLICY = Kind("trial_policy", TrialPolicy, Access(read=(owner, shared)), plural="trial_policies")
LIMIT = Kind(
    "trial_limit",
    TrialLimit,
    Access(
        read=(POLICY_OF.owner, POLICY_OF.shared), create=(POLICY_OF.owner,),
        update=(POLICY_OF.owner,), delete=(POLICY_OF.owner,),
    ),
    parent=POLICY_OF,
    indexes=(by_field("limits_by_policy", "trial_policy_id"),),
)


class PolicyRules:
    @staticmethod
    def create(draft: Draft, body: dict[str, Any], context: Context) -> TrialPolicy:
        return draft.put("trial_policy", TrialPolicy(
            shared=body.get("shared", False), **common(body, context)
        ))

    @staticmethod
    def update(draft: Draft, id: str, body: dict[str, Any], context: Context) -> TrialPolicy:
        return draft.replace("trial_policy", draft.get("trial_policy", id), context,
                             **plain(body, "name", "shared"))

    @staticmethod
    def delete(draft: Draft, id: str, context: Context) -> None:
        check_revision("trial_policy", draft.get("trial_policy", id), context)
        if draft.config.limits_by_policy.get(id):
            raise conflict("TrialPolicyInUse", f"Policy {id} has limits.")
        draft.delete("trial_policy", id)


class LimitRules:
    @staticmethod
    def create(draft: Draft, body: dict[str, Any], context: Context) -> TrialLimit:
        return draft.put("trial_limit", TrialLimit(
            trial_policy_id=body["trial_policy_id"], kbps=body["kbps"], **standard(body, context)
        ))

    @staticmethod
    def update(draft: Draft, id: str, body: dict[str, Any], context: Context) -> TrialLimit:
        return draft.replace("trial_limit", draft.get("trial_limit", id), context,
                             **plain(body, "kbps"))

    @staticmethod
    def delete(draft: Draft, id: str, context: Context) -> None:
        draft.delete("trial_limit", id)


class PolicyUpdate(Body):
    name: Name = ""
    description: Text = ""
    shared: bool = False


class PolicyCreate(PolicyUpdate, attributes.Owned):
    pass


class LimitBody(Body):
    kbps: Annotated[int, Field(ge=0)]


POLICIES = Collection(
    kind=POLICY, path="trial/policies", name="policy", create_body=PolicyCreate,
    update_body=PolicyUpdate, rules=PolicyRules,
    view=lambda item, _: {
        "id": item.id, "name": item.name, "shared": item.shared, **attributes.standard(item)
    },
    attributes={**attributes.ATTRIBUTES, "name": STRING, "shared": BOOLEAN},
    extensions={"trial": ("Trial", "Policies of this test")},
)
LIMITS = Collection(
    kind=LIMIT, path="limits", parent=POLICIES, name="limit", create_body=LimitBody,
    update_body=LimitBody, rules=LimitRules,
    view=lambda item, _: {"id": item.id, "kbps": item.kbps},
    attributes={"id": STRING, "kbps": INTEGER},
)


class Site:
    """A node's API with the two collections, without a server."""

    def __init__(self, store: MemoryStore) -> None:
        conf = options()
        self.configuration = Configuration(store, lambda event: None, conf)
        self.configuration.start()
        view = DataView()
        view.config = self.configuration.read(lambda config: config)
        self.application = build(
            self.configuration, view, conf, Unverified(), (*COLLECTIONS, POLICIES, LIMITS)
        )

    def call(
        self, who: str, method: str, path: str, body: Any = None, status: int = 200
    ) -> Any:
        request = Request.blank(f"/v2.0/{path}", method=method)
        if body is not None:
            request.body = json.dumps(body).encode()
        if who:
            request.headers["X-Project-Id"] = who
        answer = request.get_response(self.application)
        assert answer.status_int == status, answer.text
        return answer.json if answer.body else None

    def policy(self, who: str, **fields: Any) -> str:
        """The path of a new policy."""
        made = self.call(who, "POST", "trial/policies", {"policy": fields}, 201)
        return f"trial/policies/{made['policy']['id']}"

    def limit(self, who: str, policy: str, kbps: int) -> str:
        """The id of a new limit."""
        made = self.call(who, "POST", f"{policy}/limits", {"limit": {"kbps": kbps}}, 201)
        return made["limit"]["id"]

    def refused(self, who: str, method: str, path: str, status: int, type: str, body=None) -> None:
        assert self.call(who, method, path, body, status)["NeutronError"]["type"] == type


@pytest.fixture
def store(monkeypatch):
    for kinds in (KINDS, ALL_KINDS):
        monkeypatch.setitem(kinds, POLICY.name, POLICY)
        monkeypatch.setitem(kinds, LIMIT.name, LIMIT)
    return MemoryStore()


@pytest.fixture
def site(store):
    site = Site(store)
    yield site
    site.configuration.stop()


def test_life_of_what_is_nested(site, store):
    policy, other = site.policy(RED, name="gold"), site.policy(RED)
    one = site.limit(RED, policy, 100)
    two = site.call(RED, "POST", f"{policy}/limits", {"limits": [{"kbps": 5}, {"kbps": 7}]}, 201)
    assert [limit["kbps"] for limit in two["limits"]] == [5, 7]
    foreign = site.limit(RED, other, 1)
    assert site.call(RED, "GET", f"{policy}/limits/{one}") == {"limit": {"id": one, "kbps": 100}}
    changed = site.call(RED, "PUT", f"{policy}/limits/{one}", {"limit": {"kbps": 200}})
    assert changed == {"limit": {"id": one, "kbps": 200}}
    # Each is found below its own policy alone.
    for method, body in (("GET", None), ("PUT", {"limit": {"kbps": 9}}), ("DELETE", None)):
        site.refused(RED, method, f"{policy}/limits/{foreign}", 404, "TrialLimitNotFound", body)
    assert site.call(RED, "GET", f"{other}/limits") == {"limits": [{"id": foreign, "kbps": 1}]}
    # The rule of the parent says what becomes of it.
    site.refused(RED, "DELETE", other, 409, "TrialPolicyInUse")
    site.call(RED, "DELETE", f"{other}/limits/{foreign}", None, 204)
    site.call(RED, "DELETE", other, None, 204)
    site.refused(RED, "GET", f"{other}/limits", 404, "TrialPolicyNotFound")
    again = Site(store)  # from what is stored
    try:
        assert again.call(RED, "GET", f"{policy}/limits") == site.call(RED, "GET",
                                                                       f"{policy}/limits")
        assert len(again.call(RED, "GET", f"{policy}/limits")["limits"]) == 3
    finally:
        again.configuration.stop()


def test_lists_are_of_one_parent(site):
    policy, other = site.policy(RED), site.policy(RED)
    made = [site.limit(RED, policy, kbps) for kbps in (3, 1, 2)]
    site.limit(RED, other, 2)
    path = f"{policy}/limits"

    def kbps(query: str) -> list[int]:
        return [one["kbps"] for one in site.call(RED, "GET", f"{path}?{query}")["limits"]]

    assert kbps("sort_key=kbps") == [1, 2, 3] and kbps("kbps=2") == [2]
    assert kbps(f"id={made[0]}") == [3]
    page = site.call(RED, "GET", f"{path}?sort_key=kbps&limit=2")
    assert [one["kbps"] for one in page["limits"]] == [1, 2]
    links = {one["rel"]: one["href"] for one in page["limits_links"]}
    below = links["next"].partition("/v2.0/")[2]
    assert below.startswith(f"{path}?")
    assert [one["kbps"] for one in site.call(RED, "GET", below)["limits"]] == [3]
    site.call(RED, "GET", f"{path}?trial_policy_id=x", None, 400)
    assert site.call(RED, "GET", f"{path}?id=nobody") == {"limits": []}


def test_a_parent_that_is_not_seen_is_not_there(site):
    hidden, lent = site.policy(RED), site.policy("", shared=True)
    mine = site.limit(RED, hidden, 1)
    theirs = site.limit("", lent, 2)
    nobody = "trial/policies/00000000-0000-4000-8000-000000000000"
    for policy in (hidden, nobody):
        for method, path, body in (
            ("GET", "limits", None), ("POST", "limits", {"limit": {"kbps": 1}}),
            ("GET", f"limits/{mine}", None), ("DELETE", f"limits/{mine}", None),
            ("PUT", f"limits/{mine}", {"limit": {"kbps": 2}}),
        ):
            site.refused(BLUE, method, f"{policy}/{path}", 404, "TrialPolicyNotFound", body)
    # One that is shared is seen, and its parts are; they are its owner's to change.
    assert site.call(BLUE, "GET", f"{lent}/limits")["limits"] == [{"id": theirs, "kbps": 2}]
    for method, path, body in (
        ("POST", f"{lent}/limits", {"limit": {"kbps": 1}}),
        ("PUT", f"{lent}/limits/{theirs}", {"limit": {"kbps": 1}}),
        ("DELETE", f"{lent}/limits/{theirs}", None),
    ):
        site.refused(BLUE, method, path, 403, "PolicyNotAuthorized", body)


def test_clients_are_told_of_it(site):
    resources = site.call(RED, "GET", "")["resources"]
    assert [one["links"][0]["href"].partition("/v2.0/")[2] for one in resources
            if one["name"] == "policy"] == ["qos/policies", "trial/policies"]
    assert not [one for one in resources if one["name"] == "limit"]
    assert site.call(RED, "GET", "extensions/trial")["extension"]["name"] == "Trial"
    site.refused(RED, "GET", "trial/nothing", 404, "HTTPNotFound")
    document = Request.blank("/openapi.json").get_response(site.application).json
    path = "/v2.0/trial/policies/{trial_policy_id}/limits"
    assert set(document["paths"][path]) == {"get", "post"}
    member = document["paths"][f"{path}/{{id}}"]
    assert set(member) == {"get", "put", "delete"}
    assert [one["name"] for one in member["put"]["parameters"]] == [
        "trial_policy_id", "id", "If-Match"]
    assert f"{path}/{{id}}/tags" not in document["paths"]
    schemas = document["components"]["schemas"]
    assert schemas["Trial_limitItem"]["required"] == ["limit"]
    assert set(schemas["Trial_limitFields"]["properties"]) == {"id", "kbps"}
    # The parent's tags are as all tags.
    policy = site.policy(RED)
    site.call(RED, "PUT", f"{policy}/tags/x", None, 201)
    assert site.call(RED, "GET", f"{policy}/tags") == {"tags": ["x"]}


def test_what_does_not_belong_to_the_parent_cannot_be_nested_in_it():
    with pytest.raises(ValueError, match="trial_limit does not belong to a network"):
        Collection(
            kind=LIMIT, path="limits", parent=COLLECTIONS[0], create_body=LimitBody,
            update_body=LimitBody, rules=LimitRules, view=LIMITS.view, attributes={},
        )

"""The OpenAPI document is true, and what requests made of it brought to light."""

from __future__ import annotations

import pytest
from openapi_spec_validator import validate

from ryu_apps.northbound.bodies import fields
from ryu_apps.northbound.bodies.fields import Body
from ryu_apps.northbound.bodies.parsing import parse
from ryu_apps.northbound.http.errors import ApiError
from tests.unit.northbound.api_client import Node
from tests.unit.northbound.users import asked, members, with_users


@pytest.fixture(scope="module")
def node():
    node = Node()
    yield node
    node.close()


@pytest.fixture(scope="module")
def users():
    node = with_users()
    yield node
    node.close()


class Numbers(Body):
    any: fields.Integer = 0
    length: fields.integer(128) = 0
    off: fields.only(False) = False


def test_the_document_is_valid_with_users_too(users):
    document = users.get("/openapi.json")
    validate(document)
    assert "LoginRequest" in document["components"]["schemas"]


def test_every_refusal_is_documented_with_its_schema(users):
    paths = users.get("/openapi.json")["paths"]
    ports = paths["/v2.0/ports/{id}"]
    assert set(ports["put"]["responses"]) == {
        "200", "400", "401", "403", "404", "409", "412", "413", "503"}
    assert set(ports["get"]["responses"]) == {"200", "400", "401", "404", "503"}
    interfaces = paths["/v2.0/routers/{id}/add_router_interface"]
    assert set(interfaces["put"]["responses"]) >= {"200", "409", "501"}
    assert set(paths["/v1/elements/{element}"]["get"]["responses"]) >= {"403", "404", "502"}
    assert set(paths["/v3/auth/tokens"]["post"]["responses"]) >= {"201", "401", "429"}
    assert paths["/v3/auth/tokens"]["post"]["security"] == []
    assert ports["put"]["security"] == [{"token": []}]
    for path, item in paths.items():
        for method, operation in item.items():
            assert "default" not in operation["responses"], (path, method)


def references(value):
    if isinstance(value, dict):
        for key, one in value.items():
            yield from [one] if key == "$ref" else references(one)
    elif isinstance(value, list):
        for one in value:
            yield from references(one)


def test_what_is_referred_to_is_there(users):
    document = users.get("/openapi.json")
    for reference in set(references(document)):
        found = document
        for part in reference.removeprefix("#/").split("/"):
            found = found[part]


def test_nobody_is_refused_where_all_are_known(node):
    document = node.get("/openapi.json")
    assert "securitySchemes" not in document["components"]
    assert all("401" not in operation["responses"]
               for item in document["paths"].values() for operation in item.values())


def test_a_login_that_fails_says_where_tokens_come_from(users):
    answer = users.http.post(f"{users.url}/v3/auth/tokens", json=asked("nobody"), timeout=10)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == f'Keystone uri="{users.url}/v3"'


def test_identity_below_v1_speaks_as_below_v3(users):
    (red,) = members(users, "red")
    assert "disallowed" in red.refused("GET", "/v1/identity/token-keys", None, 403)


def test_a_condition_that_says_nothing_is_refused(node):
    network = node.make("network")
    for text in ("", "*", "revision_number="):
        node.call("PUT", f"/v2.0/networks/{network['id']}", {"network": {"name": "n"}}, 400,
                  headers={"If-Match": text})


def test_addresses_are_not_sorted_by_what_only_filters(node):
    network = node.make("network")
    node.make("subnet", network_id=network["id"], cidr="10.0.0.0/24", ip_version=4)
    path = "/v2.0/network-ip-availabilities"
    node.refused("GET", f"{path}?sort_key=ip_version", None, 400, "InvalidInput")
    assert node.get(f"{path}?ip_version=4&sort_key=network_name")


@pytest.mark.parametrize("body", [
    {"network": {"tags": ["\ud800"]}}, {"network": {"name": "\udc00x"}},
    {"network": {"\ud8ff": 1}},
])
def test_half_of_a_surrogate_pair_is_no_character(node, body):
    assert "surrogate" in node.refused("POST", "/v2.0/networks", body, 400, "HTTPBadRequest")


def test_a_whole_pair_is(node):
    assert node.make("network", name="\U0001f310")["name"] == "\U0001f310"


@pytest.mark.parametrize("value", [True, "1_0", " 5", "5.0", "007", "+5", "", 1.5])
def test_what_is_no_number_in_the_document_is_none(value):
    with pytest.raises(ApiError):
        parse(Numbers, {"any": value})


def test_numbers_may_be_text():
    assert parse(Numbers, {"any": "-12", "length": "128"}) == {"any": -12, "length": 128}
    with pytest.raises(ApiError):
        parse(Numbers, {"length": "129"})


def test_a_limit_may_be_written_with_a_fraction_of_nothing(node):
    assert node.call("PUT", "/v2.0/quotas/red", {"quota": {"network": 7.0}})["quota"][
        "network"] == 7
    for value in (7.5, True, "7"):
        node.call("PUT", "/v2.0/quotas/red", {"quota": {"network": value}}, 400)


def test_zero_does_not_stand_for_false():
    with pytest.raises(ApiError):
        parse(Numbers, {"off": 0})
    assert parse(Numbers, {"off": False}) == {"off": False}

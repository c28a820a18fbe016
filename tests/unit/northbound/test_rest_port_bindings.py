"""Bindings of a port: ``/v2.0/ports/<id>/bindings``, as Neutron's extension "binding-extended"."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.unit.northbound.api_client import Node


class Api:
    """Of one node, with a network; a ``project`` of "" is an administrator."""

    def __init__(self) -> None:
        self.node = Node()
        self.network = self.node.make("network", shared=True)["id"]

    def port(self, host: str, profile: dict | None = None, project: str = "") -> str:
        return self.node.make("port", network_id=self.network, project_id=project, **{
            "binding:host_id": host, "binding:profile": profile or {}})["id"]

    def interface(self) -> str:
        subnet = self.node.make("subnet", network_id=self.network, cidr="10.0.0.0/24",
                                ip_version=4)["id"]
        router = self.node.make("router")["id"]
        return self.node.call("PUT", f"/v2.0/routers/{router}/add_router_interface",
                              {"subnet_id": subnet})["port_id"]

    def get(self, path: str) -> Any:
        return self.node.get(f"/v2.0/{path}")

    def document(self) -> Any:
        return self.node.get("/openapi.json")

    def list(self, port: str) -> list[tuple[str, str, dict]]:
        found = self.get(f"ports/{port}/bindings")["bindings"]
        return [(one["host"], one["status"], one["profile"]) for one in found]

    def create(self, port: str, host: str, **fields: Any) -> Any:
        return self._call("POST", port, "", {"host": host, **fields})

    def show(self, port: str, host: str) -> Any:
        return self._call("GET", port, f"/{host}")

    def update(self, port: str, host: str, **fields: Any) -> Any:
        return self._call("PUT", port, f"/{host}", fields)

    def activate(self, port: str, host: str) -> Any:
        return self._call("PUT", port, f"/{host}/activate")

    def delete(self, port: str, host: str) -> None:
        self.node.call("DELETE", f"/v2.0/ports/{port}/bindings/{host}")

    def _call(self, method: str, port: str, below: str, body: Any = None) -> Any:
        wrapped = None if body is None else {"binding": body}
        return self.node.call(method, f"/v2.0/ports/{port}/bindings{below}", wrapped)["binding"]

    def refused(
        self, method: str, path: str, body: Any, status: int, type: str, project: str = ""
    ) -> None:
        headers = {"X-Project-Id": project} if project else {}
        error = self.node.call(method, f"/v2.0/{path}", body, status, headers=headers)
        assert error["NeutronError"]["type"] == type, error


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    made = Api()
    try:
        yield made
    finally:
        made.node.close()


def test_the_life_of_a_binding(api):
    port = api.port("hv1", {"a": 1})
    assert api.list(port) == [("hv1", "ACTIVE", {"a": 1})]
    made = api.create(port, "hv2", profile={"b": 2})
    assert made == {
        "host": "hv2", "status": "INACTIVE", "profile": {"b": 2}, "vif_type": "ovs",
        "vif_details": {}, "vnic_type": "normal",
    }
    assert api.list(port) == [("hv1", "ACTIVE", {"a": 1}), ("hv2", "INACTIVE", {"b": 2})]
    assert api.show(port, "hv2") == made
    assert api.update(port, "hv2", profile={"c": 3})["profile"] == {"c": 3}
    assert api.update(port, "hv1", profile={"d": 4})["profile"] == {"d": 4}
    active = api.activate(port, "hv2")
    assert (active["host"], active["status"]) == ("hv2", "ACTIVE")
    assert api.list(port) == [("hv2", "ACTIVE", {"c": 3}), ("hv1", "INACTIVE", {"d": 4})]
    shown = api.get(f"ports/{port}")["port"]
    assert (shown["binding:host_id"], shown["binding:profile"]) == ("hv2", {"c": 3})
    api.delete(port, "hv1")
    assert api.list(port) == [("hv2", "ACTIVE", {"c": 3})]
    api.delete(port, "hv2")
    assert api.list(port) == [("", "ACTIVE", {})]
    assert api.get(f"ports/{port}")["port"]["binding:host_id"] == ""


def test_what_is_refused(api):
    port = api.port("hv1")
    api.create(port, "hv2")
    path = f"ports/{port}/bindings"
    for host in ("hv1", "hv2"):
        api.refused("POST", path, {"binding": {"host": host}}, 409, "PortBindingAlreadyExists")
    api.refused("PUT", f"{path}/hv1/activate", None, 409, "PortBindingAlreadyActive")
    for method, below, body in (
        ("GET", "hv3", None), ("PUT", "hv3", {"binding": {"profile": {}}}), ("DELETE", "hv3", None),
        ("PUT", "hv3/activate", None),
    ):
        api.refused(method, f"{path}/{below}", body, 404, "PortBindingNotFound")
    api.refused("POST", path, {"binding": {}}, 400, "HTTPBadRequest")
    api.refused("POST", path, {"binding": {"host": "x", "vnic_type": "direct"}}, 400,
                "HTTPBadRequest")
    api.refused("POST", path, {"binding": {"host": ""}}, 400, "HTTPBadRequest")
    nobody = "ports/00000000-0000-4000-8000-000000000000/bindings"
    for method, body in (("GET", None), ("POST", {"binding": {"host": "hv9"}})):
        api.refused(method, nobody, body, 404, "PortNotFound")
    for number in range(3, 10):
        api.create(port, f"hv{number}")
    api.refused("POST", path, {"binding": {"host": "more"}}, 409, "PortBindingLimitExceeded")


def test_the_way_back(api):
    """What the port has left becomes ACTIVE again when the ACTIVE one is deleted."""
    port = api.port("hv1", {"a": 1})
    api.create(port, "hv2")
    api.create(port, "hv3")
    api.activate(port, "hv2")
    api.delete(port, "hv2")
    assert api.list(port) == [("hv1", "ACTIVE", {"a": 1}), ("hv3", "INACTIVE", {})]


def test_bindings_are_the_administrators(api):
    port = api.port("hv1", project="red")
    for method, below, body in (
        ("GET", "", None), ("POST", "", {"binding": {"host": "hv2"}}), ("GET", "/hv1", None),
        ("DELETE", "/hv1", None), ("PUT", "/hv1/activate", None),
    ):
        path = f"ports/{port}/bindings{below}"
        api.refused(method, path, body, 403, "PolicyNotAuthorized", "red")
        api.refused(method, path, body, 404, "PortNotFound", "blue")


def test_the_interface_of_a_router_has_none(api):
    port = api.interface()
    api.refused("POST", f"ports/{port}/bindings", {"binding": {"host": "hv2"}}, 400, "InvalidInput")


def test_clients_are_told_of_it(api):
    aliases = {one["alias"] for one in api.get("extensions")["extensions"]}
    assert {"binding", "binding-extended"} <= aliases
    paths = api.document()["paths"]
    root = "/v2.0/ports/{id}/bindings"
    assert set(paths[root]) == {"get", "post"}
    assert set(paths[f"{root}/{{host}}"]) == {"get", "put", "delete"}
    assert set(paths[f"{root}/{{host}}/activate"]) == {"put"}

"""A node's API with users, without a server, and what is in it: for requests made of /openapi.json.

Everything is made through the API itself.  ``Site.ids`` says what there is by the name that paths
and bodies have for it, so that some requests name what there is.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from webob import Request

from ryu_apps.configuration.service import Configuration
from ryu_apps.identity import choice
from ryu_apps.northbound.api import build
from ryu_apps.northbound.base import PortState
from ryu_apps.store.sqlite import SqliteStore
from tests.unit.northbound.api_client import options
from tests.unit.northbound.users import PASSWORD, asked, project
from tests.unit.northbound.view import DataView

SYSTEM = {"system": {"all": True}}
ELEMENT, NODE, PEER = "4f1d7c2a-6a0c-4b6b-9c55-8f2f5a0e6c11", "node1", "spine1"
SOURCE = "192.0.2.77"
"""Where the requests come from: not the node's own host, which alone may make an administrator."""


class Role(NamedTuple):
    """``login``: user and scope, or None: a client without a token.  ``token``: what it sends
    instead of one."""

    name: str
    login: tuple[str, Any] | None = None
    token: str = ""


ROLES = (
    Role("nobody"),
    Role("wrong token", token="gAAAAABnotatoken"),
    Role("admin", ("admin", project("admin"))),
    Role("member", ("mia", project("red"))),
    Role("reader", ("rob", project("red"))),
    Role("system admin", ("admin", SYSTEM)),
    Role("system reader", ("sue", SYSTEM)),
)


class Site:
    """Two projects, "red" and "blue", with a few of each resource."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self.store = SqliteStore(Path(self._folder.name) / "config.db")
        conf = options(auth="tokens", max_page=50)
        conf.set_override("bcrypt_cost", 4, "identity")
        self.configuration = Configuration(self.store, lambda event: None, conf)
        self.configuration.start()
        self.view = DataView()
        self.view.config = self.configuration.read(lambda config: config)
        self.identity = choice.service(conf, self.store, lambda: self.configuration.doubt)
        assert self.identity is not None
        self.identity.start()
        self.application = build(
            self.configuration, self.view, conf, choice.authenticator(conf, self.identity)
        )
        self.ids: dict[str, list[str]] = {}
        self._bootstrap()
        self._networks()
        self._node()

    def close(self) -> None:
        self.identity.stop()
        self.configuration.stop()
        self.store.close()
        self._folder.cleanup()

    # ------------------------------------------------------------ requests

    def ask(
        self, method: str, path: str, body: Any = None, token: str = "", source: str = SOURCE,
    ) -> Any:
        request = Request.blank(path, method=method)
        request.environ["REMOTE_ADDR"] = source
        if body is not None:
            request.body = json.dumps(body).encode()
        if token:
            request.headers["X-Auth-Token"] = token
        return request.get_response(self.application)

    def token(self, role: Role) -> str:
        """A new one."""
        if role.login is None:
            return role.token
        user, scope = role.login
        answer = self.ask("POST", "/v3/auth/tokens", asked(user, scope=scope), source="127.0.0.1")
        assert answer.status_int == 201, answer.text
        return answer.headers["X-Subject-Token"]

    def _make(self, token: str, path: str, kind: str, /, **fields: Any) -> dict[str, Any]:
        answer = self.ask("POST", path, {kind: fields}, token)
        assert answer.status_int == 201, (path, fields, answer.text)
        made = answer.json[kind]
        self.ids.setdefault(kind, []).append(made["id"])
        return made

    # ------------------------------------------------------------ what there is

    def _bootstrap(self) -> None:
        answer = self.ask("POST", "/v1/identity/bootstrap", {"bootstrap": {
            "code": self.identity.code, "name": "admin", "password": PASSWORD}}, source="127.0.0.1")
        assert answer.status_int == 201, answer.text
        self.root = self.token(ROLES[2])
        # Those who ask are not among the ids: requests that disable or delete them would make all
        # later ones 401.
        places = {name: self._make(self.root, "/v3/projects", "project", name=name)["id"]
                  for name in ("red", "blue", "spare")}
        users = {
            name: self._make(self.root, "/v3/users", "user", name=name, password=PASSWORD)["id"]
            for name in ("mia", "rob", "sue", "bob", "spare1", "spare2")
        }
        self.ids["project"] = [places["spare"]]
        self.ids["user"] = [users["spare1"], users["spare2"]]
        self.red = places["red"]
        for user, path in (
            ("mia", f"projects/{places['red']}"), ("rob", f"projects/{places['red']}"),
            ("sue", "system"), ("bob", f"projects/{places['blue']}"),
            ("spare1", f"projects/{places['spare']}"),
        ):
            role = "reader" if user in ("rob", "sue") else "member"
            answer = self.ask("PUT", f"/v3/{path}/users/{users[user]}/roles/{role}",
                              token=self.root)
            assert answer.status_int == 204, answer.text
        self.mia = users["mia"]
        self._make(self.token(ROLES[3]), f"/v3/users/{users['mia']}/application_credentials",
                   "application_credential", name="ci")
        self.ids["role"] = ["admin", "member", "reader"]
        self.subject = self.token(Role("", ("spare1", project("spare"))))

    def _networks(self) -> None:
        mia, bob = self.token(ROLES[3]), self.token(Role("", ("bob", project("blue"))))
        self._make(self.root, "/v2.0/address-scopes", "address_scope", name="s", ip_version=4)
        for token, octet in ((mia, 1), (bob, 2), (mia, 3)):
            def make(path: str, kind: str, /, _by: str = token, **fields: Any) -> dict[str, Any]:
                return self._make(_by, f"/v2.0/{path}", kind, **fields)

            network = make("networks", "network", name=f"n{octet}")["id"]
            subnet = make("subnets", "subnet", network_id=network, ip_version=4,
                          cidr=f"10.{octet}.0.0/24")["id"]
            make("subnets", "subnet", network_id=network, ip_version=6, cidr=f"fd00:{octet}::/64")
            router = make("routers", "router", name=f"r{octet}")["id"]
            answer = self.ask("PUT", f"/v2.0/routers/{router}/add_router_interface",
                              {"subnet_id": subnet}, token)
            assert answer.status_int == 200, answer.text
            group = make("security-groups", "security_group", name=f"g{octet}")["id"]
            make("security-group-rules", "security_group_rule", security_group_id=group,
                 direction="ingress", protocol="tcp", port_range_min=22, port_range_max=22)
            make("address-groups", "address_group", name=f"a{octet}", addresses=["10.0.0.0/8"])
            make("subnetpools", "subnetpool", name=f"p{octet}", prefixes=[f"172.1{octet}.0.0/16"],
                 default_prefixlen=26)
            port = make("ports", "port", network_id=network, name=f"p{octet}",
                        security_groups=[group])["id"]
            make("rbac-policies", "rbac_policy", object_type="network", object_id=network,
                 action="access_as_shared", target_tenant=self.red)
            self.view.states[port] = PortState("ACTIVE", "hv1", ELEMENT)
        policy = self._make(
            self.root, "/v2.0/qos/policies", "policy", name="q", project_id=self.red)["id"]
        for kind, fields in (
            ("bandwidth_limit_rule", {"max_kbps": 1}), ("packet_rate_limit_rule", {"max_kpps": 1}),
            ("dscp_marking_rule", {"dscp_mark": 8}), ("minimum_bandwidth_rule", {"min_kbps": 1}),
            ("minimum_packet_rate_rule", {"min_kpps": 1}),
        ):
            self._make(self.root, f"/v2.0/qos/policies/{policy}/{kind}s", kind, **fields)
        self.ids["rule_type"] = ["bandwidth_limit", "dscp_marking", "packet_rate_limit"]
        for kind in ("segment", "network_segment_range"):
            found = self.ask("GET", f"/v2.0/{kind}s", token=self.root).json[f"{kind}s"]
            self.ids[kind] = [one["id"] for one in found]
        self._make(self.root, "/v2.0/default-security-group-rules", "default_security_group_rule",
                   direction="egress", protocol="udp")

    def _node(self) -> None:
        """What the running node would show."""
        self.view.element_list = [{
            "id": ELEMENT, "element": ELEMENT, "hostname": "hv1", "vtep": "192.0.2.1",
            "owner": NODE, "connected": True, "mine": True,
        }]
        self.view.node_list = [{"node": NODE, "self": True, "alive": True, "url": "http://a"}]
        self.view.peer_list = [{"name": PEER, "state": "established"}]
        self.view.objects = {ELEMENT: [{"kind": "port", "status": "done"}]}
        self.view.flow_list = {ELEMENT: [{"table": 0, "cookie": "0x1", "object": ["port", "x"]}]}
        self.ids["element"], self.ids["node"] = [ELEMENT], [NODE]
        for kind in ("agent", "flavor", "service_profile"):
            found = self.ask("GET", f"/v2.0/{kind}s", token=self.root).json[f"{kind}s"]
            self.ids[kind] = [one["id"] for one in found]
        for kind in ("service", "endpoint", "region", "domain"):
            found = self.ask("GET", f"/v3/{kind}s", token=self.root).json[f"{kind}s"]
            self.ids[kind] = [one["id"] for one in found]

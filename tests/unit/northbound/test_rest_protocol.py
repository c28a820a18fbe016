"""The API as a protocol: errors, limits, discovery, OpenAPI, hostile clients."""

from __future__ import annotations

import contextlib
import json
import os
import random
import socket
import ssl
import subprocess
import threading
import time
from urllib.parse import quote

import pytest
import requests
from openapi_spec_validator import validate

from ryu_apps.cli.vnctl import main as vnctl
from ryu_apps.northbound.base import PortState, Remote
from ryu_apps.northbound.node import merge
from ryu_apps.northbound.serving import connection as limits
from ryu_apps.store.memory import MemoryStore
from tests.unit.northbound.api_client import Node, options


@pytest.fixture(scope="module")
def node():
    node = Node(conf=options(max_body=100_000, threads=4))
    yield node
    node.close()


NOTHING = "00000000-0000-4000-8000-000000000000"


def post(node, data, **headers):
    return requests.post(node.url + "/v2.0/networks", data=data, headers=headers, timeout=10)


@pytest.mark.parametrize("data,words", [
    (b"{", "not valid JSON"), (b"", "no"), (b"[]", "JSON object"), (b"null", "JSON object"),
    (b'{"network": []}', "JSON object"), (b'{"network": {}, "x": 1}', "'x'"),
    (b'{"net": {}}', "'networks'"), (b'{"networks": {}}', "list"), (b"\xff\xfe", "not valid JSON"),
    (b'{"network": {"nmae": "x"}}', "Unrecognized attribute(s) 'nmae'"),
    (b'{"network": {"name": 5}}', "Invalid input for name"),
    (b'{"network": {"name": "' + b"x" * 256 + b'"}}', "255"),
    (b'{"network": {"mtu": -1}}', "mtu"), (b'{"network": {"mtu": NaN}}', "NaN"),
    (b'{"network": {"admin_state_up": "maybe"}}', "admin_state_up"),
    (b'{"network": {"router:external": true}}', "not supported"),
    (b'{"network": {"name": "\\ud800"}}', "name"),
    (b"[" * 50_000, "not valid JSON"),
    (b'{"network": {' + b",".join(b'"k%d": 1' % i for i in range(9000)) + b"}}", "'k0, k1, k2, k"),
    (b"{" + b",".join(b'"k%d": 1' % i for i in range(9000)) + b', "network": {}}', "'k0, k1, k2, "),
    (b'{"network": {"' + b"k" * 90_000 + b'": 1}}', "kkk..."),
    (b'{"port": {"network_id": "x", "binding:profile": ' + b'{"a":' * 40 + b"1" + b"}" * 42,
     "within one another"),
    (b'{"networks": [' + b"{}," * 30_000 + b"{}]}", "1 to 10000"),
])
def test_bad_bodies(node, data, words):
    answer = post(node, data)
    assert answer.status_code == 400, answer.text
    assert words in answer.json()["NeutronError"]["message"]
    assert len(answer.content) < 3000, "an answer does not repeat a request"


@pytest.mark.parametrize("name", ["fixed_ips", "allowed_address_pairs"])
def test_long_lists(node, name):
    text = node.refused("POST", "/v2.0/ports", {"port": {"network_id": "x", name: [{}] * 9000}},
                        400, "HTTPBadRequest")
    assert "at most 1000" in text


def test_a_body_of_many_values_is_not_even_read():
    node = Node(conf=options(threads=2))
    try:
        answer = post(node, b'{"network": {"tags": [' + b"1," * 600_000 + b"1]}}")
        assert answer.status_code == 413
        assert "values; split" in answer.json()["NeutronError"]["message"]
    finally:
        node.close()


@pytest.mark.parametrize("query,words", [
    ("&".join(f"name={i}" for i in range(3000)), "2000 parameters"),
    ("&".join(f"tags=a{i}" for i in range(100)), "64 times"),
    ("&".join(f"fixed_ips=ip_address_substr={i}" for i in range(100)), "64 times"),
    ("&".join(["sort_key=name"] * 100), "64 times"),
    ("x" * 60_000 + "=1", "not an attribute"),
])
def test_long_queries(node, query, words):
    answer = requests.get(f"{node.url}/v2.0/ports?{query}", timeout=10)
    assert answer.status_code == 400 and len(answer.content) < 3000
    assert words in answer.json()["NeutronError"]["message"] or "x" * 60 in answer.text


def test_long_queries_that_are_served(node):
    made = node.make("network", name="n7")
    query = "&".join(f"name=n{i}" for i in range(1900))
    assert made["id"] in [one["id"] for one in node.get(f"/v2.0/networks?{query}")["networks"]]
    assert node.get("/v2.0/networks?" + "&".join(f"fields=f{i}" for i in range(1900)))


def test_parameters_of_a_path_are_decoded_after_it_was_taken_apart(node):
    node.view.element_list = [{"id": "a/b c"}]
    assert node.get("/v1/elements/a%2Fb%20c") == {"id": "a/b c"}
    node.call("DELETE", "/v1/elements/a%2Fb%20c")
    node.refused("GET", "/v1/elements/a/b", None, 404, "HTTPNotFound")
    node.refused("GET", "/v1/elements/a%2Fb%20c", None, 404, "ElementNotFound")
    node.refused("GET", "/v1/elements/%ff", None, 400, "HTTPBadRequest")


def test_the_suffix_of_older_clients(node):
    made = node.make("network", name="suffix")
    assert node.get("/v2.0/networks.json?name=suffix")["networks"] == [
        node.get(f"/v2.0/networks/{made['id']}.json")["network"]]
    node.call("PUT", f"/v2.0/networks/{made['id']}/tags/a.json", status=201)
    assert node.get(f"/v2.0/networks/{made['id']}/tags.json")["tags"] == ["a.json"]


def test_content_type_does_not_matter(node):
    assert post(node, b'{"network": {}}', **{"Content-Type": "text/weird; x"}).status_code == 201


def test_too_large(node):
    body = json.dumps({"network": {"description": "x" * 200_000}}).encode()
    assert post(node, body).status_code == 413
    assert post(node, (body[i:i + 1000] for i in range(0, len(body), 1000))).status_code == 413
    chunks = post(node, iter([b'{"network"', b': {"name": "chunked"}}']))
    assert chunks.status_code == 201 and chunks.json()["network"]["name"] == "chunked"


def test_missing_fields(node):
    text = node.refused("POST", "/v2.0/subnets", {"subnet": {"cidr": "10.0.0.0/24"}}, 400,
                        "HTTPBadRequest")
    assert "'network_id'" in text
    for body in ({"network_id": "none"}, {"network_id": NOTHING, "security_groups": ["x"]},
                 {"network_id": NOTHING, "fixed_ips": [{"subnet_id": "x"}]}):
        text = node.refused("POST", "/v2.0/ports", {"port": body}, 400, "HTTPBadRequest")
        assert "not a valid UUID" in text
    node.refused("POST", "/v2.0/ports", {"port": {"network_id": NOTHING}}, 404, "NetworkNotFound")


def test_paths_and_methods(node):
    node.refused("GET", "/v2.0/nothing", None, 404, "HTTPNotFound")
    answer = requests.request("PATCH", node.url + "/v2.0/networks", timeout=10)
    assert answer.status_code == 405 and answer.headers["Allow"] == "GET, HEAD, POST"
    assert answer.json()["NeutronError"]["type"] == "HTTPMethodNotAllowed"
    assert requests.get(node.url + "/%ff", timeout=10).status_code in (400, 404)
    head = requests.head(node.url + "/v2.0/networks", timeout=10)
    assert head.status_code == 200 and head.content == b""


def test_discovery(node):
    assert node.get("/")["versions"][0]["id"] == "v2.0"
    for path in ("/v2.0", "/v2.0/"):
        assert {one["collection"] for one in node.get(path)["resources"]} == {
            "networks", "subnets", "ports", "routers", "security_groups", "security_group_rules",
            "address_groups"}
    listed = [one["alias"] for one in node.get("/v2.0/extensions")["extensions"]]
    assert {"binding", "router", "provider", "standard-attr-tag"} <= set(listed)
    assert node.get("/v2.0/extensions/router")["extension"]["alias"] == "router"
    node.refused("GET", "/v2.0/extensions/qos", None, 404, "ExtensionNotFound")


def test_openapi(node):
    document = node.get("/openapi.json")
    validate(document)
    described = {(path, method.upper()) for path, item in document["paths"].items()
                 for method in item}
    assert described == {(route.path, route.method) for route in node.server.application.routes}
    create = document["components"]["schemas"]["PortCreate"]
    assert "binding:host_id" in create["properties"] and create["additionalProperties"] is False


def test_a_fault_is_answered_with_a_reference(node, caplog, monkeypatch):
    monkeypatch.setattr(type(node.view), "health", lambda self: 1 // 0)
    text = node.refused("GET", "/v1/health", None, 500, "HTTPInternalServerError")
    assert text.split()[-1].rstrip(".") in caplog.text and "ZeroDivisionError" not in text


# ---------------------------------------------------------------- /v1


@pytest.fixture
def pair():
    """Two nodes; element e1 belongs to the first, e2 to the second."""
    nodes = Node(), Node()
    for position, node in enumerate(nodes):
        node.view.element_list = [{"id": "e1"}, {"id": "e2"}]
        other = nodes[1 - position]
        node.view.owners[f"e{2 - position}"] = Remote(f"node{2 - position}", other.url)
        own = f"e{position + 1}"
        node.view.objects[own] = [{"kind": "port", "id": own}, {"kind": "evi", "evi": 1000}]
        node.view.flow_list[own] = [
            {"table": "classify", "priority": 1, "cookie": "0x10", "object": ["port", "p"]},
            {"table": "output", "priority": 2, "cookie": "0x11", "object": ["evi", 1000]},
        ]
    yield nodes
    for node in nodes:
        node.close()


def test_node_api(pair):
    one, two = pair
    assert one.get("/v1/health")["status"] == "ok"
    one.view.ok = False
    one.call("GET", "/v1/health", status=503)
    assert one.get("/v1/nodes")["nodes"] and one.get("/v1/evis")["evis"]
    assert [item["id"] for item in one.get("/v1/elements")["elements"]] == ["e1", "e2"]
    one.refused("GET", "/v1/elements/e9", None, 404, "ElementNotFound")
    for node in pair:  # any node answers for all
        assert node.get("/v1/vrouters/e1/objects?kind=port")["objects"] == [
            {"kind": "port", "id": "e1"}]
        assert node.get("/v1/vrouters/e2/flows?table=output")["flows"][0]["cookie"] == "0x11"
    assert one.get("/v1/vrouters/e2/flows?cookie=16")["total"] == 1
    assert one.get("/v1/vrouters/e1/flows?object=evi&limit=1")["total"] == 1
    one.refused("GET", "/v1/vrouters/e9/flows", None, 404, "ElementNotFound")
    one.refused("GET", "/v1/vrouters/e1/flows?limit=x", None, 400, "InvalidInput")
    two.view.connected.add("e2")
    one.refused("DELETE", "/v1/elements/e2", None, 409, "ElementConnected")
    two.view.connected.clear()
    one.call("DELETE", "/v1/elements/e2")
    assert [item["id"] for item in two.view.element_list] == ["e1"]


def test_names_that_a_url_must_quote_reach_the_owner(pair):
    one, two = pair
    name = "a b%2F?#\u00fc"
    for node in pair:
        node.view.owners[name] = Remote("node2", two.url) if node is one else None
    two.view.element_list.append({"id": name})
    path = quote(name, safe="")
    assert one.get(f"/v1/elements/{path}")["id"] == name
    one.call("DELETE", f"/v1/elements/{path}")
    assert name not in [item["id"] for item in two.view.element_list]


def test_a_port_whose_owner_has_just_died_is_shown_as_it_is_known_here(pair):
    one, _ = pair
    network = one.make("network", name="n")
    id = one.make("port", network_id=network["id"])["id"]
    one.view.states[id] = PortState("ACTIVE", "hv9", "e9")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        one.view.owners["e9"] = Remote("node9", f"http://127.0.0.1:{unused.getsockname()[1]}")
        found = one.call("GET", f"/v1/ports/{id}")
    assert found["state"]["host"] == "hv9" and found["unanswered"] == ["node9"]


def test_forwarding_does_not_loop(pair):
    one, two = pair
    one.view.owners["e3"] = Remote("node2", two.url)
    two.view.owners["e3"] = Remote("node1", one.url)
    one.refused("GET", "/v1/vrouters/e3/flows", None, 503, "OwnerUnclear")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        one.view.owners["e3"] = Remote("n", f"http://127.0.0.1:{unused.getsockname()[1]}")
        one.refused("GET", "/v1/vrouters/e3/flows", None, 502, "NodeUnreachable")


def test_rib(pair):
    one = pair[0]
    one.view.peer_list = [{"name": "a"}]
    one.view.instances = {"evis": [{"vni": 1}], "vrfs": [{"vni": 7}]}
    one.view.paths = [
        {"type": 2, "mac": "fa:16:3e:00:00:01", "ip": "10.0.0.1", "rts": ["64512:1"],
         "evi": 1, "best": True, "next_hop": "192.0.2.1", "peer": ""},
        {"type": 2, "mac": "fa:16:3e:00:00:01", "ip": "10.0.0.1", "rts": ["64512:1"],
         "evi": 1, "best": False, "next_hop": "192.0.2.2", "peer": "a"},
        {"type": 5, "prefix": "10.0.0.0/24", "rts": ["64512:2"], "vrf": 7, "best": True,
         "next_hop": "192.0.2.2", "peer": "a"},
    ]
    for query, count in (("", 3), ("type=2", 2), ("best=true", 2), ("best=0&peer=a", 1),
                         ("rt=64512:2", 1), ("vrf=7", 1), ("type=2&type=5", 3),
                         ("mac=FA-16-3E-00-00-01", 2), ("mac=fa:16:3e:00:00:02", 0),
                         ("next_hop=192.0.2.2&limit=1", 2), ("prefix=10.0.0.0/24", 1)):
        assert one.get(f"/v1/rib?{query}")["total"] == count, query
    assert len(one.get("/v1/rib?limit=1&offset=2")["rib"]) == 1
    one.refused("GET", "/v1/rib?best=maybe", None, 400, "InvalidInput")


def test_port_detail(pair):
    one = pair[0]
    network = one.make("network")
    port = one.make("port", network_id=network["id"])
    one.view.details[port["id"]] = {"claims": [{"element": "e1"}]}
    assert one.get(f"/v1/ports/{port['id']}")["claims"] == [{"element": "e1"}]
    one.refused("GET", "/v1/ports/none", None, 404, "PortNotFound")


def test_a_duplicate_is_cleared_by_its_owner(pair):
    one = pair[0]
    port = one.make("port", network_id=one.make("network")["id"])
    one.view.details[port["id"]] = {"duplicate": {"vtep": "192.0.2.60"}}
    path = f"/v1/ports/{port['id']}/duplicate"
    one.view.states[port["id"]] = PortState("ACTIVE", "e2", "e2")
    one.call("DELETE", path, status=404)  # Node two does not know this port.
    assert one.view.details[port["id"]]
    one.view.states[port["id"]] = PortState("ACTIVE", "e1", "e1")
    one.call("DELETE", path, status=204)
    assert not one.view.details[port["id"]]
    one.refused("DELETE", "/v1/ports/none/duplicate", None, 404, "PortNotFound")


def explanation(verdict, reason, port=""):
    stage = {"stage": "forwarding", "verdict": verdict, "reason": reason, "port": "", "rules": [],
             "nearest": []}
    return {"verdict": {"pass": "allowed", "drop": "unreachable"}.get(verdict, verdict),
            "reason": reason, "packet": "icmp", "stages": [stage],
            "source": {"port": "a", "name": "", "address": "10.0.0.1"},
            "destination": {"port": port, "name": "", "address": "10.0.0.2"}}


def test_explain_asks_the_owners_of_both_ends(pair, monkeypatch):
    one, two = pair
    asked = []

    def says(node, name, answer):
        def explain(port_id, to, **packet):
            asked.append((name, port_id, to))
            return answer
        monkeypatch.setattr(node.view, "explain", explain)

    path = "/v1/explain?port=a&to=10.0.0.2"
    # The receiver is two's: its switch may have no way back.
    one.view.states |= {"a": PortState("ACTIVE", "e1", "e1"), "b": PortState("ACTIVE", "e2", "e2")}
    for verdict in ("pass", "drop", "unknown"):
        says(one, "one", explanation("pass", "there", "b"))
        says(two, "two", explanation(verdict, "because", "a"))
        asked.clear()
        answer = one.get(path)
        assert asked == [("one", "a", "10.0.0.2"), ("two", "b", "10.0.0.1")]
        assert answer["verdict"] == explanation(verdict, "")["verdict"]
        assert answer["stages"][-1]["stage"] == "reply forwarding"
        assert answer["stages"][-1]["verdict"] == verdict
        assert answer["reason"] == ("" if verdict == "pass" else "reply forwarding: because") or (
            verdict == "pass")
    # The sender is two's: it is asked, once.
    one.view.states["a"] = PortState("ACTIVE", "e2", "e2")
    says(two, "two", explanation("drop", "at the sender"))
    asked.clear()
    assert one.get(path)["reason"] == "at the sender" and asked == [("two", "a", "10.0.0.2")]
    # Nobody answers there.
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        gone = Remote("node2", f"http://127.0.0.1:{unused.getsockname()[1]}")
        monkeypatch.setitem(one.view.owners, "e2", gone)
        asked.clear()
        assert one.get(path)["verdict"] == "unknown", "of the way back nothing is known"
        assert asked == [("one", "a", "10.0.0.2")]


# ---------------------------------------------------------------- hostile clients


def connect(node):
    return socket.create_connection(node.server.address, timeout=10)


def test_half_requests_do_not_stop_the_others(node):
    half = (
        b"", b"G", b"POST /v2.0/networks HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n{",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: y",
    )
    with contextlib.ExitStack() as stack:
        for index in range(80):
            sock = stack.enter_context(connect(node))
            sock.sendall(half[index % len(half)])
        for _ in range(20):
            assert requests.get(node.url + "/", timeout=5).status_code == 200
            assert post(node, b'{"network": {}}').status_code == 201


def test_a_request_may_come_in_pieces(node):
    text = b'POST /v2.0/networks HTTP/1.1\r\nHost: x\r\nContent-Length: 15\r\n\r\n{"network": {}}'
    with connect(node) as sock:
        for at in range(0, len(text), 20):
            sock.sendall(text[at:at + 20])
            time.sleep(0.01)
        assert b" 201 " in sock.recv(4096)
        sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n")
        found = b""
        while found.count(b"HTTP/1.1 200") < 2:
            found += sock.recv(4096)


def test_garbage_while_a_good_client_is_served(node):
    source, failed, served = random.Random(3), [], 0
    before = node.server.application.counters()
    stop = threading.Event()

    def good():
        nonlocal served
        while not stop.is_set():
            if requests.get(node.url + "/v2.0/networks?limit=1", timeout=10).status_code != 200:
                failed.append("refused")
            served += 1

    client = threading.Thread(target=good)
    client.start()
    pieces = [
        lambda: source.randbytes(source.randrange(1, 3000)),
        lambda: b"GET / HTTP/1.1\r\n" + b"X: " + b"y" * 200_000 + b"\r\n\r\n",
        lambda: b"GET / HTTP/1.1\r\n" + b"".join(b"X%d: y\r\n" % i for i in range(9000)) + b"\r\n",
        lambda: b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n",
        lambda: b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
        lambda: b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n",
        lambda: b"POST /v2.0/ports HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        lambda: b"\r\n\r\n\r\n", lambda: b"GET\r\n\r\n", lambda: b"\x16\x03\x01\x02\x00\x01\x00",
        lambda: b"GET /v2.0/ports?limit=" + b"9" * 5000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        lambda: b"GET http://[ HTTP/1.1\r\nHost: x\r\n\r\n",
        lambda: b"GET / HTTP/1.1\r\nHost: \xff[:x\r\n\r\n",
        lambda: b"GET /v2.0/ports?\xff=%00 HTTP/1.1\r\nHost: x\r\nX-Project-Id: \xff\r\n\r\n",
        lambda: b"GET /v2.0/%c3%28/\xfe HTTP/1.1\r\nHost: x\r\nIf-Match: \xff\r\n\r\n",
        lambda: b"POST /v2.0/networks HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n{}",
        lambda: b"PUT /v2.0/networks/\x01/tags/%00 HTTP/1.1\r\nHost: x\r\n\r\n",
    ]
    try:
        for index in range(150):
            with contextlib.suppress(OSError), connect(node) as sock:
                sock.settimeout(0.02)
                sock.sendall(pieces[index % len(pieces)]())
                if source.random() < 0.5:
                    sock.recv(1000)
    finally:
        stop.set()
        client.join(20)
    assert not failed and served > 5
    counted = node.server.application.counters()
    assert counted[200] - before.get(200, 0) >= served
    assert counted.get(500) == before.get(500)


@pytest.fixture
def certificates(tmp_path):
    """Options of an API that only clients with a certificate of its CA may use; the files."""
    def openssl(*words):
        subprocess.run(["openssl", *words], check=True, capture_output=True, cwd=tmp_path)

    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem",
            "-subj", "/CN=ca", "-days", "2")
    for name in ("server", "client"):
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key", "-out",
                f"{name}.csr", "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1")
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
                "-CAcreateserial", "-out", f"{name}.pem", "-days", "2", "-copy_extensions", "copy")
    path = {name: os.fspath(tmp_path / name) for name in
            ("ca.pem", "server.pem", "server.key", "client.pem", "client.key")}
    return {"cert_file": path["server.pem"], "key_file": path["server.key"],
            "client_ca_file": path["ca.pem"]}, path


def test_tls_with_client_certificates(certificates):
    settings, path = certificates
    node = Node(conf=options(**settings))
    try:
        silent = [connect(node) for _ in range(4)]  # never start the handshake
        assert node.url.startswith("https://")
        with requests.Session() as session:
            session.trust_env = False
            session.verify, session.cert = path["ca.pem"], (path["client.pem"], path["client.key"])
            for _ in range(3):
                assert session.get(node.url + "/v2.0/networks", timeout=5).status_code == 200
        with pytest.raises(requests.exceptions.RequestException):
            requests.get(node.url + "/", verify=path["ca.pem"], timeout=5)
        plain = requests.get(node.url.replace("https", "http") + "/", timeout=5)
        assert plain.status_code == 400
        assert "https://" in plain.json()["NeutronError"]["message"]
        for sock in silent:
            sock.close()
    finally:
        node.close()


def test_tls_clients_that_stop_half_way(certificates, monkeypatch):
    """In the handshake, in a request, in the answer: they hold nobody up, and end."""
    monkeypatch.setattr(limits, "GRACE", 1.0)
    settings, path = certificates
    node = Node(conf=options(threads=2, **settings))
    context = ssl.create_default_context(cafile=path["ca.pem"])
    context.load_cert_chain(path["client.pem"], path["client.key"])
    try:
        with contextlib.ExitStack() as stack:
            for start in (b"", b"GET / HTTP/1.1\r\nHo", b"POST /v2.0/networks HTTP/1.1\r\nHost: x"
                          b"\r\nContent-Length: 90000\r\n\r\n" + b"[" * 40000):
                for _ in range(10):
                    sock = stack.enter_context(context.wrap_socket(
                        connect(node), server_hostname="127.0.0.1"))
                    sock.sendall(start)
            for _ in range(10):
                stack.enter_context(connect(node)).sendall(b"\x16\x03\x01\x02\x00\x01")
            with requests.Session() as session:
                session.trust_env = False
                session.verify = path["ca.pem"]
                session.cert = path["client.pem"], path["client.key"]
                body = {"networks": [{"description": "y" * 200} for _ in range(500)]}
                assert session.post(node.url + "/v2.0/networks", json=body,
                                    timeout=10).status_code == 201
                found = session.get(node.url + "/v2.0/networks", timeout=10).json()["networks"]
                assert len(found) == 500
            deadline = time.monotonic() + 15
            while len(node.server._loop._clients):
                assert time.monotonic() < deadline, "they end"
                time.sleep(0.05)
    finally:
        node.close()


def test_vnctl_with_a_certificate(certificates, capsys, monkeypatch):
    settings, path = certificates
    node = Node(conf=options(**settings))
    ask = ["--url", node.url, "--ca", path["ca.pem"], "nodes"]
    mine = ["--cert", path["client.pem"], "--key", path["client.key"]]
    try:
        assert vnctl(ask) == 4
        assert "--cert and --key" in capsys.readouterr().err
        assert vnctl([*ask, *mine]) == 0
        assert vnctl([*ask, *mine[:3], path["ca.pem"]]) == 2
        assert "cannot use the certificate" in capsys.readouterr().err
        monkeypatch.setenv("VNCTL_CERT", path["client.pem"])
        monkeypatch.setenv("VNCTL_KEY", path["client.key"])
        assert vnctl(ask) == 0
    finally:
        node.close()


def test_nodes_ask_one_another_over_tls(certificates, monkeypatch):
    """For a hypervisor, and for the counters of a rule."""
    settings, path = certificates
    store = MemoryStore()
    first, second = (Node(store, options(**settings)) for _ in range(2))
    try:
        first.http.verify = path["ca.pem"]
        first.http.cert = path["client.pem"], path["client.key"]
        second.view.element_list = [{"id": "e2"}]
        first.view.owners["e2"] = Remote("node2", second.url)
        assert first.get("/v1/elements/e2") == {"id": "e2"}
        group = first.call("POST", "/v2.0/security-groups", {"security_group": {"name": "g"}})
        rule = group["security_group"]["security_group_rules"][0]["id"]
        deadline = time.monotonic() + 10
        while second.configuration.read(lambda config: rule not in config.security_group_rules):
            assert time.monotonic() < deadline, "the other node follows the store"
            time.sleep(0.01)
        second.view.counters[rule] = [
            {"element": "e2", "host": "host2", "packets": 3, "bytes": 300}]
        monkeypatch.setattr(first.view, "nodes", lambda: [
            {"node": "node2", "url": second.url, "alive": True, "elements": 1}])
        found = first.get(f"/v1/security-group-rules/{rule}/counters")
        assert (found["packets"], found["unanswered"]) == (3, [])
    finally:
        first.close()
        second.close()


def test_who_stands_by_is_shown_wherever_it_stands_by():
    owned = {"id": "e1", "mine": True, "state": "connected"}
    seen = {**owned, "mine": False, "standby": [{"node": "n2", "reason": "standby: owned by n1"}]}
    for ours, theirs in (([owned], [[seen]]), ([seen], [[owned]])):
        (shown,) = merge.elements(ours, theirs)
        assert shown["detail"] and shown["standby"] == seen["standby"]

"""The API over TLS, with certificates of clients: browsers, vnctl, and nodes among themselves."""

from __future__ import annotations

import contextlib
import os
import ssl
import subprocess
import time

import pytest
import requests

from ryu_apps.cli.vnctl import main as vnctl
from ryu_apps.northbound.base import Remote
from ryu_apps.northbound.serving import connection as limits
from ryu_apps.store.memory import MemoryStore
from tests.unit.northbound.api_client import Node, options
from tests.unit.northbound.raw_client import connect


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

"""etcd's clients: users, TLS, endpoints that talk nonsense or are silent, and malformed options."""

from __future__ import annotations

import contextlib
import http.server
import json
import logging
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest

from ryu_apps import supervision
from ryu_apps.configuration.status_writer import StatusWriter
from ryu_apps.pki.site import Site
from ryu_apps.store.base import Compare, Put, StoreError, Unavailable
from tests.unit.store.etcd_cluster import Cluster
from tests.unit.store.store_support import Replica, cluster, open_store, opened, until


@pytest.fixture(scope="module")
def etcd():
    with cluster() as one:
        yield one


@pytest.fixture(params=["simple", "jwt"])
def tokens(request, tmp_path) -> tuple[str, ...]:
    """The option that says which tokens etcd gives."""
    if request.param == "simple":
        return ("--auth-token=simple",)
    return jwt(tmp_path, "8h")


def jwt(directory: Path, lasts: str) -> tuple[str, ...]:
    """The option for tokens that are signed, and end after so long."""
    key, public = directory / "jwt.key", directory / "jwt.pub"
    for command in (f"genrsa -out {key} 2048", f"rsa -in {key} -pubout -out {public}"):
        subprocess.run(["openssl", *command.split()], check=True, capture_output=True)
    return (f"--auth-token=jwt,pub-key={public},priv-key={key},sign-method=RS256,ttl={lasts}",)


def as_root(etcd: Cluster) -> str:
    return etcd.call("/v3/auth/authenticate", {"name": "root", "password": "r"})["token"]


def with_users(etcd: Cluster) -> None:
    """root, and vnc with what a node needs below /vnc; users are wanted from then on."""
    for path, request in (
        ("/v3/auth/user/add", {"name": "root", "password": "r"}),
        ("/v3/auth/user/grant", {"user": "root", "role": "root"}),
        ("/v3/auth/user/add", {"name": "vnc", "password": "secret"}),
        ("/v3/auth/role/add", {"name": "vnc"}),
        # "/vnc" to "/vnd": the system's keys and its writers' markers.
        ("/v3/auth/role/grant", {"name": "vnc", "perm": {
            "permType": "READWRITE", "key": "L3ZuYw==", "range_end": "L3ZuZA=="}}),
        ("/v3/auth/user/grant", {"user": "vnc", "role": "vnc"}),
    ):  # fmt: skip
        try:
            etcd.call(path, request)
        except OSError:
            assert request.get("role") == "root"
            etcd.call("/v3/auth/role/add", {"name": "root"})
            etcd.call(path, request)
    etcd.call("/v3/auth/enable", {})


def test_users_and_passwords(tokens):
    with cluster(1, tokens) as etcd:
        with_users(etcd)
        with opened(etcd, prefix="/vnc", username="vnc", password="secret") as store:
            replica = Replica(store)
            store.transact([], [Put("/a", b"1")])
            store.gateway.tokens.current = "not.valid"
            store.transact([], [Put("/a", b"2")])
            until(lambda: replica.equals(store))
            # A restart makes all simple tokens void.
            etcd.kill()
            etcd.start()
            store.transact([], [Put("/a", b"3")])
            until(lambda: replica.equals(store))
            assert not replica.faults
            # Users and roles are changed, which makes all JWT void; every call goes on at once.
            for number, use in enumerate((
                lambda: store.transact([], [Put("/a", b"4")]),
                lambda: store.transact([], [Put("/node", b"5", ephemeral=True)]),
                lambda: store.get("/a"), lambda: store.list("/"),
                lambda: store._session._renew(), lambda: store.watch("/", 1, print),
            )):  # fmt: skip
                user = {"name": f"u{number}", "password": "x"}
                etcd.call("/v3/auth/user/add", user, token=as_root(etcd))
                use()
            until(lambda: store.status()["ok"])
            until(lambda: replica.equals(store))
            late = Replica(store)
            store.transact([], [Put("/a", b"6")])
            until(lambda: late.equals(store) and replica.equals(store))
            # Without users: nobody is asked for a token any more.
            etcd.call("/v3/auth/disable", {}, token=as_root(etcd))
            store.gateway.tokens.drop(store.gateway.tokens.current)
            store.transact([], [Put("/a", b"7")])
            etcd.call("/v3/auth/enable", {})
            store.transact([], [Put("/a", b"8")])
            assert store.get("/a").value == b"8"
            until(lambda: replica.equals(store))
            assert not replica.faults
        with opened(etcd, prefix="/vnc", username="vnc", password="wrong") as store, pytest.raises(
            StoreError, match="does not let the user vnc in"
        ):
            store.get("/a")
        with opened(etcd, prefix="/other", username="vnc", password="secret") as store, (
            pytest.raises(StoreError, match="grant the user")
        ):
            store.get("/a")


def test_tokens_that_expire_all_the_time(tmp_path):
    """Each lasts three seconds: no call fails, nothing is lost, and the lease stays."""
    with cluster(1, jwt(tmp_path, "3s")) as etcd:
        with_users(etcd)
        with opened(
            etcd, prefix="/vnc", username="vnc", password="secret", session_ttl=3
        ) as store:
            revision = store.transact([], [Put("/node", b"1", ephemeral=True)])
            replica = Replica(store)
            tokens = set()
            deadline = time.monotonic() + 60
            while len(tokens) < 3:
                assert time.monotonic() < deadline, tokens
                store.transact([], [Put("/a", b"%d" % len(tokens))])
                store.list("/")
                tokens.add(store.gateway.tokens.current)
                time.sleep(0.05)
            assert store.get("/node").revision == revision
            until(lambda: replica.equals(store))
            assert not replica.faults


def test_tls(tmp_path):
    def openssl(*words: str) -> None:
        subprocess.run(["openssl", *words], check=True, cwd=tmp_path, capture_output=True)

    openssl(
        "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-out", "cert.pem",
        "-days", "2", "-subj", "/CN=etcd", "-addext", "subjectAltName=IP:127.0.0.1",
    )  # fmt: skip
    cert, key = str(tmp_path / "cert.pem"), str(tmp_path / "key.pem")
    etcd = Cluster(
        tmp_path,
        1,
        (f"--cert-file={cert}", f"--key-file={key}", f"--trusted-ca-file={cert}",
         "--client-cert-auth"),
    )  # fmt: skip
    etcd.urls = [etcd.urls[0].replace("http:", "https:")]
    etcd.wait_ready = lambda member: None
    etcd.start()
    try:
        with opened(etcd, ca_file=cert, cert_file=cert, key_file=key, timeout=20) as store:
            store.transact([], [Put("/a", b"1")])
            replica = Replica(store)
            store.transact([], [Put("/a", b"2")])
            until(lambda: replica.batches)
        with opened(etcd, ca_file=cert, timeout=1) as store, pytest.raises(Unavailable):
            store.get("/a")
        with opened(etcd, timeout=1) as store, pytest.raises(Unavailable, match="certificate"):
            store.get("/a")
        with pytest.raises(StoreError, match="TLS files"):
            open_store("etcd", endpoints=etcd.urls, ca_file="/nowhere.pem")
    finally:
        etcd.kill()


def test_the_certificates_of_a_site(tmp_path):
    """A node gets in, with new files too while it runs; a hypervisor does not."""
    sites = {}
    for name in ("own", "other"):
        site = sites[name] = Site(tmp_path / name)
        site.init(name, 10)
        for role in ("node", "hypervisor", "etcd"):
            site.issue(role, "x", ("127.0.0.1",), (), 5)
    own, other = sites["own"], sites["other"]
    member, ca = own.files("etcd", "x"), str(own.directory / "ca.pem")
    etcd = Cluster(
        tmp_path, 1, (f"--cert-file={member.certificate}", f"--key-file={member.key}",
                      f"--trusted-ca-file={ca}", "--client-cert-auth"),
    )  # fmt: skip
    etcd.urls = [etcd.urls[0].replace("http:", "https:")]
    etcd.wait_ready = lambda member: None
    etcd.start()
    mine = other.export("node", "x", tmp_path / "copy")
    try:
        with opened(etcd, ca_file=ca, cert_file=str(mine.certificate), key_file=str(mine.key),
                    timeout=2) as store:
            with pytest.raises(Unavailable, match="https:"):
                store.get("/a")
            own.export("node", "x", tmp_path / "copy")

            def writes() -> bool:
                with contextlib.suppress(StoreError):
                    return bool(store.transact([], [Put("/a", b"1")]))
                return False

            until(writes)
        no = own.files("hypervisor", "x")
        with opened(etcd, ca_file=ca, cert_file=str(no.certificate), key_file=str(no.key),
                    timeout=1) as store, pytest.raises(Unavailable):
            store.get("/a")
    finally:
        etcd.kill()


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\x00" * 200,
        b"HTTP/1.1 200 OK\r\n" + b"x" * 70000,
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nnot json!",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\n",
        b"HTTP/1.1 302 Found\r\nContent-Length: 2\r\n\r\n[]",
    ],
)
def test_an_endpoint_that_talks_nonsense_is_left_for_another(etcd: Cluster, answer: bytes):
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    client, _ = listener.accept()
                except OSError:
                    return
                with client:
                    client.recv(65536)
                    client.sendall(answer)

        threading.Thread(target=serve, daemon=True).start()
        bad = f"http://127.0.0.1:{listener.getsockname()[1]}"
        store = open_store("etcd", endpoints=[bad, etcd.urls[0]], prefix="/nonsense")
        replica = Replica(store)
        store.transact([], [Put("/a", answer[:30])])
        until(lambda: replica.equals(store))
        store.close()
        listener.shutdown(socket.SHUT_RDWR)


ODD = [
    {}, [], {"header": "nope"}, {"header": None}, {"succeeded": True}, {"result": {"ID": "x"}},
    {"header": {"cluster_id": "1"}}, {"header": {"cluster_id": "x", "revision": "1"}},
    {"header": {"cluster_id": "1", "revision": "x"}, "ID": "x", "kvs": [{}], "succeeded": True},
    {"header": {"cluster_id": "1", "revision": "9"}, "kvs": [{"key": "?"}], "responses": [1]},
    {"header": {"cluster_id": "1", "revision": "9"}, "kvs": 7, "more": True, "responses": []},
    {"header": {"cluster_id": "1", "revision": "9"}, "result": {"TTL": {}}, "ID": None},
]


class OddHandler(http.server.BaseHTTPRequestHandler):
    """Says what no etcd says, one thing after the other."""

    protocol_version = "HTTP/1.1"
    asked = 0

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        body = json.dumps(ODD[type(self).asked % len(ODD)]).encode()
        type(self).asked += 1
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments) -> None:
        pass


def test_something_else_at_the_address_of_etcd_ends_no_thread():
    """What waits is written when etcd is back, the session's keys are there again, and the watch
    goes on."""
    ended = dict(supervision.PROCESS.ended)
    with cluster() as etcd:
        store = open_store("etcd", endpoints=etcd.urls, session_ttl=2, timeout=1)
        writer = StatusWriter(store, 128)
        writer.start()
        writer.put("/status/nodes/one", {"n": 1}, ephemeral=True)
        until(lambda: store.get("/status/nodes/one"))
        replica = Replica(store)
        etcd.kill()
        port = int(etcd.urls[0].rpartition(":")[2])
        OddHandler.asked = 0
        with http.server.ThreadingHTTPServer(("127.0.0.1", port), OddHandler) as odd:
            threading.Thread(target=odd.serve_forever, daemon=True).start()
            writer.put("/status/elements/hv1", {"n": 1})
            for _ in ODD:
                for use in (
                    lambda: store.get("/a"), lambda: store.list("/"),
                    lambda: store.transact([], [Put("/a", b"1")]),
                    lambda: store.transact([Compare("/a", 1)], []),
                ):  # fmt: skip
                    try:
                        use()
                    except StoreError:
                        pass
                assert isinstance(store.status()["error"], str)
            until(lambda: OddHandler.asked > 10 * len(ODD), 60)
            odd.shutdown()
        etcd.start()
        with opened(etcd, prefix="/vnc") as other:
            until(lambda: other.get("/status/elements/hv1"), 60)
            until(lambda: other.get("/status/nodes/one"), 60)
            until(lambda: replica.equals(other), 60)
        assert supervision.PROCESS.ended == ended
        writer.stop()
        store.close()


@pytest.mark.parametrize("url", ["", "127.0.0.1:2379", "ftp://x", "http://", "http://h:1/path"])
def test_malformed_endpoints_are_refused(url: str):
    with pytest.raises(ValueError, match="endpoint"):
        open_store("etcd", endpoints=[url])


def test_closing_is_quick_when_etcd_is_silent(caplog):
    """Nobody waits for the timeout of a request that is under way."""
    caplog.set_level(logging.CRITICAL)
    with cluster() as etcd:
        store = open_store("etcd", endpoints=etcd.urls, timeout=600)
        Replica(store)
        store.transact([], [Put("/a", b"1")])
        etcd.signal(0, signal.SIGSTOP)
        faults: list = []

        def read() -> None:
            try:
                store.get("/a")
            except StoreError as error:
                faults.append(error)

        reader = threading.Thread(target=read)
        reader.start()
        time.sleep(0.2)
        store.close()
        reader.join()
        assert faults

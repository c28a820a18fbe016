"""Hypervisors over TLS, with a throw-away CA."""

from __future__ import annotations

import contextlib
import socket
import subprocess
from pathlib import Path

import pytest

from lab.beds.ovsdb_bed import Hypervisor, Node, until
from vrouter_ovs.state import Endpoint


def openssl(directory: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=directory, check=True, capture_output=True)


def authority(directory: Path, *names: str) -> Path:
    """A CA in ``directory`` and a key and certificate for each of ``names``."""
    directory.mkdir()
    new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    openssl(directory, "req", "-x509", *new_key, "-days", "2", "-subj", "/CN=ca",
            "-keyout", "ca.key", "-out", "ca.pem")
    for name in names:
        openssl(directory, "req", *new_key, "-subj", f"/CN={name}",
                "-keyout", f"{name}.key", "-out", f"{name}.csr")
        openssl(directory, "x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey",
                "ca.key", "-CAcreateserial", "-days", "2", "-out", f"{name}.pem")
    return directory


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    return authority(tmp_path_factory.mktemp("pki") / "good", "node", "hypervisor")


@pytest.fixture
def node(good):
    node = Node(
        listen=("pssl:0:127.0.0.1",), private_key=str(good / "node.key"),
        certificate=str(good / "node.pem"), ca_cert=str(good / "ca.pem"), handshake_timeout=2.0,
    )
    yield node
    node.stop()


def test_a_hypervisor_with_a_certificate_joins(node, good):
    hypervisor = Hypervisor("tls1", "10.0.0.1", tls=good).start()
    try:
        assert node.bound[0][0] == "ssl"
        hypervisor.join(*node.bound)
        node.connected("tls1")
        until(lambda: node.state("tls1").get("datapath_id"), "configured")
        assert node.state("tls1")["tls"]
        assert hypervisor.vsctl("get-controller", "br-int") == "ssl:127.0.0.1:6653"
        assert hypervisor.find("Manager", "max_backoff") == [{"max_backoff": 1000}]
        node.set_tunnels("tls1", frozenset(Endpoint(f"10.1.0.{n}") for n in range(1, 101)))
        until(lambda: node.state("tls1")["tunnels"] == 100, "a hundred tunnels")
    finally:
        hypervisor.stop()


def test_another_authority_and_plain_text_are_refused(node, good, tmp_path, caplog):
    other = authority(tmp_path / "other", "hypervisor")
    (other / "ca.pem").write_bytes((good / "ca.pem").read_bytes())
    hypervisor = Hypervisor("evil", "10.0.0.2", tls=other).start()
    try:
        hypervisor.join(*node.bound)
        until(lambda: "TLS handshake failed" in caplog.text, "the reason")
        assert not node.events
        for data in (b'{"id":1,"result":1,"error":null}', b"\x16\x03\x01\x00\x05hello"):
            with socket.create_connection(node.bound[0][1:], timeout=20) as sock:
                sock.sendall(data)
                with contextlib.suppress(ConnectionError):
                    while sock.recv(4096):
                        pass
        with (
            socket.create_connection(node.bound[0][1:], timeout=20) as sock,
            contextlib.suppress(ConnectionError),
        ):
            while sock.recv(4096):  # silent: closed by the deadline
                pass
        until(lambda: "not ready in time (state handshake)" in caplog.text, "the silent one closed")
        assert node.shell.counters["internal_errors"] == 0
    finally:
        hypervisor.stop()


def test_a_missing_file_is_named(good):
    with pytest.raises(OSError, match=r"nowhere\.pem"):
        Node(listen=("pssl:0:127.0.0.1",), private_key=str(good / "node.key"),
             certificate="/nowhere.pem", ca_cert=str(good / "ca.pem"))

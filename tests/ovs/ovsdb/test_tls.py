"""Hypervisors over TLS, with a throw-away CA."""

from __future__ import annotations

import contextlib
import socket
from pathlib import Path

import pytest

from lab.beds.ovsdb_bed import Hypervisor, Node, until
from ryu_apps.control.messages import ElementUnusable
from ryu_apps.pki.site import Site
from vrouter_ovs.state import Endpoint


def files(site: Site, role: str, name: str) -> Path:
    """A directory with a holder's files, named as a hypervisor's."""
    return site.export(role, name, site.directory / "copies" / name).key.parent


def made(directory: Path, *hypervisors: str) -> Site:
    site = Site(directory)
    site.init("test", 10)
    site.issue("node", "node1", ("127.0.0.1",), (), 2)
    for name in hypervisors:
        site.issue("hypervisor", name, (), (), 2)
    return site


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    return made(tmp_path_factory.mktemp("pki") / "good", "tls1", "tls2")


@pytest.fixture
def node(good):
    mine = files(good, "node", "node1")
    node = Node(
        listen=("pssl:0:127.0.0.1",), private_key=str(mine / "node.key"),
        certificate=str(mine / "node.pem"), ca_cert=str(mine / "hypervisors.pem"),
        handshake_timeout=2.0,
    )
    yield node
    node.stop()


def test_a_hypervisor_with_a_certificate_joins(node, good):
    hypervisor = Hypervisor("tls1", "10.0.0.1", tls=files(good, "hypervisor", "tls1")).start()
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
    other = files(made(tmp_path / "other", "evil"), "hypervisor", "evil")
    (other / "ca.pem").write_bytes((good.directory / "ca.pem").read_bytes())
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


def test_the_certificate_of_one_does_not_make_it_another(node, good, caplog):
    """tls2 says that it is tls1: it neither joins nor disturbs the one that is."""
    own = Hypervisor("tls1", "10.0.0.1", tls=files(good, "hypervisor", "tls1")).start(False)
    thief = Hypervisor("tls1", "10.0.0.3", tls=files(good, "hypervisor", "tls2")).start(False)
    try:
        thief.join(*node.bound)
        reason = until(lambda: [one.reason for one in node.of(ElementUnusable)], "the refusal")[0]
        assert "its certificate is of tls2, not of tls1" in reason
        own.join(*node.bound)
        session = node.connected("tls1").session
        thief.vsctl("--no-wait", "set", "Open_vSwitch", ".", "external_ids:hostname=again")
        thief.vsctl("--no-wait", "set", "Open_vSwitch", ".", "external_ids:system-id=tls2")
        assert node.connected("tls2").info.certified == {"tls2"}
        assert node.connected("tls1").session == session
    finally:
        own.stop()
        thief.stop()


def test_a_missing_file_is_named(good):
    mine = files(good, "node", "node1")
    with pytest.raises(OSError, match=r"nowhere\.pem"):
        Node(listen=("pssl:0:127.0.0.1",), private_key=str(mine / "node.key"),
             certificate="/nowhere.pem", ca_cert=str(mine / "hypervisors.pem"))

"""Who gets in where: each listener of a node over TLS, and each way to be somebody else.

The table of docs/operations.md, "TLS"; each cell with real sockets.
"""

from __future__ import annotations

import contextlib
import datetime
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.beds.node_bed import LoopbackNode
from lab.beds.ovsdb_bed import Hypervisor
from lab.wait import wait_until
from ryu_apps.pki.site import Site, utc_now
from tests.ovs.tls.doors import DOORS, Door, client, copies

NAMES = {"hypervisor": "hv1", "client": "alice"}


def made(directory: Path) -> Site:
    site = Site(directory)
    site.init("test", 100)
    site.issue("node", "node1", ("127.0.0.1",), (), 10)
    for role, names in (("hypervisor", ("hv1", "hv2")), ("client", ("alice",))):
        for name in names:
            site.issue(role, name, (), (), 10)
    return site


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return made(tmp_path_factory.mktemp("site") / "pki")


@pytest.fixture(scope="module")
def node(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoopbackNode]:
    with LoopbackNode(tmp_path_factory.mktemp("node"), tls=copies(site, "node", "node1"),
                      client_tls=client(site, "client", "alice")) as found:
        yield found
        assert found.process.poll() is None
        assert "Traceback" not in found.log.read_text()


@pytest.fixture(params=DOORS)
def door(request: pytest.FixtureRequest) -> Door:
    return DOORS[request.param]


def own(site: Site, door: Door, **more: Path) -> ssl.SSLContext:
    return client(site, door.role, NAMES[door.role], **more)


def refused(node: LoopbackNode, door: Door, context: ssl.SSLContext, site: Site) -> str:
    """Why the client was refused; the right one is served meanwhile."""
    with pytest.raises(OSError) as error:
        door.enter(node, context)
    door.enter(node, own(site, door)).close()
    return str(error.value)


def test_the_right_one(node: LoopbackNode, door: Door, site: Site) -> None:
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        context = own(site, door)
        context.minimum_version = context.maximum_version = version
        with door.enter(node, context) as sock:
            assert sock.version() == version.name.replace("_", ".")


def test_another_authority(
    node: LoopbackNode, door: Door, site: Site, tmp_path: Path
) -> None:
    other = made(tmp_path / "other")
    assert "unknown ca" in refused(
        node, door, own(other, door, trusting=site.directory / "ca.pem"), site)


def test_the_other_authority_of_the_site(node: LoopbackNode, door: Door, site: Site) -> None:
    """A hypervisor is no operator, and an operator no hypervisor."""
    role = "client" if door.role == "hypervisor" else "hypervisor"
    assert "unknown ca" in refused(node, door, client(site, role, NAMES[role]), site)


def test_no_certificate(node: LoopbackNode, door: Door, site: Site) -> None:
    bare = ssl.create_default_context(cafile=str(site.directory / "ca.pem"))
    assert "certificate required" in refused(node, door, bare, site)


def test_expired(node: LoopbackNode, door: Door, site: Site) -> None:
    past = Site(site.directory, lambda: utc_now() - datetime.timedelta(days=3))
    if (door.role, "late") not in site.inventory().current():
        past.issue(door.role, "late", (), (), 1)
    assert "certificate expired" in refused(node, door, client(site, door.role, "late"), site)


def test_tls_1_1(node: LoopbackNode, door: Door, site: Site) -> None:
    context = own(site, door)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    assert "protocol version" in refused(node, door, context, site)


def test_plain_text(node: LoopbackNode, door: Door, site: Site) -> None:
    for words in (b'{"id":1,"method":"echo","params":[]}', b"\x05\x00\x00\x08\x00\x00\x00\x01",
                  b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"):
        with door.raw(node) as sock:
            sock.sendall(words)
            heard = b""
            with contextlib.suppress(ConnectionError):
                while piece := sock.recv(4096):
                    heard += piece
        if door.port == "api":
            assert heard.startswith(b"HTTP/1.1 400 "), "people are told to speak TLS"
            assert b"https://" in heard
        else:
            assert heard[:1] in (b"", b"\x15"), "an alert of TLS at most"
    door.enter(node, own(site, door)).close()


def test_a_node_at_another_address_is_refused_by_its_clients(
    node: LoopbackNode, site: Site
) -> None:
    """The name that a certificate of a node has to have; Open vSwitch looks at no name."""
    context = client(site, "client", "alice")
    with DOORS["rest"].raw(node) as sock, pytest.raises(ssl.SSLCertVerificationError, match="name"):
        context.wrap_socket(sock, server_hostname="node2.example")


def test_taken_out_of_the_bundle(
    node: LoopbackNode, door: Door, site: Site, tmp_path: Path
) -> None:
    """While the node runs: who was trusted is not any more, and a session of his goes on."""
    other = made(tmp_path / "other")
    guest = own(other, door, trusting=site.directory / "ca.pem")
    bundle = copies(site, "node", "node1") / door.bundle
    before = bundle.read_bytes()
    try:
        bundle.write_bytes(before + (other.directory / door.bundle).read_bytes())
        wait_until(lambda: _entered(node, door, guest), "the second authority to be trusted", 20)
        with door.enter(node, guest) as sock:
            bundle.write_bytes(before)
            wait_until(lambda: not _entered(node, door, guest), "it to be trusted no more", 20)
            if door.port == "api":
                sock.settimeout(10)
                while sock.pending():
                    sock.recv(4096)
                sock.sendall(door.first)
                assert sock.recv(1), "a session stays"
        assert "unknown ca" in refused(node, door, guest, site)
    finally:
        bundle.write_bytes(before)


def _entered(node: LoopbackNode, door: Door, context: ssl.SSLContext) -> bool:
    try:
        door.enter(node, context).close()
    except OSError:
        return False
    return True


# ------------------------------------------------------------ names, with Open vSwitch


def hypervisor(site: Site, name: str, vtep: str, certificate: str) -> Hypervisor:
    """With the certificate of another, perhaps."""
    files = copies(site, "hypervisor", certificate)
    one = Hypervisor(name, vtep, tls=files).start()
    one.vsctl("--no-wait", "set-ssl", *(
        str(files / file) for file in ("hypervisor.key", "hypervisor.pem", "ca.pem")))
    return one


def shown(node: LoopbackNode, name: str) -> list[dict]:
    return [one for one in node.client.v1("elements") if one["id"] == name]


def served(node: LoopbackNode, name: str) -> bool:
    found = shown(node, name)
    return len(found) == 1 and found[0]["connected"] and found[0].get("settled")


def test_a_hypervisor_is_who_its_certificate_says(node: LoopbackNode, site: Site) -> None:
    """OVSDB with another's certificate; then OpenFlow with another's, and the datapath id of the
    right one, from the same address."""
    with contextlib.ExitStack() as stack:
        own_one = hypervisor(site, "hv1", "192.0.2.11", "hv1")
        stack.callback(own_one.stop)
        thief = hypervisor(site, "hv1", "192.0.2.12", "hv2")
        stack.callback(thief.stop)
        thief.vsctl("--no-wait", "set-manager", node.ovsdb_target)

        def reasons() -> list[str]:
            return [one["refused"] for one in shown(node, "hv1") if one.get("refused")]

        wait_until(reasons, "the refusal in /v1/elements", 20, log=node.log)
        assert "its certificate is of hv2, not of hv1" in reasons()[0]
        assert shown(node, "hv1")[0]["state"] == "refused"
        assert node.logged("its certificate is of hv2, not of hv1")
        thief.vsctl("--no-wait", "del-manager")

        own_one.vsctl("--no-wait", "set-manager", node.ovsdb_target)
        wait_until(lambda: served(node, "hv1"), "hv1 to be served", 30, log=node.log)
        number = shown(node, "hv1")[0]["datapath_id"]
        target = f"ssl:127.0.0.1:{node.ports['openflow']}"
        thief.vsctl(
            "--no-wait", "add-br", "br0", "--", "set", "Bridge", "br0", "datapath_type=dummy",
            "fail_mode=secure", "protocols=OpenFlow14",
            f"other_config:datapath-id={number}", "--", "set-controller", "br0", target,
        )
        wait_until(lambda: node.logged("element hv1, whose switch it says to be, has another "
                                       "certificate"), "the thief's switch", 20, log=node.log)
        assert served(node, "hv1")
        assert not [line for line in thief.ofctl("-O", "OpenFlow14", "dump-flows", "br0")
                    .splitlines() if "cookie" in line], "it gets no flow"
        # By itself the node's own one comes back, when its connection is lost.
        own_one.stop_switch()
        own_one.start_switch()
        wait_until(lambda: served(node, "hv1"), "hv1 to be served again", 30, log=node.log)


def reason(node: LoopbackNode, name: str) -> str:
    return next((one["refused"] for one in shown(node, name) if one.get("refused")), "")


def test_a_hypervisor_has_the_vteps_of_its_certificate(node: LoopbackNode, site: Site) -> None:
    """Of one family and of both; what is not among them is refused until it is mended."""
    site.issue("hypervisor", "hv3", ("192.0.2.13", "fd00:0::13"), (), 10)
    with contextlib.ExitStack() as stack:
        one = hypervisor(site, "hv3", "192.0.2.99", "hv3")
        stack.callback(one.stop)
        one.vsctl("--no-wait", "set-manager", node.ovsdb_target)
        for vteps, bad in (("192.0.2.99", "192.0.2.99"), ("192.0.2.13,fd00::99", "fd00::99")):
            one.vsctl("--no-wait", "set", "Open_vSwitch", ".",
                      f"external_ids:vnc-encap-ip=\"{vteps}\"")
            words = f"its certificate is not for the VTEP {bad} "
            wait_until(lambda words=words: words in reason(node, "hv3"), "the refusal", 20,
                       log=node.log)
            assert "192.0.2.13, fd00::13" in reason(node, "hv3")
            assert shown(node, "hv3")[0]["state"] == "refused"
            assert node.logged(words)
            check = next(one for one in node.client.health()["checks"]
                         if one["name"] == "admission")
            assert "hv3" in check["detail"]
            assert not one.vsctl("--no-wait", "list-br"), "it is not configured"
        one.vsctl("--no-wait", "set", "Open_vSwitch", ".",
                  'external_ids:vnc-encap-ip="192.0.2.13,fd00::13"')
        wait_until(lambda: served(node, "hv3"), "hv3 to be served", 30, log=node.log)
        assert shown(node, "hv3")[0]["vteps"] == ["192.0.2.13", "fd00::13"]
